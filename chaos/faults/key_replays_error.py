"""A request fails with a 5xx, and its Idempotency-Key gives the same 5xx to every retry."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..errors import ChaosError
from ..fault import FaultContext


@dataclass(frozen=True, slots=True)
class KeyReplaysError:
    """Stripe's v1 API stores the first status and body under the key, 500s included, and says so by ``Idempotent-
    Replayed: true``. A middleware that keeps one key over all retries gets the old error for ever and loses
    the order; one that takes a new key without looking may book twice, because the first may have been
    carried out. Look the document up, then use a new key.
    """

    seam: ClassVar[Literal["rule"]] = "rule"
    rule: ClassVar[str] = "keep_answer"

    status: int = 500
    committed: bool = False
    """The request was carried out all the same."""

    def __post_init__(self) -> None:
        if not 500 <= self.status <= 599:
            raise ChaosError(f"status must be from 500 to 599, got {self.status}")

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]:
        return {"status": self.status, "committed": self.committed}
