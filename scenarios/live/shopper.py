"""One order by hand: the first article that a channel has in stock, bought as any shopper would."""

import http.client
import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ..errors import RunError, UsageError, unknown

PATIENCE_S = 10.0
PAGES = 20
"""So many pages of the catalogue are looked through."""
CUSTOMER = {"name": "Zoë by Hand", "email": "zoe@example.org"}
HOME = {
    "name": "Zoë by Hand",
    "line1": "1 High Street",
    "line2": None,
    "city": "London",
    "postcode": "N1 9GU",
    "country": "GB",
}


def buy(shoppers: Mapping[str, Mapping[str, str]], channel: str | None = None) -> str:
    """Place an order of one unit; returns its reference. ``shoppers``: url and api_key by channel.

    UsageError for an unknown channel, RunError where nothing can be bought or the channel does not answer.
    """
    if not shoppers:
        raise UsageError("this estate has no channel to buy at")
    name = channel or next(iter(shoppers))
    if name not in shoppers:
        raise UsageError(unknown("channel", name, list(shoppers)))
    shop = _Channel(name, shoppers[name])
    item = shop.first_in_stock()
    currency, price = item["prices"][0]["currency"], str(item["prices"][0]["amount"])
    order_ref = f"{name}-hand-{secrets.token_hex(3)}"
    shop.ask(
        "POST",
        "/v1/checkouts",
        {
            "order_ref": order_ref,
            "currency": currency,
            "lines": [{"line_id": "1", "sku": item["sku"], "quantity": 1, "unit_price": price}],
            "shipping": "0.00",
            "total": price,
            "customer": CUSTOMER,
            "ship_to": HOME,
            "service_level": "standard",
        },
    )
    return order_ref


class _Channel:
    def __init__(self, name: str, address: Mapping[str, str]) -> None:
        self._name = name
        self._netloc = urlsplit(address["url"]).netloc
        self._headers = {"Authorization": f"Bearer {address['api_key']}", "Content-Type": "application/json"}

    def first_in_stock(self) -> dict[str, Any]:
        path = "/v1/catalogue"
        for _ in range(PAGES):
            page = self.ask("GET", path)
            for item in page["items"]:
                if item["available"] > 0 and item["prices"]:
                    found: dict[str, Any] = item
                    return found
            if not page.get("next_cursor"):
                break
            path = f"/v1/catalogue?cursor={page['next_cursor']}"
        raise RunError(f"{self._name} has nothing in stock that could be bought")

    def ask(self, method: str, path: str, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._netloc, timeout=PATIENCE_S)
        try:
            connection.request(
                method, path, None if document is None else json.dumps(document), self._headers
            )
            reply = connection.getresponse()
            status, answer = reply.status, json.loads(reply.read() or b"null")
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise RunError(f"{self._name} does not answer: {error or type(error).__name__}") from None
        finally:
            connection.close()
        if status >= 400 or not isinstance(answer, dict):
            why = answer.get("detail") if isinstance(answer, dict) else None
            raise RunError(f"{self._name} refused with {status}: {why or 'no reason'}")
        return answer
