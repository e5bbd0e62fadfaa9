"""The system is in maintenance and answers every call with an HTML page for people."""

from dataclasses import dataclass
from math import ceil
from typing import ClassVar, Literal

from ..checks import above, one_of
from ..fault import Call, FaultContext, Forward, Reply

PAGE = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Down for maintenance</title></head>
<body><h1>We will be right back</h1><p>The system is being updated. Please try again later.</p></body></html>
"""


@dataclass(frozen=True, slots=True)
class MaintenancePage:
    """Its window is the injection's. Nothing is done. A client that parses every body as JSON crashes on it, and
    with ``status: 200``, as some gateways and WAFs answer, one that trusts the status takes an order for booked.

    ``retry_after_s`` is said in Retry-After, rounded up to whole seconds; nothing is said by default. As Adobe
    Commerce in maintenance mode.
    """

    seam: ClassVar[Literal["call"]] = "call"
    hides: ClassVar[bool] = True

    status: Literal[503, 502, 200] = 503
    retry_after_s: float | None = None

    def __post_init__(self) -> None:
        one_of((503, 502, 200), status=self.status)
        if self.retry_after_s is not None:
            above(0, retry_after_s=self.retry_after_s)

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        headers = [("content-type", "text/html; charset=utf-8")]
        wait_s = None if self.retry_after_s is None else float(ceil(self.retry_after_s))
        if wait_s is not None:
            headers.append(("retry-after", f"{wait_s:.0f}"))
        return Reply(
            status=self.status,
            body=PAGE,
            headers=headers,
            error="maintenance",
            refused_by="fault",
            retry_after_s=wait_s,
        )
