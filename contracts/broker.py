"""A Pact Broker over its documented HAL API: publish pacts and results, fetch pacts by selector, ask what may be deployed.

The address and the credentials come from ``PACT_BROKER_BASE_URL``, ``PACT_BROKER_TOKEN``, or ``PACT_BROKER_USERNAME`` and
``PACT_BROKER_PASSWORD``, as with every Pact tool. No secret is ever shown.
"""

import json
import os
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urljoin
from urllib.request import Request, urlopen

from .errors import ContractsError
from .pact_file import Pact, pact_of
from .result import Outcome, Verification

PATIENCE_S = 30.0
HAL = "application/hal+json"
RESULTS = "pb:publish-verification-results"

SELECTORS: Mapping[str, dict[str, Any]] = {
    "main-branch": {"mainBranch": True},
    "deployed": {"deployedOrReleased": True},
    "latest": {"latest": True},
}
"""Selectors that need no name; the others are ``branch=``, ``environment=`` and ``tag=``."""


@dataclass(frozen=True, slots=True)
class Deployable:
    """Whether a version may go where it is to go."""

    yes: bool
    reason: str
    rows: tuple[Mapping[str, Any], ...] = ()
    """``consumer``, ``provider`` and whether they ``agree`` (null where nobody knows)."""

    @property
    def exit_code(self) -> int:
        return 0 if self.yes else 1

    def document(self) -> dict[str, Any]:
        """Schema ``peakproof/contracts-can-i-deploy/1``."""
        return {
            "schema": "peakproof/contracts-can-i-deploy/1",
            "deployable": self.yes,
            "reason": self.reason,
            "matrix": [dict(row) for row in self.rows],
        }


class Broker:
    """One broker. Each method raises ContractsError, in one line, where it does not answer as it should."""

    def __init__(self, url: str, authorization: str | None = None) -> None:
        self.url = url.rstrip("/") + "/"
        self._authorization = authorization

    @classmethod
    def of_environment(cls, url: str | None = None) -> "Broker":
        """The broker that the user means. Raises ContractsError without an address."""
        found = url or os.environ.get("PACT_BROKER_BASE_URL")
        if not found:
            raise ContractsError("which broker: give --broker URL or set PACT_BROKER_BASE_URL")
        token, user = os.environ.get("PACT_BROKER_TOKEN"), os.environ.get("PACT_BROKER_USERNAME")
        if token:
            return cls(found, f"Bearer {token}")
        if user:
            pair = f"{user}:{os.environ.get('PACT_BROKER_PASSWORD', '')}"
            return cls(found, f"Basic {b64encode(pair.encode()).decode()}")
        return cls(found)

    def publish(
        self, pacts: Sequence[Pact], version: str, branch: str | None = None, tags: Iterable[str] = ()
    ) -> list[str]:
        """Publish the pacts of each consumer under one version of it; returns what the broker says of it."""
        href = self._link(self._get(self.url), "pb:publish-contracts")
        said = []
        for consumer in dict.fromkeys(pact.consumer for pact in pacts):
            body = {
                "pacticipantName": consumer,
                "pacticipantVersionNumber": version,
                "branch": branch,
                "tags": list(tags),
                "contracts": [
                    {
                        "consumerName": consumer,
                        "providerName": pact.provider,
                        "specification": "pact",
                        "contentType": "application/json",
                        "content": b64encode(json.dumps(pact.document).encode()).decode(),
                    }
                    for pact in pacts
                    if pact.consumer == consumer
                ],
            }
            told = self._ask("POST", href, {key: value for key, value in body.items() if value})
            said += [str(one.get("text", "")) for one in told.get("notices") or told.get("logs") or ()]
        return said

    def fetch(self, providers: Iterable[str], selectors: Iterable[str]) -> list[Pact]:
        """The pacts that these providers are to keep. Raises ContractsError where there is none."""
        wanted = [selector_of(text) for text in selectors]
        template = self._link(self._get(self.url), "pb:provider-pacts-for-verification")
        found = []
        for provider in providers:
            href = template.replace("{provider}", quote(provider, safe=""))
            body = {"consumerVersionSelectors": wanted, "includePendingStatus": False}
            told = self._ask("POST", href, body, missing={})
            for one in (told.get("_embedded") or {}).get("pacts") or ():
                address = urljoin(self.url, one["_links"]["self"]["href"])
                found.append(pact_of(self._get(address), address))
        if not found:
            raise ContractsError(f"{self.url}: no pact is selected, so nothing would be verified")
        return found

    def publish_results(self, found: Verification, version: str, branch: str | None = None) -> int:
        """Tell the broker what came of every pact that it gave; returns how many that were."""
        count = 0
        for pact, outcomes in found.by_pact():
            href = ((pact.document.get("_links") or {}).get(RESULTS) or {}).get("href")
            if href is None:
                raise ContractsError(f"{pact.source}: did not come from a broker, so none takes its result")
            body = {
                "success": all(one.verified for one in outcomes),
                "providerApplicationVersion": version,
                "verifiedBy": {"implementation": "peakproof"},
                "testResults": [_test_result(one) for one in outcomes],
            }
            if branch is not None:
                versions = f"pacticipants/{quote(pact.provider, safe='')}/branches/{quote(branch, safe='')}/versions/"
                self._ask("PUT", urljoin(self.url, versions + quote(version, safe="")), {})
            self._ask("POST", urljoin(self.url, href), body)
            count += 1
        return count

    def can_i_deploy(self, pacticipant: str, version: str, environment: str | None = None) -> Deployable:
        """Whether this version agrees with all that stand in the environment, or with the latest of everybody."""
        query = {"q[][pacticipant]": pacticipant, "q[][version]": version, "latestby": "cvp"}
        query |= {"environment": environment} if environment else {"latest": "true"}
        told = self._get(urljoin(self.url, f"matrix?{urlencode(query)}"))
        summary = told.get("summary") or {}
        rows = tuple(_row(one) for one in told.get("matrix") or ())
        return Deployable(
            summary.get("deployable") is True,
            str(summary.get("reason") or "the broker gives no reason"),
            rows,
        )

    # HTTP

    def _link(self, document: Mapping[str, Any], name: str) -> str:
        href = ((document.get("_links") or {}).get(name) or {}).get("href")
        if not href:
            raise ContractsError(
                f"{self.url}: is no Pact Broker that knows {name}; its index has no such link"
            )
        return urljoin(self.url, str(href))

    def _get(self, url: str) -> dict[str, Any]:
        return self._ask("GET", url)

    def _ask(
        self, method: str, url: str, body: object = None, missing: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """``missing`` is given where the broker does not know what is asked for (404)."""
        headers = {"Accept": f"{HAL}, application/json", "Content-Type": "application/json"}
        if self._authorization is not None:
            headers["Authorization"] = self._authorization
        data = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(url, data, headers, method=method), timeout=PATIENCE_S) as reply:
                text = reply.read().decode("utf-8")
            told = json.loads(text) if text else {}
        except HTTPError as error:
            if error.code == 404 and missing is not None:
                return missing
            detail = " ".join(error.read(300).decode("utf-8", "replace").split())
            raise ContractsError(f"{method} {url}: the broker answers {error.code}: {detail}") from None
        except (URLError, OSError, ValueError) as error:
            raise ContractsError(
                f"{method} {url}: no broker answers: {getattr(error, 'reason', error)}"
            ) from None
        return told if isinstance(told, dict) else {}


def selector_of(text: str) -> dict[str, Any]:
    """A consumer version selector as the broker takes it. Raises ContractsError."""
    if text in SELECTORS:
        return dict(SELECTORS[text])
    name, _, value = text.partition("=")
    if name in ("branch", "environment", "tag") and value:
        return {name: value, "latest": True} if name == "tag" else {name: value}
    known = ", ".join((*SELECTORS, "branch=NAME", "environment=NAME", "tag=NAME"))
    raise ContractsError(f"--selector {text!r}: must be one of {known}")


def _test_result(one: Outcome) -> dict[str, Any]:
    return {
        "interactionDescription": one.interaction.description,
        "success": one.verified,
        "mismatches": [{"attribute": each.where, "description": each.sentence} for each in one.mismatches],
    }


def _row(told: Mapping[str, Any]) -> dict[str, Any]:
    result = told.get("verificationResult") or {}
    return {
        "consumer": (told.get("consumer") or {}).get("name"),
        "provider": (told.get("provider") or {}).get("name"),
        "agree": result.get("success"),
    }
