"""The smallest honest middleware: every order that a channel accepts is booked in the ERP exactly once. No packages.

The channel keeps an event until it is acknowledged, and that is all the storage there is: the answer is 204 only when the
ERP has the order. Whatever goes wrong before, the next delivery tries again, under the same key.
"""

import base64, hashlib, hmac, json, os, threading, time  # noqa: I001 - one line for a short example
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import Request, urlopen

CONTENT = "order_ref channel currency lines shipping total customer ship_to service_level priority ship_by payment_id"
SECRET = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
HEADERS = {"Authorization": f"Bearer {os.environ['ERP_KEY']}", "Content-Type": "application/json"}
turn, parked, closed_until = threading.Lock(), {}, 0.0


class Door(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, json.dumps(list(parked.values())).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
        signature = "v1," + base64.b64encode(hmac.digest(SECRET, signed, hashlib.sha256)).decode()
        if not hmac.compare_digest(signature, self.headers["webhook-signature"] or ""):
            return self.answer(401)
        with turn:  # one order at a time: a throttled ERP is not asked by several at once
            return self.answer(204 if has_got(json.loads(body)["data"]) else 503)

    def answer(self, status, body=b""):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)


def has_got(order):
    """The ERP has the order, or refused it for good."""
    global closed_until
    ref = order["order_ref"]
    if ref in parked or time.monotonic() < closed_until:
        return ref in parked
    content = json.dumps({name: order[name] for name in CONTENT.split()}).encode()
    headers = {**HEADERS, "Idempotency-Key": ref}
    try:
        urlopen(Request(os.environ["ERP_URL"] + "/v1/sales-orders", content, headers), timeout=4).close()
        return True
    except HTTPError as refused:
        closed_until = time.monotonic() + float(refused.headers["Retry-After"] or 0)
        if refused.code in (400, 403, 404, 422):  # for good: given up on, where people can see it
            parked[ref] = {"order_ref": ref, "system": "erp", "reason": str(refused)}
        return ref in parked
    except OSError:
        return False  # no answer: it may be booked or not, and the key makes asking again harmless


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Door).serve_forever()
