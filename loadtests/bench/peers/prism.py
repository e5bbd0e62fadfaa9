"""Prism: an OpenAPI document whose examples are the answers; it validates and keeps nothing."""

import json
from pathlib import Path
from typing import Any

from ..servers import Answers
from .peer import Peer
from .schema import ORDER, TEXT


def options(folder: Path, port: int, answers: Answers) -> list[str]:
    """A document of the two operations."""
    document = {
        "openapi": "3.0.3",
        "info": {"title": "Orders", "version": "1"},
        "paths": {
            "/v1/sales-orders": {
                "post": {
                    "requestBody": {"required": True, "content": {"application/json": {"schema": ORDER}}},
                    "responses": {"201": _answer(answers.created)},
                }
            },
            "/v1/sales-orders/{sales_order_id}": {
                "get": {
                    "parameters": [
                        {"name": "sales_order_id", "in": "path", "required": True, "schema": TEXT}
                    ],
                    "responses": {"200": _answer(answers.read)},
                }
            },
        },
    }
    (folder / "orders.json").write_text(json.dumps(document), "utf-8")
    return ["mock", str(folder / "orders.json"), "--port", str(port), "--verboseLevel", "error"]


def _answer(body: bytes) -> dict[str, Any]:
    content = {"schema": {"type": "object"}, "example": json.loads(body)}
    return {"description": "An order", "content": {"application/json": content}}


PRISM = Peer("Prism", "prism", options)
