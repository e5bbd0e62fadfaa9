"""The ``Idempotency-Key`` header as in draft-ietf-httpapi-idempotency-key-header-07: what is kept, replayed, refused."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .refusal import Refusal

KEY_REQUIRED = Refusal(
    "idempotency_key_required", 400, "This operation needs an Idempotency-Key.", permanent=True
)
KEY_INVALID = Refusal("idempotency_key_invalid", 400, "The Idempotency-Key cannot be read.", permanent=True)
KEY_IN_USE = Refusal("idempotency_key_in_use", 409, "The first request with this key is still running.")
KEY_REUSED = Refusal(
    "idempotency_key_reused", 422, "This key came with another request before.", permanent=True
)

MAX_KEY_LENGTH = 255


class KeyMode(Enum):
    """How a system treats the header; optional is the default."""

    OPTIONAL = "optional"
    REQUIRED = "required"
    IGNORED = "ignored"


@dataclass(slots=True)
class Claim:
    """A key that a client has used, for what, and how it was answered."""

    fingerprint: int
    """Hash of method, path and body; in memory only, so Python's own will do."""
    expires_ns: int
    first: Any = None
    """What the caller needs to give the first answer again; None while there is none."""


class IdempotencyStore:
    """First answers by client and key. What is kept is final: a refusal that only came too early leaves its key free."""

    def __init__(self, mode: KeyMode, lifetime_s: float, now: Callable[[], int]) -> None:
        self.mode = mode
        self._lifetime_ns = round(lifetime_s * 1e9)
        self._now = now
        self._claims: dict[str, dict[str, Claim]] = {}
        """By client, then by key, in the order of their expiry."""
        self._at_work: set[tuple[str, str]] = set()
        self._next_step_ns = self._step_expires_ns = 0

    def claim(self, client: str, key: str | None, method: str, path: str, body: bytes) -> Claim | None:
        """Claim the key: with a first answer it is to be given again, without one the work is to be done.

        None where keys do not matter. Raises Refused.
        """
        if self.mode is KeyMode.IGNORED:
            return None
        if key is None:
            if self.mode is KeyMode.REQUIRED:
                raise KEY_REQUIRED.because(
                    "send an Idempotency-Key that is the same over retries of one intent"
                )
            return None
        if not 0 < len(key) <= MAX_KEY_LENGTH:
            raise KEY_INVALID.because(f"a key has 1 to {MAX_KEY_LENGTH} characters, this one has {len(key)}")
        fingerprint = hash((method, path, body))
        claims = self._claims.setdefault(client, {})
        now_ns = self._now()
        claim = claims.get(key)
        if claim is not None and claim.expires_ns > now_ns:
            if claim.fingerprint != fingerprint:
                raise KEY_REUSED.because(f"key {key!r} came first with another method, path or body")
            return claim
        _forget_expired(claims, now_ns)
        claim = claims[key] = Claim(fingerprint, self._expiry_ns(now_ns))
        return claim

    def forget(self, client: str, key: str, after_s: float) -> None:
        """Forget a key whose answer is that old, to a tenth of a second."""
        claim = self._claims.get(client, {}).get(key)
        if (
            claim is not None
            and claim.expires_ns - self._lifetime_ns - 100_000_000 + after_s * 1e9 <= self._now()
        ):
            self.release(client, key)

    def knows(self, client: str, key: str) -> bool:
        """It has an answer to give again."""
        claim = self._claims.get(client, {}).get(key)
        return claim is not None and claim.first is not None

    def release(self, client: str, key: str) -> None:
        """Forget a claim whose work came to nothing."""
        del self._claims[client][key]

    @contextmanager
    def working(self, client: str, key: str | None) -> Iterator[None]:
        """The time a system takes over a call; meanwhile the same key is refused with 409. Raises Refused."""
        if key is None or self.mode is KeyMode.IGNORED:
            yield
            return
        if (client, key) in self._at_work:
            raise KEY_IN_USE.because(f"the first request with key {key!r} has no answer yet")
        self._at_work.add((client, key))
        try:
            yield
        finally:
            self._at_work.discard((client, key))

    def clear(self) -> None:
        self._claims.clear()

    def _expiry_ns(self, now_ns: int) -> int:
        """In steps of a tenth of a second, so that many claims share one number."""
        if now_ns >= self._next_step_ns:
            self._next_step_ns = now_ns + 100_000_000
            self._step_expires_ns = self._next_step_ns + self._lifetime_ns
        return self._step_expires_ns


def _forget_expired(claims: dict[str, Claim], now_ns: int) -> None:
    """Only the oldest need a look."""
    while claims:
        oldest = next(iter(claims))
        if claims[oldest].expires_ns > now_ns:
            return
        del claims[oldest]


def bare(header: str | None) -> str | None:
    """The key without the quotes of a structured-field string; both forms are in use."""
    if header is None:
        return None
    header = header.strip()
    if len(header) >= 2 and header[0] == header[-1] == '"':
        return header[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return header
