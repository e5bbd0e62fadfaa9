// The smallest honest middleware: every order that a channel accepts is booked in the ERP exactly once. No packages.
//
// The channel keeps an event until it is acknowledged, and that is all the storage there is: the answer is 204 only when
// the ERP has the order. Whatever goes wrong before, the next delivery tries again, under the same key.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

const { PORT, ERP_URL, ERP_KEY, WEBHOOK_SECRET } = process.env;
const CONTENT = "order_ref channel currency lines shipping total customer ship_to service_level priority ship_by payment_id".split(" ");
const secret = Buffer.from(WEBHOOK_SECRET.replace("whsec_", ""), "base64");
const parked = new Map();
let closedUntil = 0;
let turn = Promise.resolve(); // one order at a time: a throttled ERP is not asked by several at once

function isSigned(headers, body) {
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const wanted = Buffer.from("v1," + createHmac("sha256", secret).update(signed).digest("base64"));
  const given = Buffer.from(headers["webhook-signature"] ?? "");
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

// Whether the ERP has the order, or refused it for good.
async function hasGot(order) {
  const ref = order.order_ref;
  if (parked.has(ref) || Date.now() < closedUntil) return parked.has(ref);
  const headers = { authorization: `Bearer ${ERP_KEY}`, "content-type": "application/json", "idempotency-key": ref };
  const body = JSON.stringify(Object.fromEntries(CONTENT.map((name) => [name, order[name]])));
  const reply = await fetch(`${ERP_URL}/v1/sales-orders`, { method: "POST", headers, body, signal: AbortSignal.timeout(4000) });
  closedUntil = Date.now() + 1000 * Number(reply.headers.get("retry-after") ?? 0);
  if ([400, 403, 404, 422].includes(reply.status)) // for good: given up on, where people can see it
    parked.set(ref, { order_ref: ref, system: "erp", reason: await reply.text() });
  return reply.ok || parked.has(ref);
}

createServer(async (request, response) => {
  if (request.method === "GET") return response.end(JSON.stringify([...parked.values()]));
  const body = await text(request);
  if (!isSigned(request.headers, body)) return response.writeHead(401).end();
  turn = turn.then(() => hasGot(JSON.parse(body).data)).catch(() => false); // no answer: the key makes asking again harmless
  return response.writeHead((await turn) ? 204 : 503).end();
}).listen(Number(PORT), "127.0.0.1");
