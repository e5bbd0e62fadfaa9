"""The other end of the control API: what ``peakproof chaos`` asks a running process, from a second terminal."""

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from ..errors import RunError, UsageError
from .beacon import Beacon

PATIENCE_S = 30.0
OPTIONS = {
    "fault": "FAULT",
    "for": "--for",
    "probability": "--rate",
    "order_ref": "--order",
    "nth": "--nth",
    "every": "--every",
    "limit": "--limit",
    "after": "--after",
    "ramp_s": "--ramp",
    "seed": "--seed",
    "sku": "--sku",
    "client": "--client",
    "match": "--match",
    "set": "--set",
}
"""The keys of an injection, as the command line names them."""


class Remote:
    """A running process. UsageError for what it refuses, and where it is gone; RunError where it makes no sense."""

    def __init__(self, beacon: Beacon) -> None:
        self.beacon = beacon

    def status(self) -> dict[str, Any]:
        return self._ask("GET", "/v1/status")

    def faults(self) -> list[dict[str, Any]]:
        """What can be injected, with settings and an example each."""
        found: list[dict[str, Any]] = self._ask("GET", "/v1/faults")["faults"]
        return found

    def shoppers(self) -> dict[str, dict[str, str]]:
        """``url`` and ``api_key`` of those who buy, by channel."""
        found: dict[str, dict[str, str]] = self._ask("GET", "/v1/shoppers")["shoppers"]
        return found

    def inject(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """How the injection stands; ``entry`` has the keys of an entry of a schedule."""
        found: dict[str, Any] = self._ask("POST", "/v1/injections", entry)["injection"]
        return found

    def rehearse(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """What it would match; nothing is injected."""
        found: dict[str, Any] = self._ask("POST", "/v1/injections?dry_run=true", entry)["would_match"]
        return found

    def heal(self, injection_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("DELETE", f"/v1/injections/{quote(injection_id, safe='')}")[
            "injection"
        ]
        return found

    def heal_all(self) -> list[str]:
        """The ids of those that acted until now."""
        healed: list[str] = self._ask("POST", "/v1/heal")["healed"]
        return healed

    def _ask(self, method: str, path: str, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(urlsplit(self.beacon.url).netloc, timeout=PATIENCE_S)
        body = None if document is None else json.dumps(document)
        headers = {"Authorization": f"Bearer {self.beacon.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            status, raw = reply.status, reply.read()
        except ConnectionRefusedError:
            raise UsageError(self.beacon.gone) from None
        except (OSError, http.client.HTTPException) as error:
            raise RunError(
                f"{self.beacon.folder} does not answer at {self.beacon.url}: {error or type(error).__name__}"
            ) from None
        finally:
            connection.close()
        try:
            answer = json.loads(raw)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise RunError(f"{self.beacon.folder} answered {method} {path} with {status} and no document")
        if status >= 400:
            raise UsageError(_in_words(answer, document or {}))
        return answer


def _in_words(answer: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    """Which option is wrong, and why."""
    detail = str(answer.get("detail") or answer.get("title") or "refused without a reason")
    key, _, below = str(answer.get("key") or "").partition(".")
    if key == "on":
        is_system = "." not in str(entry.get("on")) or detail.startswith("unknown system")
        place = "SYSTEM" if is_system else "--on"
    else:
        place = OPTIONS.get(key, key) + (f" {below}" if below else "")
    return f"{place}: {detail}" if place else detail
