"""What came of a verification: per interaction, with every mismatch as a value."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .pact_file import Interaction, Pact


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing that is not as the pact says."""

    where: str
    """``status``, ``header``, ``body``, ``metadata``, ``state``, ``message``, ``generator``, ``request`` or ``engine``."""
    path: str
    """E.g. ``$.lines[0].sku`` or a header's name; empty where there is only one of its kind."""
    expected: str
    actual: str
    says: str
    """One sentence."""

    @property
    def sentence(self) -> str:
        at = f"{self.where} {self.path}".strip()
        return f"{at}: {self.says}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one interaction."""

    pact: Pact
    interaction: Interaction
    mismatches: tuple[Mismatch, ...]
    duration_ms: int = 0
    credentials_added: bool = False
    """The pact shows no credentials, and the simulator would have refused without."""

    @property
    def verified(self) -> bool:
        return not self.mismatches


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of all of them; there is at least one."""

    outcomes: tuple[Outcome, ...]
    consumer_version: str | None = None
    provider_version: str | None = None
    verified_at: str | None = None
    """RFC 3339."""

    @property
    def failed(self) -> list[Outcome]:
        return [one for one in self.outcomes if not one.verified]

    @property
    def exit_code(self) -> int:
        return 1 if self.failed else 0

    def by_pact(self) -> list[tuple[Pact, list[Outcome]]]:
        """The outcomes of each pact, in the order of the sources."""
        found: dict[str, tuple[Pact, list[Outcome]]] = {}
        for one in self.outcomes:
            key = f"{one.pact.source} {one.pact.consumer} {one.pact.provider}"
            found.setdefault(key, (one.pact, []))[1].append(one)
        return list(found.values())

    def document(self) -> dict[str, Any]:
        """Schema ``peakproof/contracts-verify/1``."""
        return {
            "schema": "peakproof/contracts-verify/1",
            "verified_at": self.verified_at,
            "versions": {"consumer": self.consumer_version, "provider": self.provider_version},
            "verified": not self.failed,
            "interactions": len(self.outcomes),
            "failed": len(self.failed),
            "pacts": [
                {
                    "source": pact.source,
                    "consumer": pact.consumer,
                    "provider": pact.provider,
                    "version": pact.version,
                    "verified": all(one.verified for one in outcomes),
                    "interactions": [_told(one) for one in outcomes],
                }
                for pact, outcomes in self.by_pact()
            ],
        }


def _told(one: Outcome) -> dict[str, Any]:
    return {
        "description": one.interaction.description,
        "kind": one.interaction.kind,
        "states": [
            {"name": state.name, "params": dict(state.parameters)} for state in one.interaction.states
        ],
        "verified": one.verified,
        "duration_ms": one.duration_ms,
        "credentials_added": one.credentials_added,
        "mismatches": [
            {
                "where": each.where,
                "path": each.path,
                "expected": each.expected,
                "actual": each.actual,
                "says": each.says,
            }
            for each in one.mismatches
        ],
    }


WHERE = {
    "StatusMismatch": "status",
    "HeaderMismatch": "header",
    "BodyMismatch": "body",
    "BodyTypeMismatch": "body",
    "MetadataMismatch": "metadata",
}


def mismatches_of(said: Mapping[str, Any]) -> tuple[Mismatch, ...]:
    """What Pact's engine says of one interaction, as values; never empty for one that it calls an error."""
    told = said.get("mismatch")
    if said.get("result") == "OK":
        return ()
    listed: Iterable[Mapping[str, Any]] = (told or {}).get("mismatches") or ()
    found = tuple(
        Mismatch(
            WHERE.get(str(one.get("type")), str(one.get("type", "engine"))),
            str(one.get("path") or one.get("key") or ""),
            str(one.get("expected", "")),
            str(one.get("actual", "")),
            " ".join(str(one.get("mismatch", "does not agree")).split()),
        )
        for one in listed
    )
    if found:
        return found
    reason = " ".join(
        str((told or {}).get("message") or (told or {}).get("error") or told or "failed").split()
    )
    return (Mismatch("request", "", "an answer", "none", reason),)
