"""What a forger writes: an event's data with lies in it that somebody who believes them acts on."""

from typing import Any

STREET = "1 Forger's Yard"
"""Where the goods are to go."""
COUNTS = frozenset({"quantity", "on_hand", "available"})
AMOUNTS = frozenset({"amount", "total"})
NEWER = 1_000_000
"""A version so much higher that everything true which follows looks stale."""
OWN_IDS = frozenset({"change_id", "shipment_id", "return_id", "request_id", "credit_memo_id", "capture_id"})
"""What makes an event one of its own: under another id it is another shipment, return or change."""


def altered(data: dict[str, Any]) -> dict[str, Any]:
    """The same event with another address, else other numbers, else other ids: always something that matters."""
    if isinstance(data.get("ship_to"), dict):
        return {**data, "ship_to": {**data["ship_to"], "line1": STREET}}
    told: dict[str, Any] = _with_other_numbers(data)
    if told == data:
        told = {
            key: f"{value}-x" if key.endswith("_id") and isinstance(value, str) else value
            for key, value in data.items()
        }
    return told


def invented(data: dict[str, Any]) -> dict[str, Any]:
    """An event that never happened: another order's, or another shipment, return or change of the same one."""
    lies = altered(data)
    if isinstance(data.get("ship_to"), dict):
        return {**lies, "order_ref": _other(data["order_ref"])}
    return {
        key: _other(value) if key in OWN_IDS and isinstance(value, str) else value
        for key, value in lies.items()
    }


def _with_other_numbers(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _with_other_numbers(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [_with_other_numbers(part, key) for part in value]
    if isinstance(value, int):
        return value * 2 + 7 if key in COUNTS else value + NEWER if key == "version" else value
    return f"9{value}" if key in AMOUNTS and isinstance(value, str) else value


def _other(reference: str) -> str:
    """Another reference of the same form; no longer than references may be."""
    return f"forged-{reference}"[:64]
