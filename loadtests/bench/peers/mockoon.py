"""Mockoon's command: a data bucket with its CRUD route, which keeps what is posted."""

import json
from pathlib import Path
from uuid import UUID

from ..servers import Answers
from .peer import Peer


def options(folder: Path, port: int, _: Answers) -> list[str]:
    """An environment of one bucket and one route."""
    bucket, route, answer = (str(UUID(int=number, version=4)) for number in (1, 2, 3))
    environment = {
        "uuid": str(UUID(int=4, version=4)),
        "name": "orders",
        "port": port,
        "hostname": "127.0.0.1",
        "data": [{"uuid": bucket, "id": "ords", "name": "orders", "documentation": "", "value": "[]"}],
        "routes": [
            {
                "uuid": route,
                "type": "crud",
                "method": "",
                "endpoint": "v1/sales-orders",
                "responses": [
                    {
                        "uuid": answer,
                        "statusCode": 200,
                        "headers": [{"key": "Content-Type", "value": "application/json"}],
                        "bodyType": "DATABUCKET",
                        "databucketID": "ords",
                        "crudKey": "sales_order_id",
                        "default": True,
                    }
                ],
            }
        ],
        "rootChildren": [{"type": "route", "uuid": route}],
    }
    (folder / "orders.json").write_text(json.dumps(environment), "utf-8")
    quiet = ["--disable-log-to-file", "--disable-admin-api", "--max-transaction-logs", "1"]
    return ["start", "--repair", "--data", str(folder / "orders.json"), *quiet]


MOCKOON = Peer("Mockoon", "mockoon-cli", options)
