"""States that every system can be put into."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...chaos.errors import ChaosError
from ...simulators.kit.auth import Client
from ..errors import ContractsError
from ..state import Scene, Values, state

NO_SETTINGS: dict[str, Any] = {}


@state("nothing is prepared", "any")
def nothing(scene: Scene) -> Values:
    """The estate as it begins: articles MUG (4.95) and TEA (3.10), 100 units each in the north and in the south."""
    return {}


@state("article exists", "any")
def article(scene: Scene, *, sku: str = "MUG", on_hand: int = 100, price: str = "4.95") -> Values:
    """Every system knows the article, with its stock in each of two locations and its price in GBP and EUR."""
    scene.know(sku, on_hand, price)
    return {}


@state("throttled", "any")
def throttled(scene: Scene, *, retry_after_s: int = 1) -> Values:
    """The system answers 429 with Retry-After in whole seconds."""
    scene.fault("throttled", {"wait_s": float(retry_after_s)})
    return {}


@state("unavailable", "any")
def unavailable(scene: Scene, *, retry_after_s: int = 1) -> Values:
    """The system answers 503 with Retry-After in whole seconds, as a problem document."""
    scene.fault("throttled", {"wait_s": float(retry_after_s), "status": 503})
    return {}


@state("in maintenance", "any")
def in_maintenance(scene: Scene, *, retry_after_s: int = 1) -> Values:
    """The system answers 503 with Retry-After and an HTML page for people."""
    scene.fault("maintenance-page", {"retry_after_s": float(retry_after_s)})
    return {}


@state("failing", "any")
def failing(scene: Scene, *, status: int = 500) -> Values:
    """The system answers with a 5xx and has done nothing."""
    scene.fault("server-error", {"status": status})
    return {}


@state("token expired", "any")
def token_expired(scene: Scene) -> Values:
    """Every access token is refused with 401."""
    scene.fault("token-expired", {})
    return {}


@state("scope revoked", "any")
def scope_revoked(scene: Scene, *, scope: str = "write") -> Values:
    """The caller may no longer write (or read): 403."""
    scene.fault("scope-revoked", {"scope": scope})
    return {}


@state("client is registered", "any")
def client_is_registered(
    scene: Scene, *, client_id: str = "middleware", client_secret: str = "secret"
) -> Values:
    """The token endpoint knows these client credentials."""
    client = Client.new(client_id, "read", "write")
    authenticator = scene.system.face.authenticator
    authenticator.admit(replace(client, client_secret=client_secret))
    scene.undo.append(lambda: authenticator.dismiss(client_id))
    return {}


@state("idempotency key was used for another request", "any")
def key_used(scene: Scene, *, key: str = "key-1") -> Values:
    """The key came with another method, path or body before: 422."""
    store, client = scene.system.face.idempotency, scene.system.sut.client_id
    store.claim(client, key, "POST", "/another", b"")
    return {}


@state("the same request was made before", "any")
def made_before(scene: Scene) -> Values:
    """This very request, with its Idempotency-Key, has been answered once; put it last where there are several states."""
    if scene.interaction.request is None:
        raise ContractsError("'the same request was made before' is for HTTP interactions")
    scene.make_request()
    return {}


@state("document changed since it was read", "any")
def changed_since_read(scene: Scene) -> Values:
    """Whoever sends If-Match is refused with 412."""
    scene.fault("precondition-failed", {})
    return {}


@state("duplicates are refused", "any")
def strict_references(scene: Scene) -> Values:
    """A second document with the same business reference gets 409, `duplicate_reference`."""
    scene.ledger.settings = replace(scene.ledger.settings, strict_references=True)
    return {}


@state("fault", "any")
def fault(
    scene: Scene,
    *,
    fault: str = "server-error",
    settings: Mapping[str, Any] = NO_SETTINGS,
    operation: str = "",
) -> Values:
    """Any fault of `peakproof list faults` acts on the system, or on one operation of it."""
    try:
        scene.fault(fault, settings, operation or None)
    except ChaosError as error:
        raise ContractsError(str(error)) from None
    return {}
