"""Our own contracts: what the reference middleware asks is what stands in contracts/pacts, and the simulators keep it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from peakproof.contracts.compare import compare
from peakproof.contracts.provider import verify
from peakproof.contracts.result import Verification
from peakproof.contracts.sources import pacts_at

PACTS = Path(__file__).parents[2] / "contracts" / "pacts"
PROVIDERS = ("erp", "marketplace", "oms", "payments", "wms")


def interactions(folder: Path) -> dict[str, Any]:
    """By provider, description and states; in no order."""
    return {
        f"{path.stem} {one['description']}": one
        for path in sorted(folder.glob("middleware-*.json"))
        for one in json.loads(path.read_text("utf-8"))["interactions"]
    }


def test_they_are_what_the_middleware_asks_and_copes_with_today(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "peakproof.contracts.consumer", str(tmp_path)]
    made = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (made.returncode, made.stdout) == (0, "")
    again = "stale: run python -m peakproof.contracts.consumer contracts/pacts"
    assert interactions(tmp_path) == interactions(PACTS), again


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_systems_documents_say_all_that_they_promise(provider: str) -> None:
    document = PACTS.parents[1] / "docs" / "openapi" / f"{provider}.json"
    found = compare(str(PACTS / f"middleware-{provider}.json"), str(document))
    assert found.breaks == ()


@pytest.fixture(scope="module")
def verified() -> Verification:
    return verify(pacts_at(str(PACTS)))


def test_every_simulator_keeps_them(verified: Verification) -> None:
    assert {one.interaction.title: one.mismatches for one in verified.failed} == {}
    assert len(verified.outcomes) > 110
    assert not any(one.credentials_added for one in verified.outcomes)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_success_and_every_refusal_is_agreed_with_every_system(verified: Verification, provider: str) -> None:
    with_it = [one.interaction for one in verified.outcomes if one.pact.provider == provider]
    statuses = {one.status for one in with_it}
    assert {401, 409, 412, 422, 429, 503} <= statuses
    assert statuses & {200, 201, 202}
    for one in with_it:
        if one.status in (429, 503):
            assert one.response is not None
            assert "retry-after" in {name.lower() for name in one.response.headers}
