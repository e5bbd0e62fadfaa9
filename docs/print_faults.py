"""Prints docs/faults.md: ``python docs/print_faults.py > docs/faults.md``."""

import sys
from collections.abc import Iterator
from inspect import cleandoc

from peakproof.chaos.registry import FAULTS, Entry
from peakproof.scenarios.control.examples import example

HEAD = """# Faults

A fault is one way that things go wrong. A scenario's schedule says where, when and how often, and so does
`peakproof chaos inject` on a running estate:

```yaml
schedule:
  - { id: erp-down, fault: outage, on: erp, at: 30%, for: 12% }
  - { id: reply-lost, fault: lost-reply, on: erp.create_sales_order, probability: 0.1, set: { how: hang } }
```

- **Where**: `on` is a system, `*`, or one operation, topic or rule of it; `order_ref`, `sku`, `client`, `nth` (only the n-th
  attempt of the same operation on the same subject), `match` (values in the request's body), `changes_only`.
- **When**: `at` and `for` in seconds or per cent of the workload; `after` N matches, `every` N-th, `limit`; `probability`, which
  `ramp_s` lets grow from nothing; `seed` of its own dice (default: the run's).
- **Late flows**: refunds, captures and credit memos come late, and later with a slow middleware. `until: 5 fired` keeps a fault armed
  until it has fired so often, after the workload as well, and no more often. With `for` it is armed for so long at least, and
  longer only until it has fired so often. It ends 20 s after its window at the latest, or once nothing moves any more.
- **For whom**: `optional: only a middleware that makes bulk calls …` says that a correct middleware may do without what the fault
  acts on; where it never fires it is left out with that reason, unless the operation that it `needs` was called. A scenario of
  which every fault was left out is *not exercised*, never passed.
- **Keyed or not**: probability, `order_ref`, `sku`, `client`, `match` and `nth` look only at what a call is about: the same
  seed hits the same orders, whatever the timing of your middleware. Windows, ramps, `after`, `every`, `limit` and `until` repeat as a schedule
  only: which call meets them depends on the order of arrival.
- **Order**: where several meet on one call, the one that stands first in the schedule is outermost, and those injected by hand
  come after all planned ones, in order of arrival. What hides a whole system comes before its throttle, the others after.
- **The system under test**: `sut` is a place of its own for `sut-kill`, `sut-pause` and `sut-restart`, which `*` never means.
  They need a middleware that peakproof started (`sut.command`); one that they strike has not died, and it is started
  again before the estate settles.
- Everything is healed before the estate settles. The fault log of the history (`faults` in [history.md](history.md)) says
  when each was armed, which calls it met and when it was healed. A planned one that never fired makes the
  run inconclusive, and it is said how many matching calls came, and when.
"""

FAMILIES = {
    "connection": ("Connections", "A caller connects: before a byte is read."),
    "call": ("Calls", "A request is here: before, in or after the commit, and how the reply leaves."),
    "document": (
        "Documents",
        "A JSON document leaves the system, in a reply or in an event. The ledger keeps the truth.",
    ),
    "delivery": ("Events", "A webhook is about to leave."),
    "rule": ("Business rules", "A system decides otherwise than it does on other days."),
    "throttle": ("Throttles", "The system's normal rate; see [throttles.md](throttles.md)."),
    "process": (
        "Clocks and processes",
        "A whole process: a system's port, clock or tokens, or the system under test (`sut`).",
    ),
}


def document() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(line for seam in FAMILIES for line in family(seam))]).rstrip() + "\n"


def family(seam: str) -> Iterator[str]:
    title, meaning = FAMILIES[seam]
    entries = [entry for entry in FAULTS.entries() if entry.seam == seam]
    yield f"## {title}"
    yield ""
    yield meaning
    yield ""
    yield "| fault | what happens | settings |"
    yield "| --- | --- | --- |"
    for entry in entries:
        yield f"| [`{entry.name}`](#{entry.name}) | {entry.summary} | {settings(entry)} |"
    yield ""
    for entry in entries:
        yield from fault(entry)


def settings(entry: Entry) -> str:
    return "<br>".join(
        f"`{one.name}`: {one.expected.replace('|', 'or')}"
        + ("" if one.required or one.default is None else f", `{typed(one.default)}`")
        for one in entry.settings
    )


def typed(value: object) -> str:
    """As a scenario says it: 5 for 5.0, true for True."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def fault(entry: Entry) -> Iterator[str]:
    yield f"### {entry.name}"
    yield ""
    more = cleandoc(FAULTS.documentation(entry.name).partition("\n")[2]).strip()
    said = [line for line in more.splitlines() if not line.strip().startswith("Example:")]
    if any(said):
        yield "\n".join(said).replace("``", "`").strip()
        yield ""
    yield "```sh"
    yield example(entry)
    yield "```"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(document())
