"""The smallest honest middleware: every order that a channel accepts is booked in the ERP exactly once. No packages."""
# It does not ask a channel for what never came: `peakproof run missed-webhooks` shows what that costs.

import base64, hashlib, hmac, json, os, queue, threading, time  # noqa: I001 - one line for a short example
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import Request, urlopen

CONTENT = "order_ref channel currency lines shipping total customer ship_to service_level priority ship_by payment_id"
SECRET = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
HEADERS = {"Authorization": f"Bearer {os.environ['ERP_KEY']}", "Content-Type": "application/json"}
inbox, waiting, parked = open(os.environ["INBOX"], "a+b", 0), queue.Queue(), {}  # noqa: SIM115


class Door(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
        signature = "v1," + base64.b64encode(hmac.digest(SECRET, signed, hashlib.sha256)).decode()
        age_s = time.time() - int(self.headers["webhook-timestamp"] or 0)
        if abs(age_s) > 300 or not hmac.compare_digest(signature, self.headers["webhook-signature"] or ""):
            return self.answer(401)
        inbox.write(body + b"\n")
        os.fsync(inbox)  # durable before it is acknowledged
        waiting.put(json.loads(body))
        return self.answer(204)

    def do_GET(self):
        told = {"/exceptions": list(parked.values()), "/pending": {"pending": waiting.unfinished_tasks}}
        self.answer(200, json.dumps(told.get(self.path)).encode())

    def answer(self, status, body=b""):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)


def book(ref, order):
    body = json.dumps({name: order[name] for name in CONTENT.split()}).encode()
    request = Request(os.environ["ERP_URL"] + "/v1/sales-orders", body, {**HEADERS, "Idempotency-Key": ref})
    wait_s = 0.1
    while ref not in parked:
        try:
            urlopen(request, timeout=5).close()
            return
        except HTTPError as refused:
            if refused.code in (400, 403, 404, 422):  # for good: give up on it where people can see it
                parked[ref] = {"order_ref": ref, "system": "erp", "reason": str(refused)}
            time.sleep(float(refused.headers["Retry-After"] or 0))
        except OSError:
            pass  # no answer: it may be booked or not, and its key makes asking again harmless
        time.sleep(wait_s)
        wait_s = min(wait_s * 2, 2.0)


def work():  # one order at a time: a throttled ERP is not asked by several at once
    while event := waiting.get():
        if event["type"] == "order.placed":  # and leave what it does not know
            book(event["data"]["order_ref"], event["data"])
        waiting.task_done()


inbox.seek(0)
for line in inbox:  # once more after a crash: the key makes that harmless, too
    waiting.put(json.loads(line))
threading.Thread(target=work, daemon=True).start()
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Door).serve_forever()
