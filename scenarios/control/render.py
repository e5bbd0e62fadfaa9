"""What the user sees of a standing estate and of its faults, on a terminal."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from ...chaos.registry import Entry
from ...history.printable import printable
from ...verdict.render.wording import counted
from .examples import example

if TYPE_CHECKING:
    from ..up import Ready

STATES = {
    "active": ("●", "bold red"),
    "waiting": ("○", "yellow"),
    "healed": ("✓", "green"),
}
"""Mark and style of an injection, by its state."""
NAMES_SHOWN = 12


def show_ready(ready: "Ready", scenario: str, time_scale: float, console: Console) -> None:
    """Where each system is and what it wants to see; the credentials of this run only."""
    title = Text.assemble(("peakproof is up", "bold green"), f" · {scenario} · {ready.folder}")
    if time_scale != 1:
        title.append(f" · posting, picking and retries run {1 / time_scale:g} times as fast", "dim")
    console.print(title, soft_wrap=True)
    table = Table(header_style="bold", show_lines=False, pad_edge=False, box=None, padding=(0, 2, 0, 0))
    table.add_column("system", style="bold", no_wrap=True)
    table.add_column("address", style="cyan", no_wrap=True)
    table.add_column("credentials", overflow="fold")
    for name, system in ready.systems.items():
        lines = [
            Text.assemble(("key      ", "dim"), system.api_key),
            Text.assemble(
                ("client   ", "dim"), f"{system.client_id} ", ("secret ", "dim"), system.client_secret
            ),
        ]
        if name in ready.shopper_keys:
            lines.append(Text.assemble(("shopper  ", "dim"), ready.shopper_keys[name]))
        label = Text.assemble(name, ("" if name == system.kind else f"\n{system.kind}", "dim"))
        table.add_row(label, system.url, Group(*lines))
    console.print()
    console.print(table)
    console.print()
    first = next(iter(ready.systems.values()))
    hints = [
        ("middleware", ready.sut or "none: give its address to POST /v1/subscriptions of each system"),
        ("watch", ready.live or "there is no live view"),
        ("look", f"curl {first.url}/openapi.json"),
        ("break", "peakproof chaos inject erp outage --for 60s     (in a second terminal)"),
        ("end", f"Ctrl-C, then: peakproof judge {ready.folder}"),
    ]
    for word, hint in hints:
        console.print(Text.assemble((f"{word:<12}", "dim"), hint), soft_wrap=True)


def show_faults(entries: Iterable[Entry], console: Console) -> None:
    """Every fault in two lines: what it is, and how it is typed."""
    listed = list(entries)
    width = max((len(entry.name) for entry in listed), default=0)
    for entry in listed:
        console.print(Text.assemble((f"{entry.name:<{width}}", "bold"), f"  {entry.summary}"), soft_wrap=True)
        console.print(Text(f"{'':<{width}}  {example(entry)}", style="cyan"), soft_wrap=True)


def show_status(status: Mapping[str, Any], console: Console) -> None:
    """Where the run is, its systems, and how each injection stands."""
    phase = f"{status['phase'].replace('_', ' ')}, {status['elapsed_s']:.0f} s"
    console.print(Text.assemble((status["run"], "bold"), f" · {phase}"), soft_wrap=True)
    table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("system", "address"):
        table.add_column(column, no_wrap=True)
    for column in ("calls", "a second"):
        table.add_column(column, justify="right")
    table.add_column("throttle")
    for system in status["systems"]:
        factor = system["throttle_factor"]
        throttle = "none" if factor is None else "as usual" if factor == 1 else f"cut to {factor:g}"
        table.add_row(
            system["name"],
            Text(system["url"], style="cyan"),
            f"{system['calls']:,}",
            f"{system['calls_per_s']:.1f}",
            Text(throttle, style="bold red" if factor not in (None, 1) else "dim"),
        )
    console.print(table)
    console.print()
    if not status["faults"]:
        console.print(Text("no faults; put one in with: peakproof chaos inject SYSTEM FAULT", style="dim"))
        return
    console.print(_faults(status["faults"]))


def show_injected(standing: Mapping[str, Any], console: Console) -> None:
    """That it acts now, and how it ends."""
    end = (
        f"heals by itself in {_time(standing['left_s'])}"
        if standing["left_s"] is not None
        else f"until: peakproof chaos heal {standing['id']}"
    )
    mark, style = STATES["active"]
    console.print(
        Text.assemble(
            (f"{mark} {standing['id']}", style), f"  {standing['fault']} on {_where(standing)}, {end}"
        ),
        soft_wrap=True,
    )


def show_healed(ids: Iterable[str], console: Console) -> None:
    mark, style = STATES["healed"]
    for one in ids:
        console.print(Text.assemble((f"{mark} {one}", style), "  healed"), soft_wrap=True)


def show_rehearsal(found: Mapping[str, Any], console: Console) -> None:
    """What an injection would meet, and that nothing was done."""
    console.print(
        Text.assemble((found["fault"], "bold"), f" on {', '.join(found['systems'])}: nothing is injected"),
        soft_wrap=True,
    )
    names = found["names"]
    if found["whole"] is not None:
        console.print(f"acts on {found['whole']} as a whole", soft_wrap=True)
    else:
        more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
        console.print(
            Text.assemble((f"{found['what']}  ", "dim"), ", ".join(names[:NAMES_SHOWN]) + more),
            soft_wrap=True,
        )
    if found["note"] is not None:
        console.print(Text(found["note"], style="dim"), soft_wrap=True)
        return
    what = "event" if found["what"] == "topic" else "call"
    console.print(
        Text.assemble(
            "would have met ",
            (f"{found['met']:,} of {counted(found['seen'], what)}", "bold"),
            " recorded so far, had it stood from the start",
        ),
        soft_wrap=True,
    )
    if not found["by_name"]:
        return
    table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("system")
    table.add_column(found["what"])
    table.add_column("met", justify="right")
    table.add_column("of", justify="right")
    for row in found["by_name"]:
        table.add_row(row["system"], row["name"], f"{row['met']:,}", f"{row['seen']:,}")
    console.print(table)
    if found["subjects"]:
        console.print(
            Text.assemble(("e.g.  ", "dim"), ", ".join(map(printable, found["subjects"]))), soft_wrap=True
        )


def _faults(faults: Iterable[Mapping[str, Any]]) -> Table:
    table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("id", "fault", "where", "state"):
        table.add_column(column, overflow="fold")
    table.add_column("fired", justify="right")
    table.add_column("time left", justify="right", no_wrap=True)
    for one in faults:
        mark, style = STATES[one["state"]]
        table.add_row(
            Text(one["id"], style="bold" if one["state"] == "active" else ""),
            one["fault"],
            _where(one),
            Text(f"{mark} {one['state']}", style=style),
            f"{one['fired']:,}",
            _ends(one),
        )
    return table


def _where(standing: Mapping[str, Any]) -> str:
    system = "all systems" if standing["system"] == "*" else standing["system"]
    return f"{system}.{standing['operation']}" if standing["operation"] else str(system)


def _ends(standing: Mapping[str, Any]) -> str:
    if standing["state"] == "active":
        return "until healed" if standing["left_s"] is None else _time(standing["left_s"])
    if standing["state"] == "waiting":
        return "starts later" if standing["wait_s"] is None else f"starts in {_time(standing['wait_s'])}"
    return ""


def _time(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
