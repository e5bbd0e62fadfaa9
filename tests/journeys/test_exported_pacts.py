"""A run's traffic becomes pacts, and the estate that produced it keeps them."""

from pathlib import Path

from .command import Done, peakproof


def test_exported_pacts_verify_against_the_estate(reference_run: Done, tmp_path: Path) -> None:
    made = peakproof(tmp_path, "contracts", "export", str(reference_run.folder), "--json")
    assert made.code == 0, made
    assert sum(made.document["files"].values()) > 50
    assert len(made.document["files"]) == 5
    verified = peakproof(tmp_path, "contracts", "verify", "--pacts", "pacts", "--json")
    assert verified.code == 0, verified
    assert verified.document["interactions"] == sum(made.document["files"].values())
