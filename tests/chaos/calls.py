"""Calls as throttles see them."""

from peakproof.chaos.fault import Call, Throttle

S = 1_000_000_000


def a_call(
    client: str | None = "sut", operation: str = "create_sales_order", *, system: str = "erp", at_ns: int = 0
) -> Call:
    return Call(
        call_id=f"{system}-1",
        system=system,
        operation=operation,
        subject="web-000001",
        attempt=1,
        method="POST",
        path="/v1/sales-orders",
        headers={},
        body=b"",
        at_ns=at_ns,
        changes=True,
        client=client,
    )


def waits_s(throttle: Throttle, times_s: list[float], operation: str = "create_sales_order") -> list[int]:
    """For each call 0 where it is admitted, else the seconds that it is told to wait (-1: it is told nothing)."""
    told = []
    for at_s in times_s:
        refusal = throttle.admit(a_call(operation=operation), round(at_s * S)).refusal
        wait_s = -1 if refusal is None or refusal.retry_after_s is None else int(refusal.retry_after_s)
        told.append(0 if refusal is None else wait_s)
    return told
