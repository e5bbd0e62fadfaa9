"""States of a webhook on its way to your middleware: how it is signed, and whether it came before."""

from ..state import Scene, Values, delivery_of, state


@state("webhook is {status}", "webhook", status=("genuine", "forged", "expired", "altered", "unsigned"))
def webhook(scene: Scene, *, status: str) -> Values:
    """Signed with your secret; or with another, an hour ago, before a byte was altered, or not at all."""
    delivery_of(scene).signature = status
    return {}


@state("webhook was delivered before", "webhook")
def delivered_before(scene: Scene, *, times: int = 1) -> Values:
    """The very same webhook, same id, was delivered and acknowledged already."""
    delivery_of(scene).before = times
    return {}
