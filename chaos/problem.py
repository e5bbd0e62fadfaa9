"""The problem document (RFC 9457) of a reply that a throttle or a fault gives in the system's place."""

import json

from .fault import Reply


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
