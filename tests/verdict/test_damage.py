"""A stored run that is no longer as it was left proves nothing, and says which file that is and what is wrong with it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from peakproof.history.seal import damage_of
from peakproof.scenarios.reports import judge_run
from peakproof.verdict.judge import judge

from .stored import made

CALLS = "history/calls-estate.jsonl"
EFFECTS = "history/effects-estate.jsonl"
BODIES = "history/bodies-estate.jsonl.zst"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return made(tmp_path / "run")


def lines(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def test_a_whole_record_has_no_damage_and_is_judged(run: Path) -> None:
    assert damage_of(run, {"seal": 1, "finished_at": "then"}) == []
    verdict = judge(run)
    assert (verdict.verdict, verdict.reasons) == ("pass", ())
    assert judge(run) == verdict, "judging changes nothing of it"


DAMAGES: list[tuple[str, Callable[[Path], object], str]] = [
    ("bodies deleted", lambda run: (run / BODIES).unlink(), f"{BODIES}: is missing, with its 41 lines"),
    (
        "bodies cut off",
        lambda run: (run / BODIES).write_bytes((run / BODIES).read_bytes()[:-30]),
        f"{BODIES}: is broken: 0 of its 41 lines can be read",
    ),
    (
        "effects cut at a line's end",
        lambda run: lines(run / EFFECTS, lambda all_: all_[:-1]),
        f"{EFFECTS}: 1 of its 4 lines is missing",
    ),
    (
        "a line in the midst removed",
        lambda run: lines(run / EFFECTS, lambda all_: [all_[0], *all_[2:]]),
        f"{EFFECTS}: 1 of its 4 lines is missing",
    ),
    (
        "lines doubled",
        lambda run: lines(run / EFFECTS, lambda all_: [*all_, *all_[2:]]),
        f"{EFFECTS}: has 6 lines, and 4 were written",
    ),
    (
        "lines in another order",
        lambda run: lines(run / EFFECTS, lambda all_: all_[::-1]),
        f"{EFFECTS}: its 4 lines are altered, or in another order",
    ),
    (
        "one byte altered",
        lambda run: (run / CALLS).write_bytes((run / CALLS).read_bytes().replace(b'"k1"', b'"k2"')),
        f"{CALLS}: its 1 line is altered",
    ),
    (
        "half a line at the end",
        lambda run: (run / CALLS).write_bytes((run / CALLS).read_bytes() + b'{"call_id":'),
        f"{CALLS}: has 2 lines, and 1 were written",
    ),
    ("a file deleted", lambda run: (run / CALLS).unlink(), f"{CALLS}: is missing, with its 1 line"),
    (
        "a file copied beside it",
        lambda run: shutil.copy(run / EFFECTS, run / "history" / "effects-other.jsonl"),
        "history/effects-other.jsonl: is not among what was written",
    ),
    (
        "a final state deleted",
        lambda run: (run / "state" / "erp.jsonl").unlink(),
        "state/erp.jsonl: is missing, with its 1 line",
    ),
    (
        "run.json altered",
        lambda run: (run / "run.json").write_text((run / "run.json").read_text().replace("90.0", "91.0")),
        "run.json: is not as the run left it",
    ),
    (
        "the run's seal deleted",
        lambda run: (run / "seal.json").unlink(),
        "seal.json: is missing, and the run",
    ),
    ("the run's seal broken", lambda run: (run / "seal.json").write_text("{"), "seal.json: cannot be read"),
    (
        "a writer's seal deleted",
        lambda run: (run / "history" / "seal-estate.json").unlink(),
        "history/seal-estate.json: is missing",
    ),
    (
        "a writer's seal altered",
        lambda run: (run / "history" / "seal-estate.json").write_text('{"schema":"x","files":{}}'),
        "history/seal-estate.json: is not as the run left it",
    ),
    (
        "a file that is a link out of the run",
        lambda run: linked(run / CALLS),
        f"{CALLS}: is no file of the run's own folder",
    ),
]


def linked(path: Path) -> None:
    away = path.parents[2] / "away.jsonl"
    path.replace(away)
    path.symlink_to(away)


@pytest.mark.parametrize(("damage", "said"), [one[1:] for one in DAMAGES], ids=[one[0] for one in DAMAGES])
def test_damage_is_named_before_any_pass_or_fail(
    run: Path, damage: Callable[[Path], object], said: str
) -> None:
    damage(run)
    verdict = judge_run(run)
    assert verdict.verdict == "inconclusive"
    assert any(reason.startswith(f"the record is damaged: {said}") for reason in verdict.reasons), (
        verdict.reasons
    )
    assert verdict.validity.void
    assert verdict.invariants == (), "of such a record nothing is asked"
    assert "the record is damaged" in (run / "summary.md").read_text()


def test_a_newer_versions_record_is_not_judged(tmp_path: Path) -> None:
    verdict = judge(made(tmp_path / "run", history_version=99))
    assert verdict.reasons == (
        "the record is damaged: run.json: is of history version 99, and this peakproof reads up to 1: take a newer one",
    )


def test_a_run_of_an_earlier_version_has_no_seal_and_is_judged(run: Path) -> None:
    for path in (run / "seal.json", run / "history" / "seal-estate.json"):
        path.unlink()
    facts = json.loads((run / "run.json").read_text())
    del facts["seal"]
    (run / "run.json").write_text(json.dumps(facts))
    assert judge(run).verdict == "pass"
    (run / BODIES).unlink()
    assert judge(run).reasons == (
        "the record is damaged: history/bodies-*: 1 of 1 bodies that calls and deliveries name are missing",
    )


def test_a_run_that_was_killed_is_judged_as_far_as_it_goes(tmp_path: Path) -> None:
    """Its writer never closed, so there is no seal, and its last line may be half a one."""
    run = made(tmp_path / "run", closed=False, finished_at=None, settled=False, seal=None)
    with (run / CALLS).open("ab") as calls:
        calls.write(b'{"call_id":"erp-c9","sys')
    verdict = judge(run)
    assert not verdict.validity.void
    assert "the run was cut off: it has no end" in verdict.reasons
    assert "no_order_lost" in {result.id for result in verdict.invariants}


def test_damage_counts_before_a_finding(run: Path) -> None:
    lines(run / EFFECTS, lambda all_: [*all_, all_[1]])
    assert judge(run).exit_code == 3


def test_many_damaged_files_are_counted(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    for number in range(15):
        shutil.copy(run / EFFECTS, run / "history" / f"effects-{number}.jsonl")
    reasons = judge(run).reasons
    assert len(reasons) == 11
    assert reasons[-1] == "the record is damaged in 5 more files"
