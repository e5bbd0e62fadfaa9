"""A middleware as the provider of its webhooks: the reference keeps every contract, and one that says yes to all does not."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from peakproof.cli import app
from peakproof.contracts.errors import ContractsError
from peakproof.contracts.middleware import shipped_pacts, verify_middleware
from peakproof.contracts.sources import chosen, pacts_at
from peakproof.scenarios.config import SutConfig
from peakproof.simulators.registry import KINDS

CONTRACTS = Path(__file__).parents[2] / "contracts"
TOPICS = [topic for kind in KINDS.values() for topic in kind.topics]


def test_the_reference_takes_every_event_and_refuses_every_forgery() -> None:
    found = verify_middleware(pacts_at(shipped_pacts()), SutConfig.reference())
    assert {one.interaction.title: one.mismatches for one in found.failed} == {}
    described = [one.interaction.description for one in found.outcomes]
    for topic in TOPICS:
        assert {f"{topic} arrives", f"{topic} arrives again", f"{topic} is forged"} <= set(described)
    for how in ("is expired", "is altered", "is unsigned", "of an unknown type arrives"):
        assert sum(one.endswith(how) for one in described) == len(KINDS)


def test_who_says_yes_to_everything_fails_on_what_is_forged() -> None:
    some = chosen(pacts_at(shipped_pacts()), consumers=["oms"])
    found = verify_middleware(some, SutConfig.reference("do-nothing"))
    wrong = {one.interaction.description.partition(" is ")[2] for one in found.failed}
    assert wrong == {"forged", "expired", "altered", "unsigned"}
    assert len(found.failed) == 6


def test_who_takes_none_of_them_proves_nothing() -> None:
    polls = SutConfig.reference().model_copy(update={"webhooks": {}})
    with pytest.raises(ContractsError, match="takes none of these webhooks"):
        verify_middleware(pacts_at(shipped_pacts()), polls)


def test_of_your_own_pacts_nothing_is_left_out(tmp_path: Path) -> None:
    mine = tmp_path / "oms.json"
    mine.write_bytes((Path(shipped_pacts()) / "oms.json").read_bytes())
    few = SutConfig.reference("do-nothing").model_copy(update={"webhooks": {"order.allocated": "/webhooks"}})
    some = chosen(pacts_at(str(mine)), described=" arrives$")
    found = verify_middleware(some, few)
    left = {one.interaction.description: one.mismatches[0].says for one in found.failed}
    assert left["order.unfillable arrives"].endswith(
        "takes no webhook of the topic 'order.unfillable' (sut.webhooks)"
    )
    assert not any(name.startswith("order.allocated") for name in left)


def test_a_webhooks_consumer_of_another_name_has_to_be_said(tmp_path: Path) -> None:
    mine = tmp_path / "oms.json"
    text = (Path(shipped_pacts()) / "oms.json").read_text("utf-8")
    mine.write_text(text.replace('"name": "oms"', '"name": "Order Service"'), "utf-8")
    one = chosen(pacts_at(str(mine)), described="order.allocated arrives$")
    with pytest.raises(
        ContractsError, match=r"unknown consumer 'Order Service'.*--as 'Order Service'=KIND, or choose"
    ):
        verify_middleware(one, SutConfig.reference("do-nothing"))
    assert verify_middleware(one, SutConfig.reference("do-nothing"), {"Order Service": "oms"}).failed == []


def test_who_verifies_nothing_is_asked_what() -> None:
    shown = CliRunner().invoke(app, ["contracts", "verify"])
    assert shown.exit_code == 2
    assert "for your pacts, or --middleware" in shown.stderr.replace("\n", " ")


def test_the_shipped_events_are_what_the_estate_emits_today(tmp_path: Path) -> None:
    made = subprocess.run([sys.executable, "-m", "peakproof.contracts.events", str(tmp_path)], check=False)
    assert made.returncode == 0
    found = {path.relative_to(tmp_path): path.read_text("utf-8") for path in tmp_path.rglob("*.json")}
    assert len(found) == 2 * len(KINDS)
    for path, text in found.items():
        assert (CONTRACTS / path).read_text("utf-8") == text, (
            "stale: run python -m peakproof.contracts.events"
        )
