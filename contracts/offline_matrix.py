"""Without a broker: what may be deployed, by the stored results of ``peakproof contracts verify --json``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .broker import Deployable
from .document import read
from .errors import ContractsError

SCHEMA = "peakproof/contracts-verify/1"


def can_i_deploy(folder: Path, pacticipant: str, version: str) -> Deployable:
    """Whether this version of a consumer or provider agrees with everybody whom it was verified with last.

    Raises ContractsError for a folder without results, and where none is about this version: silence is no agreement.
    """
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not files:
        raise ContractsError(
            f"--results {folder}: holds no .json file; write some by contracts verify --json"
        )
    latest: dict[tuple[str, str], tuple[str, bool]] = {}
    versions = set()
    for path in files:
        document = read(str(path))
        if document.get("schema") != SCHEMA:
            raise ContractsError(
                f"{path}: is no result of contracts verify --json: schema is {document.get('schema')!r}"
            )
        for consumer, provider, of, agree in _pairs(document):
            if pacticipant not in (consumer, provider):
                continue
            versions.add(of[pacticipant])
            key, at = (consumer, provider), str(document.get("verified_at") or "")
            if of[pacticipant] == version and at >= latest.get(key, ("", False))[0]:
                latest[key] = (at, agree)
    if not latest:
        known = ", ".join(sorted(map(str, versions))) or "none"
        raise ContractsError(
            f"no result in {folder} is about version {version!r} of {pacticipant!r}; those of it that are: {known}"
        )
    rows = tuple(
        {"consumer": consumer, "provider": provider, "agree": agree}
        for (consumer, provider), (_, agree) in sorted(latest.items())
    )
    broken = [row for row in rows if not row["agree"]]
    reason = (
        f"{len(broken)} of {len(rows)} pairs do not agree"
        if broken
        else f"all {len(rows)} pairs that were verified agree"
    )
    return Deployable(not broken, reason, rows)


def _pairs(document: Mapping[str, Any]) -> list[tuple[str, str, dict[str, Any], bool]]:
    versions = document.get("versions") or {}
    return [
        (
            pact["consumer"],
            pact["provider"],
            {pact["consumer"]: versions.get("consumer"), pact["provider"]: versions.get("provider")},
            bool(pact["verified"]),
        )
        for pact in document.get("pacts") or ()
    ]
