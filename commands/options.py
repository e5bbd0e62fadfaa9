"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="The peakproof.toml of your middleware.", show_default=False)
]


MiddlewareOption = Annotated[
    str | None,
    typer.Option(
        "--middleware",
        metavar="reference|DEFECT|URL",
        help="The reference, the reference with a planted defect, or where yours already runs. "
        "Unless said: ./peakproof.toml, else the reference.",
        show_default=False,
    ),
]


SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same orders and faults.")]


SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change one key of the scenario, e.g. settle.max_s=60; repeatable.",
        show_default=False,
    ),
]


ProcessesOption = Annotated[
    bool,
    typer.Option("--processes", help="Give each system of the estate a process of its own."),
]


InvariantsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--invariants",
        metavar="FILE.sql|FILE.py:FUNCTION",
        help="An invariant of your own; repeatable.",
        show_default=False,
    ),
]


ObjectiveOption = Annotated[
    list[str] | None,
    typer.Option(
        "--objective",
        metavar="TEXT",
        help="A threshold on a key figure, e.g. 'order_sync_latency_p95 < 30s'; repeatable.",
        show_default=False,
    ),
]


OutOption = Annotated[Path, typer.Option("--out", help="Folder for the run's own folder.")]


JsonOption = Annotated[bool, typer.Option("--json", help="Exactly one JSON document on stdout.")]


TrustOption = Annotated[
    bool,
    typer.Option("--trust", help="Also use what the run itself names: its configuration and its invariants."),
]


RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or its id below runs/.")]
