"""Work that was accepted with a 202 never ends: its job stays queued for whoever polls it."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..fault import Document, FaultContext, Leaving


@dataclass(frozen=True, slots=True)
class NeverCompletes:
    """Every job that has ended is still shown as queued. What it stood for did happen, or was refused, and the
    document itself and the events say so.

    Who polls without a deadline polls for ever, and who treats the deadline as a failure and posts again does it
    twice: look at the document, or wait for the event. It fires on jobs that have ended only. As bulk jobs whose
    worker died after the work (Shopify bulk operations, SAP and NetSuite queues).
    """

    seam: ClassVar[Literal["document"]] = "document"

    def change(self, document: Document, leaving: Leaving, ctx: FaultContext) -> Document | None:
        if (
            leaving.is_event
            or "job_id" not in document
            or document.get("status") not in ("succeeded", "failed")
        ):
            return None
        return {**document, "status": "queued", "reason": None, "version": 0}
