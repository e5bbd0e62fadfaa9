"""Verifies consumers' pacts against the simulators, and trusts no green that was not earned."""

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..scenarios.errors import RunError
from .desk import Played
from .drift import Drift
from .errors import ContractsError
from .pact_file import Pact
from .result import Mismatch, Outcome, Verification, mismatches_of
from .script import copy_of, filled, names_wanted, needs_credentials, promised, sent, shows_credentials, split
from .stage import Part, Stage

PATIENCE_S = 120.0
"""So long the engine may take over all of them, with as much again for each hundred interactions."""


class EngineFailed(RunError):
    """Pact's own engine came to no end, so nothing is known."""


def verify(
    pacts: Sequence[Pact], simulators: Mapping[str, str] | None = None, drifts: Sequence[Drift] = ()
) -> Verification:
    """Verify these pacts; ``simulators`` says which one a provider of another name means, ``drifts`` how they differ.

    Raises ContractsError for a provider that no simulator stands for, EngineFailed where the engine died.
    """
    return asyncio.run(_verified(pacts, simulators or {}, drifts))


async def _verified(
    pacts: Sequence[Pact], simulators: Mapping[str, str], drifts: Sequence[Drift]
) -> Verification:
    with TemporaryDirectory(prefix="peakproof-pacts-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        async with Stage(folder, drifts) as stage:
            jobs = _jobs(pacts, simulators, stage, folder)
            said = await play(jobs, folder, len(stage.parts)) if jobs else []
            return Verification(tuple(outcomes(pacts, stage.parts, said)))


def _jobs(
    pacts: Sequence[Pact], simulators: Mapping[str, str], stage: Stage, folder: Path
) -> list[dict[str, Any]]:
    """What the engine is to play: one job a simulator; fills the stage with its parts."""
    jobs: dict[str, dict[str, Any]] = {}
    number = 0
    for place, pact in enumerate(pacts):
        system = stage.system_for(simulators.get(pact.provider, pact.provider))
        numbers = {}
        for index, (interaction, told) in enumerate(zip(pact.interactions, pact.told, strict=True)):
            added = needs_credentials(interaction) and not shows_credentials(interaction)
            stage.parts[number] = Part(interaction, told, system=system, credentials_added=added)
            if interaction.kind != "sync-message":
                numbers[index] = number
            number += 1
        if not numbers:
            continue
        path = folder / f"{place}.json"
        played = copy_of(pact, numbers, system.name, system.sut.api_key)
        path.write_text(json.dumps(played, ensure_ascii=False), "utf-8")
        job = jobs.setdefault(system.name, stage.desk.job(system.name, system.near_url))
        job["pacts"].append(str(path))
    return list(jobs.values())


async def play(jobs: list[dict[str, Any]], folder: Path, interactions: int) -> list[dict[str, Any]]:
    """What the engine says of every interaction, in a process of its own."""
    job_file, out_file, log = folder / "job.json", folder / "said.json", folder / "engine.log"
    job_file.write_text(json.dumps(jobs), "utf-8")
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "peakproof.contracts.engine",
            str(job_file),
            str(out_file),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "PACT_DO_NOT_TRACK": "true"},
        )
        try:
            async with asyncio.timeout(PATIENCE_S * (1 + interactions / 100)):
                code = await process.wait()
        except TimeoutError:
            raise EngineFailed("Pact's engine did not come to an end") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if code != 0 or not out_file.is_file():
        last = log.read_text("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise EngineFailed(f"Pact's engine ended with {code}: {last[0][:300]}")
    told = json.loads(out_file.read_text("utf-8"))
    return [one for job in told for one in job["results"].get("interactionResults", ())]


def outcomes(
    pacts: Sequence[Pact],
    parts: Mapping[int, Played],
    said: Iterable[Mapping[str, Any]],
) -> Iterable[Outcome]:
    """Every interaction of every pact with what came of it; one that nobody spoke of is a failure."""
    results: dict[int, Mapping[str, Any]] = {}
    for one in said:
        marked = split(str(one.get("description", "")))
        if marked is not None:
            results[marked[0]] = one
    numbers = iter(parts)
    for pact in pacts:
        for interaction in pact.interactions:
            number = next(numbers)
            yield Outcome(
                pact,
                interaction,
                tuple(_mismatches(parts[number], results.get(number))),
                _milliseconds(results.get(number)),
                parts[number].credentials_added,
            )


def _mismatches(part: Played, said: Mapping[str, Any] | None) -> Iterable[Mismatch]:
    if part.interaction.kind == "sync-message":
        yield Mismatch(
            "engine", "", "HTTP or an event", "a synchronous message", "synchronous messages are not verified"
        )
        return
    if part.interaction.expects_nothing:
        yield Mismatch(
            "engine", "", "contents", "none", "it expects neither contents nor metadata: any message would do"
        )
        return
    if part.complaints:
        yield from part.complaints
        return
    if said is None:
        yield Mismatch(
            "engine", "", "a result", "none", "Pact's engine says nothing of it: it was never exercised"
        )
        return
    found = mismatches_of(said)
    if not part.seen and not found:
        yield Mismatch(
            "request", "", "a request", "none", "it was never exercised: nothing reached the provider"
        )
    yield from found
    yield from _dropped(part)


def _dropped(part: Played) -> Iterable[Mismatch]:
    """Values that a pact takes from its states and did not get."""
    given = ", ".join(sorted(part.given)) or "nothing"
    missing = sorted(names_wanted(part.told) - set(part.given))
    for name in missing:
        yield Mismatch(
            "generator",
            name,
            f"a value {name!r} from the states",
            given,
            f"no state of it hands back {name!r}",
        )
    if missing or not part.seen or part.interaction.kind != "http":
        return
    last = part.seen[-1]
    for place, name, expression in promised(part.told):
        wanted = filled(expression, part.given)
        got = sent(place, name, last.path, last.query, last.headers, last.document)
        if got != wanted:
            yield Mismatch(
                "generator",
                f"{place} {name}".strip(),
                wanted,
                str(got),
                f"the value that the states handed back did not reach the request: expected {wanted!r}, got {got!r}",
            )


def _milliseconds(said: Mapping[str, Any] | None) -> int:
    told = str((said or {}).get("duration", ""))
    digits = told.removesuffix("ms")
    return int(digits) if digits.isdigit() else 0


def simulators_of(given: Iterable[str]) -> dict[str, str]:
    """``--as NAME=KIND`` as a mapping. Raises ContractsError."""
    found = {}
    for text in given:
        name, equals, kind = text.partition("=")
        if not equals or not name.strip() or not kind.strip():
            raise ContractsError(f"--as {text!r}: must be NAME=KIND, e.g. 'Order Service=erp'")
        found[name.strip()] = kind.strip()
    return found
