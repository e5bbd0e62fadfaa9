// The smallest honest middleware: every order that a channel accepts is booked in the ERP exactly once. No packages.
// It does not ask a channel for what never came: `peakproof run missed-webhooks` shows what that costs.
import { createHmac, timingSafeEqual } from "node:crypto";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

const { PORT, INBOX, ERP_URL, ERP_KEY, WEBHOOK_SECRET } = process.env;
const CONTENT = "order_ref channel currency lines shipping total customer ship_to service_level priority ship_by payment_id".split(" ");
const secret = Buffer.from(WEBHOOK_SECRET.replace("whsec_", ""), "base64");
const parked = new Map();
let pending = 0;
let turn = Promise.resolve(); // one order at a time: a throttled ERP is not asked by several at once

function isSigned(headers, body) {
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const wanted = Buffer.from("v1," + createHmac("sha256", secret).update(signed).digest("base64"));
  const given = Buffer.from(headers["webhook-signature"] ?? "");
  const ageS = Date.now() / 1000 - headers["webhook-timestamp"];
  return Math.abs(ageS) < 300 && given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function book(ref, order) {
  const headers = { authorization: `Bearer ${ERP_KEY}`, "content-type": "application/json", "idempotency-key": ref };
  const body = JSON.stringify(Object.fromEntries(CONTENT.map((name) => [name, order[name]])));
  for (let waitMs = 100; !parked.has(ref); waitMs = Math.min(waitMs * 2, 2000)) {
    try {
      const reply = await fetch(`${ERP_URL}/v1/sales-orders`, { method: "POST", headers, body, signal: AbortSignal.timeout(5000) });
      if (reply.ok) return;
      if ([400, 403, 404, 422].includes(reply.status)) // for good: give up on it where people can see it
        parked.set(ref, { order_ref: ref, system: "erp", reason: await reply.text() });
      await sleep(1000 * Number(reply.headers.get("retry-after") ?? 0));
    } catch {} // no answer: it may be booked or not, and its key makes asking again harmless
    await sleep(waitMs);
  }
}

function take({ type, data }) {
  if (type !== "order.placed") return; // leave what it does not know
  pending += 1;
  turn = turn.then(() => book(data.order_ref, data)).finally(() => (pending -= 1));
}

// Once more after a crash: the key makes that harmless, too.
if (existsSync(INBOX)) readFileSync(INBOX, "utf8").split("\n").filter(Boolean).forEach((line) => take(JSON.parse(line)));

createServer(async (request, response) => {
  const told = { "/exceptions": [...parked.values()], "/pending": { pending } };
  if (request.method === "GET") return response.end(JSON.stringify(told[request.url] ?? "ready"));
  const body = await text(request);
  if (!isSigned(request.headers, body)) return response.writeHead(401).end();
  appendFileSync(INBOX, body + "\n", { flush: true }); // durable before it is acknowledged
  take(JSON.parse(body));
  return response.writeHead(204).end();
}).listen(Number(PORT), "127.0.0.1");
