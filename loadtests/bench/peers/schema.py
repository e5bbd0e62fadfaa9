"""What an order must look like, for those peers that can check one: less than the simulator asks of it."""

from typing import Any

TEXT: dict[str, Any] = {"type": "string"}
ORDER: dict[str, Any] = {
    "type": "object",
    "required": ["order_ref", "currency", "lines", "total"],
    "properties": {
        "order_ref": TEXT,
        "currency": TEXT,
        "total": TEXT,
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["line_id", "sku", "quantity", "unit_price"],
                "properties": {
                    "line_id": TEXT,
                    "sku": TEXT,
                    "quantity": {"type": "integer", "minimum": 1},
                    "unit_price": TEXT,
                },
            },
        },
    },
}
