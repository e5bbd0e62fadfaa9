"""Prints docs/states.md: ``python docs/print_states.py > docs/states.md``."""

import json
import sys
from collections.abc import Iterator

from peakproof.contracts.state import ProviderState, catalogue

HEAD = """# Provider states

*Printed from the states; do not edit.* What a pact may ask for before an interaction ([contracts.md](contracts.md)). Each parameter may
be left out; amounts are texts. `lines`, a list of `{"line_id", "sku", "quantity", "unit_price"}`, stands for `sku`, `quantity` and
`unit_price` where an order has several lines. A pact gets back the parameters and what the last column names, for
`ProviderState` generators.
"""

KINDS = {
    "any": "Every system",
    "erp": "ERP",
    "oms": "OMS",
    "wms": "WMS",
    "marketplace": "Marketplace",
    "payments": "Payments",
    "webhook": "A webhook to your middleware",
}


def document() -> str:
    """The whole page."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield HEAD
    for kind, title in KINDS.items():
        yield f"## {title}\n"
        yield "| state | what it prepares | parameters | hands back |"
        yield "| --- | --- | --- | --- |"
        yield from (_row(one) for one in catalogue() if one.kind == kind)
        yield ""


def _row(one: ProviderState) -> str:
    takes = ", ".join(f"`{each.name}` ({_shown(each.default)})" for each in one.parameters)
    gives = ", ".join(f"`{name}`" for name in one.gives)
    return f"| `{one.name}` | {one.summary} | {takes} | {gives} |"


def _shown(default: object) -> str:
    if default is None:
        return "none"
    return default if isinstance(default, str) and default else json.dumps(default)


if __name__ == "__main__":
    sys.stdout.write(document())
