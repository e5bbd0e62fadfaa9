"""The status says 200 and the document says that it went wrong."""

import json
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..checks import one_of
from ..commit import MOMENTS, Moment, answered_instead
from ..fault import Call, FaultContext, Forward, Reply


@dataclass(frozen=True, slots=True)
class OkWithErrorBody:
    """``{"data": null, "errors": [{"code", "message"}]}`` under a 200. With ``when: before`` nothing is done, with
    ``after`` everything is and the document is wrong about it.

    Who looks at the status alone counts an order as booked that never was. Its call is recorded as refused, as who
    reads the document must take it, or as unknown where it hides a commit. As GraphQL (Shopify: THROTTLED under a
    200), SOAP bridges and Adobe Commerce's batch answers.
    """

    seam: ClassVar[Literal["call"]] = "call"
    changes_only: ClassVar[bool] = True

    when: Moment = "before"

    def __post_init__(self) -> None:
        one_of(MOMENTS, when=self.when)

    @property
    def carried_out_only(self) -> bool:
        """After the commit there is something to hide only where there was one."""
        return self.when == "after"

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        error = {"code": "INTERNAL_ERROR", "message": "Something went wrong; please try again."}
        reply = Reply(
            status=200,
            body=json.dumps({"data": None, "errors": [error]}).encode(),
            headers=[("content-type", "application/json")],
            error="internal_error",
            refused_by="fault",
        )
        return await answered_instead(reply, call, forward, self.when)
