"""Prints docs/history.md from the record types, their docstrings and the simulators' lists of effects."""

import ast
import inspect
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import msgspec

from .reader import VIEWS, Column, History, columns_of
from .records import HISTORY_VERSION, RECORDS
from .state import StateDocument

INTRODUCTION = """\
# The history of a run

*Printed from the record types; do not edit.* Version {version}: columns may be added, and none is renamed or removed
without a new version.

Every run leaves `runs/<id>/history/*.jsonl`, one file a process and kind, and `state/*.jsonl`, every system's own
final state. `peakproof judge` loads them into the DuckDB tables below, and so can you:

```python
from pathlib import Path
from peakproof.history.reader import History

with History.of_run(Path("runs/<id>")) as history:
    print(history.rows("SELECT kind, count(*) AS times FROM effects GROUP BY kind ORDER BY times DESC"))
```

[Your own invariants](own-invariants.md) are `.sql` files or Python functions over these tables.
A *call* is what the middleware was told; an *effect* is what really happened. A field that a record leaves out has
its default: null, or false. Amounts appear twice: exact as written (`amount_text`) and as a number to reckon with.

**Size.** A call with its bodies takes at most 1.5 KB on disk in the default run (`calls-*.jsonl` and
`bodies-*.jsonl.zst` by the number of calls; a test keeps it). One such run, seed 1, had 4,286 calls: 2.2 MB of calls and
1.9 MB of bodies, those of its 12,428 deliveries among them, are 0.9 KB a call. Beside them stand the effects (54,856,
mostly stock and prices: 12.2 MB), the deliveries (4.8 MB), the fault log (0.6 MB) and the workload (0.03 MB): 21.7 MB in
`history/`, 5.1 KB for each call. `state/` added 5.5 MB.

Bodies are compressed with Zstandard: `zstdcat runs/<id>/history/bodies-*.zst` prints them. They are on disk before the call that names
them.

**Whole or not.** Each process seals its files when it closes them (`history/seal-*.json`: lines, bytes and SHA-256 of each), and the
run seals those seals, the final states and `run.json` when it ends (`seal.json`). Before a run is judged, all of that is compared.
Lines that are missing, doubled, altered or in another order, a file or bodies that are gone, a file too many, or a
record of a newer version make the verdict *inconclusive: the record is damaged*, with the file and the counts, and nothing else is asked.
A run that was killed has no seal: it is judged as far as it goes. A seal is no signature: who alters a file and every seal above it
is not found out. `sha256sum` says the same as a seal.

**A query reads the record alone.** Once it is loaded, no query can read another file, reach a network, load an extension or change a
setting.
"""

DERIVED = """\
## Derived tables and macros

Made when a history is opened, from `history/views.sql`.
"""


def markdown(effects: Mapping[str, Mapping[str, str]]) -> str:
    """The whole document; ``effects`` are each system's kinds of effect, with a sentence for each."""
    parts = [INTRODUCTION.format(version=HISTORY_VERSION)]
    tables: tuple[type[msgspec.Struct], ...] = (*RECORDS, StateDocument)
    parts += map(_table_of, tables)
    parts += [DERIVED, *_derived()]
    parts.append("## Kinds of effect\n")
    for system, kinds in effects.items():
        rows = "\n".join(f"| `{kind}` | {sentence} |" for kind, sentence in kinds.items())
        parts.append(f"### {system}\n\n| kind | what happened |\n| --- | --- |\n{rows}\n")
    return "\n".join(parts)


def _table_of(record: type[msgspec.Struct]) -> str:
    said = attribute_docstrings(record)
    rows = "\n".join(_row(column, said) for column in columns_of(record))
    name = getattr(record, "table")  # noqa: B009  mypy knows no class variable of type[Struct]
    return f"## `{name}`\n\n{inspect.getdoc(record)}\n\n| column | type | meaning |\n| --- | --- | --- |\n{rows}\n"


def _row(column: Column, said: Mapping[str, str]) -> str:
    meaning = said.get(column.name, "")
    if column.name == "amount_text":
        meaning = "The amount exactly as it was written."
    return f"| `{column.name}` | {column.type} | {meaning} |"


def attribute_docstrings(record: type) -> dict[str, str]:
    """The string beneath each attribute of a class, on one line; attributes without one are left out."""
    module = ast.parse(Path(inspect.getfile(record)).read_text("utf-8"))
    body = next(
        node.body for node in module.body if isinstance(node, ast.ClassDef) and node.name == record.__name__
    )
    said: dict[str, str] = {}
    for attribute, after in pairwise(body):
        match attribute, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                said[name] = re.sub(r"\s+", " ", text.replace("``", "`")).strip()
    return said


def _derived() -> list[str]:
    """Each table, view and macro of views.sql with the comment above it and its columns."""
    made = re.findall(
        r"((?:^-- .*\n)+)CREATE (TABLE|VIEW|MACRO) (\w+)(\([\w, ]+\))?",
        VIEWS.read_text("utf-8"),
        re.MULTILINE,
    )
    parts = []
    with History.of_records([]) as history:
        for comment, kind, name, argument in made:
            said = " ".join(line.removeprefix("-- ") for line in comment.splitlines())
            if kind == "MACRO":
                parts.append(f"### `{name}{argument}`\n\n{said}\n")
                continue
            rows = "\n".join(
                f"| `{row['column_name']}` | {row['column_type']} |"
                for row in history.rows(f"DESCRIBE {name}")
            )
            parts.append(f"### `{name}`\n\n{said}\n\n| column | type |\n| --- | --- |\n{rows}\n")
    return parts
