"""docs/history.md says what the record types say."""

from pathlib import Path

from peakproof.history.document import attribute_docstrings, markdown
from peakproof.history.records import Call
from peakproof.simulators.registry import KINDS

DOCUMENT = Path(__file__).parents[2] / "docs" / "history.md"


def test_the_printed_document_is_current() -> None:
    printed = markdown({name: kind.effects for name, kind in KINDS.items()})
    assert DOCUMENT.read_text("utf-8") == printed, (
        "print it again: python docs/print_history.py > docs/history.md"
    )


def test_every_derived_table_is_described() -> None:
    printed = markdown({})
    for name in (
        "accepted_orders",
        "order_lines",
        "shipped_lines",
        "sut_calls",
        "intents",
        "parked",
        "channels",
    ):
        assert f"### `{name}`" in printed
    assert "### `eventually(condition)`" in printed


def test_a_kind_of_effect_is_listed_with_its_sentence() -> None:
    assert "| `shipped_off` | Goods left. |" in markdown({"depot": {"shipped_off": "Goods left."}})


def test_the_string_beneath_an_attribute_is_its_meaning() -> None:
    said = attribute_docstrings(Call)
    assert said["at_ns"] == "When the request had been read."
    assert "order_ref" not in said
