"""The smallest honest middleware: every order that a channel accepts is booked in the ERP exactly once. No packages."""

import base64, hashlib, hmac, json, os, queue, threading, time  # noqa: I001 - one line for a short example
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import Request, urlopen

CONTENT = "order_ref channel currency lines shipping total customer ship_to service_level priority ship_by payment_id"
SECRET = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
inbox = os.open(os.environ["INBOX"], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
waiting, parked = queue.Queue(), []


class Door(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
        signature = "v1," + base64.b64encode(hmac.digest(SECRET, signed, hashlib.sha256)).decode()
        if not hmac.compare_digest(signature, self.headers["webhook-signature"] or ""):
            return self.answer(401)
        os.write(inbox, body + b"\n")
        os.fsync(inbox)  # durable before it is acknowledged
        waiting.put(json.loads(body)["data"])
        return self.answer(204)

    def do_GET(self):
        known = {"/health": "ready", "/exceptions": parked, "/pending": {"pending": waiting.unfinished_tasks}}
        self.answer(200 if self.path in known else 404, json.dumps(known.get(self.path)).encode())

    def answer(self, status, body=b""):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)


def erp(method, path, key="", document=None):
    headers = {"Authorization": f"Bearer {os.environ['ERP_KEY']}", "Content-Type": "application/json"}
    body = None if document is None else json.dumps(document).encode()
    request = Request(os.environ["ERP_URL"] + path, body, {**headers, "Idempotency-Key": key}, method=method)
    with urlopen(request, timeout=5) as reply:
        return json.load(reply)


def book(order):
    ref, wait_s, unsure = order["order_ref"], 0.1, False
    while True:
        try:
            if not (unsure and erp("GET", f"/v1/sales-orders?order_ref={ref}")["items"]):
                erp("POST", "/v1/sales-orders", ref, {name: order[name] for name in CONTENT.split()})
            return None
        except HTTPError as refused:
            unsure, asked_s = unsure or refused.code >= 500, float(refused.headers["Retry-After"] or 0)
            if refused.code in (400, 403, 404, 422):  # for good: give up on it where people can see it
                since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                return parked.append(
                    {"order_ref": ref, "system": "erp", "reason": str(refused), "since": since}
                )
        except OSError:  # no answer: it may be booked or not, so look before trying again
            unsure, asked_s = True, 0.0
        time.sleep(max(asked_s, wait_s))
        wait_s = min(wait_s * 2, 2.0)


def work():
    while True:
        book(waiting.get())
        waiting.task_done()


for line in open(os.environ["INBOX"]):  # noqa: SIM115 - worked again after a crash: key and look make it harmless
    waiting.put(json.loads(line)["data"])
threading.Thread(target=work, daemon=True).start()
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Door).serve_forever()
