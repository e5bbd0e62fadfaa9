"""A middleware that serves stock-sync and nothing else: run by test_small_form.py, told everything by webhooks.

The newest value of each thing is kept until its target has taken it; corrections are booked once, by their change id.
"""

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

SYSTEMS: dict[str, dict[str, str]] = json.loads(os.environ["PEAKPROOF_SYSTEMS"])
CHANNELS = [name for name, system in SYSTEMS.items() if system["kind"] == "marketplace"]
CORRECTIONS = ("receipt", "count", "damage")
MOST_ITEMS = 100

Target = tuple[str, str]
"""A system and the path of its bulk endpoint."""
STOCK: Target = ("oms", "/v1/stock/batch")
LISTED = [(channel, "/v1/listings/availability/batch") for channel in CHANNELS]

lock = threading.Lock()
newest: dict[tuple[Target, str], dict[str, Any]] = {}
unsent: dict[Target, set[str]] = {target: set() for target in (STOCK, *LISTED)}
corrections: dict[str, dict[str, Any]] = {}


def offer(target: Target, thing: str, item: dict[str, Any]) -> None:
    known = newest.get((target, thing))
    if known is None or known["version"] < item["version"]:
        newest[target, thing] = item
        unsent[target].add(thing)


def take_in(topic: str, data: dict[str, Any]) -> None:
    with lock:
        if topic == "availability.changed":
            for target in LISTED:
                item = {"sku": data["sku"], "quantity": data["available"], "version": data["version"]}
                offer(target, data["sku"], item)
        elif topic == "stock.changed":
            item = {name: data[name] for name in ("sku", "location", "on_hand", "version")}
            offer(STOCK, f"{data['sku']}/{data['location']}", item)
            if data["cause"] in CORRECTIONS:
                change = {"sku": data["sku"], "quantity": data["delta"], "cause": data["cause"]}
                corrections.setdefault(data["change_id"], {"change_id": data["change_id"], **change})


def post(system: str, path: str, body: dict[str, Any], key: str | None = None) -> dict[str, Any]:
    headers = {
        "Authorization": f"Bearer {SYSTEMS[system]['api_key']}",
        "Content-Type": "application/json",
        **({"Idempotency-Key": key} if key else {}),
    }
    request = Request(SYSTEMS[system]["url"] + path, json.dumps(body).encode(), headers)
    with urlopen(request, timeout=5) as reply:
        answer: dict[str, Any] = json.load(reply)
        return answer


def publish(target: Target) -> None:
    with lock:
        things = sorted(unsent[target])[:MOST_ITEMS]
        items = [newest[target, thing] for thing in things]
        unsent[target].difference_update(things)
    if not items:
        return
    try:
        results = post(*target, {"items": items})["results"]
        again = [thing for thing, result in zip(things, results, strict=True) if result["status"] >= 400]
    except OSError:
        again = things
    with lock:
        unsent[target].update(again)


def correct() -> None:
    with lock:
        waiting = [change for change in corrections.values() if not change.get("booked")]
    for change in waiting:
        try:
            post("erp", "/v1/stock-adjustments", change, key=change["change_id"])
        except HTTPError as refused:
            if refused.code not in (400, 404, 422):
                continue
        except OSError:
            continue
        change["booked"] = True


def work() -> None:
    while True:
        for target in unsent:
            publish(target)
        correct()
        time.sleep(0.05)


class Door(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(200)

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        take_in(event["type"], event["data"])
        self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    threading.Thread(target=work, daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Door).serve_forever()
