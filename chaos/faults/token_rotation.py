"""Every access token that a system has given out stops working at once, long before it expires."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..fault import Levers


@dataclass(frozen=True, slots=True)
class TokenRotation:
    """Signing keys are rotated, or an operator revokes the sessions: Entra and NetSuite both do it without notice.

    The next call with the old token gets 401 although ``expires_in`` has not passed. A middleware that trusts
    ``expires_in`` alone fails until then; one that takes 401 for a permanent refusal gives its orders up. Fetch a new
    token once and repeat the call. Static keys go on working, and healing brings no old token back.
    """

    seam: ClassVar[Literal["process"]] = "process"
    target: ClassVar[Literal["system", "sut"]] = "system"

    def strike(self, levers: Levers) -> None:
        levers.forget_tokens()

    def heal(self, levers: Levers) -> None:
        """Nothing comes back: a new token was to be had all the time."""
