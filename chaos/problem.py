"""The problem document (RFC 9457) of a reply that a throttle or a fault gives in the system's place."""

import json

from .fault import Decision, Figures, Reply
from .meter import SECOND_NS


def refusal(
    code: str,
    title: str,
    status: int,
    detail: str,
    *,
    refused_by: str,
    headers: tuple[tuple[str, str], ...] = (),
) -> Reply:
    """A refusal that changed nothing; ``code`` is the last part of the problem's type."""
    document = {
        "type": f"https://peakproof.invalid/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail,
    }
    return Reply(
        status=status,
        body=json.dumps(document).encode(),
        headers=[("content-type", "application/problem+json"), *headers],
        error=code,
        refused_by=refused_by,
    )


def throttled(bucket: str, scope: str, rule: str, figures: Figures) -> Decision:
    """The neutral refusal of a throttle, whose ``rule`` reads like "2 calls a second".

    429 with ``Retry-After`` where the wait is known, and the headers of draft-ietf-httpapi-ratelimit-headers.
    """
    state, policy = f'"{scope}";r={figures.left}', f'"{scope}";q={figures.limit}'
    if figures.window_ns:
        policy += f";w={max(1, whole_s(figures.window_ns))}"
    else:
        policy += ';qu="concurrent-requests"'
    wait_s = None if figures.wait_ns is None else whole_s(figures.wait_ns)
    headers: tuple[tuple[str, str], ...] = ()
    advice = "try again later"
    if wait_s is not None:
        state += f";t={wait_s}"
        headers, advice = (("retry-after", str(wait_s)),), f"try again in {wait_s} s"
    reply = refusal(
        "throttled",
        "Too many requests",
        429,
        f"{bucket} allows {rule}; {advice}",
        refused_by="throttle",
        headers=(*headers, ("ratelimit", state), ("ratelimit-policy", policy)),
    )
    reply.retry_after_s = None if wait_s is None else float(wait_s)
    reply.bucket = bucket
    return Decision(bucket, reply)


def whole_s(duration_ns: int) -> int:
    """Seconds, rounded up: who waits so long has waited long enough."""
    return -(-duration_ns // SECOND_NS)
