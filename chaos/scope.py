"""Whose calls a throttle counts together, and the name of the bucket that they share."""

from typing import Literal, get_args

from .errors import ChaosError
from .fault import Call

Scope = Literal["client", "operation", "client-operation", "system"]


def checked(scope: str) -> None:
    """ChaosError for a scope that does not exist."""
    if scope not in get_args(Scope):
        raise ChaosError(f"scope must be client, operation, client-operation or system, got {scope!r}")


def bucket_of(call: Call, scope: Scope) -> str:
    """The bucket's name, as the call record shows it; callers without a valid token share one."""
    match scope:
        case "client":
            return f"{call.system}/{call.client or 'anonymous'}"
        case "operation":
            return f"{call.system}/{call.operation}"
        case "client-operation":
            return f"{call.system}/{call.client or 'anonymous'}/{call.operation}"
        case "system":
            return call.system
