"""How a system says no: a named refusal with a status, one sentence, and whether asking again can ever help."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason for which a system refuses; surely nothing was done."""

    code: str
    """Last part of the problem's ``type``."""
    status: int
    title: str
    """The sentence that is true of every such refusal."""
    permanent: bool = False
    """The same request can never succeed; false where it only comes too early."""

    def because(self, detail: str, **extensions: object) -> "Refused":
        """The exception to raise: ``raise TOO_LATE.because("picking began at ...")``."""
        return Refused(self, detail, extensions)


class Refused(Exception):
    """A ledger refused and changed nothing."""

    def __init__(self, refusal: Refusal, detail: str, extensions: dict[str, object] | None = None) -> None:
        super().__init__(f"{refusal.code}: {detail}")
        self.refusal = refusal
        self.detail = detail
        self.extensions = extensions or {}


NOT_FOUND = Refusal("not_found", 404, "There is no such document.")
DUPLICATE_REFERENCE = Refusal(
    "duplicate_reference", 409, "A document with this order reference exists already.", permanent=True
)
PRECONDITION_FAILED = Refusal("precondition_failed", 412, "The document has changed since it was read.")
PRECONDITION_REQUIRED = Refusal(
    "precondition_required", 428, "This update needs an If-Match header.", permanent=True
)
INVALID = Refusal("invalid_request", 422, "The request breaks a rule of this system.", permanent=True)
ORDER_INVALID = Refusal(
    "order_invalid", 422, "The order does not pass this system's validation.", permanent=True
)
STALE_VERSION = Refusal("stale_version", 409, "A newer version is known already.", permanent=True)
