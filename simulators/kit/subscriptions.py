"""Webhook subscriptions by API: every system that emits events has the same four operations."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from annotated_types import MaxLen, MinLen

from .collection import Collection
from .events import Dispatcher, Subscription
from .face import Face, found
from .refusal import Refusal
from .wire import Listing, Page, page_of

URL_NOT_ALLOWED = Refusal(
    "url_not_allowed",
    422,
    "Events go only to addresses that the user of this estate configured.",
    permanent=True,
)
UNKNOWN_TOPIC = Refusal("unknown_topic", 422, "This system has no such topic.", permanent=True)

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class SubscriptionRequest:
    """Where to send what; ``*`` stands for every topic."""

    url: Annotated[str, MinLen(1), MaxLen(500)]
    topics: Annotated[tuple[str, ...], MinLen(1), MaxLen(50)]


@dataclass(slots=True)
class SubscriptionView:
    """A subscription without its secret."""

    subscription_id: str
    url: str
    topics: tuple[str, ...]
    active: bool
    version: int = 0
    updated_at: str = ""


def declare(
    face: Face, dispatcher: Dispatcher, topics: frozenset[str], allowed_hosts: frozenset[str]
) -> None:
    """Put the subscription operations on a system's face."""
    views: Collection[SubscriptionView] = Collection()

    def refreshed(view: SubscriptionView) -> SubscriptionView:
        """The dispatcher ends a subscription by itself after a 410."""
        subscription = dispatcher.subscriptions.get(view.subscription_id)
        if view.active and (subscription is None or not subscription.active):
            view.active = False
            views.changed(view.subscription_id, view, face.world.told())
        return view

    @face.post(
        "/v1/webhook-subscriptions",
        status=201,
        secret=True,
        keyed=False,
        refuses=(URL_NOT_ALLOWED, UNKNOWN_TOPIC),
    )
    def create_webhook_subscription(wanted: SubscriptionRequest) -> Subscription:
        """Subscribe; the answer holds the secret that signs every webhook, and it is shown only now."""
        try:
            parts = urlsplit(wanted.url)
            host, _ = parts.hostname, parts.port  # a port that is none raises as well
        except ValueError:
            host = None
        if host is None or parts.scheme not in ("http", "https"):
            raise URL_NOT_ALLOWED.because(f"{wanted.url!r} is no http(s) address")
        if not wanted.url.isprintable() or " " in wanted.url:
            raise URL_NOT_ALLOWED.because(
                f"{wanted.url!r} has spaces or control characters; write them as %20"
            )
        if host not in allowed_hosts:
            raise URL_NOT_ALLOWED.because(f"host {host!r} is none of {', '.join(sorted(allowed_hosts))}")
        for topic in wanted.topics:
            if topic != "*" and topic not in topics:
                raise UNKNOWN_TOPIC.because(f"{topic!r} is none of {', '.join(sorted(topics))}")
        subscription = dispatcher.subscribe(face.system, wanted.url, wanted.topics)
        view = SubscriptionView(
            subscription.subscription_id, subscription.url, subscription.topics, active=True
        )
        views.add(view.subscription_id, view, face.world.told())
        return subscription

    @face.get("/v1/webhook-subscriptions")
    def list_webhook_subscriptions(query: Listing) -> Page[SubscriptionView]:
        """Subscriptions made over this API."""
        for view in list(views):
            refreshed(view)
        return page_of(views, query)

    @face.get("/v1/webhook-subscriptions/{subscription_id}")
    def get_webhook_subscription(subscription_id: str) -> SubscriptionView:
        """One subscription; no longer active after a 410."""
        return refreshed(found(views.get(subscription_id), f"subscription {subscription_id!r}"))

    @face.delete("/v1/webhook-subscriptions/{subscription_id}", status=204)
    def delete_webhook_subscription(subscription_id: str) -> None:
        """Unsubscribe."""
        view = found(views.get(subscription_id), f"subscription {subscription_id!r}")
        if subscription_id in dispatcher.subscriptions:
            dispatcher.unsubscribe(subscription_id)
        refreshed(view)
