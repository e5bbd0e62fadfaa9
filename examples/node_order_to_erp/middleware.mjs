// The smallest honest middleware: every order that a channel accepts is booked in the ERP exactly once. No packages.
import { createHmac, timingSafeEqual } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const { PORT, INBOX, ERP_URL, ERP_KEY, WEBHOOK_SECRET } = process.env;
const CONTENT = "order_ref channel currency lines shipping total customer ship_to service_level priority ship_by payment_id".split(" ");
const secret = Buffer.from(WEBHOOK_SECRET.replace("whsec_", ""), "base64");
const parked = [];
let pending = 0;
let turn = Promise.resolve(); // one order at a time: a throttled ERP is not asked by several at once

const signedRight = (headers, body) => {
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const wanted = Buffer.from("v1," + createHmac("sha256", secret).update(signed).digest("base64"));
  const given = Buffer.from(headers["webhook-signature"] ?? "");
  return given.length === wanted.length && timingSafeEqual(given, wanted);
};

const erp = (method, path, key, document) =>
  fetch(ERP_URL + path, {
    method,
    headers: { authorization: `Bearer ${ERP_KEY}`, "content-type": "application/json", "idempotency-key": key },
    body: document && JSON.stringify(document),
    signal: AbortSignal.timeout(5000),
  });

async function book(order) {
  const content = Object.fromEntries(CONTENT.map((name) => [name, order[name]]));
  for (let waitMs = 100, unsure = false; ; waitMs = Math.min(waitMs * 2, 2000)) {
    let askedMs = 0;
    try {
      let reply = unsure && (await erp("GET", `/v1/sales-orders?order_ref=${order.order_ref}`, ""));
      if (reply?.ok && (await reply.json()).items.length) return;
      if (!reply || reply.ok) reply = await erp("POST", "/v1/sales-orders", order.order_ref, content);
      if (reply.ok) return;
      if ([400, 403, 404, 422].includes(reply.status)) // for good: give up on it where people can see it
        return parked.push({ order_ref: order.order_ref, system: "erp", reason: await reply.text(), since: new Date().toISOString() });
      unsure ||= reply.status >= 500;
      askedMs = 1000 * Number(reply.headers.get("retry-after") ?? 0);
    } catch {
      unsure = true; // no answer: it may be booked or not, so look before trying again
    }
    await sleep(Math.max(askedMs, waitMs));
  }
}

const take = (event) => {
  pending += 1;
  turn = turn.then(() => book(event.data)).finally(() => (pending -= 1));
};

// After a crash everything is worked again: the key and the look make that harmless.
if (existsSync(INBOX)) readFileSync(INBOX, "utf8").split("\n").filter(Boolean).forEach((line) => take(JSON.parse(line)));
const inbox = openSync(INBOX, "a");
process.on("SIGTERM", () => (closeSync(inbox), process.exit(0)));

createServer(async (request, response) => {
  const json = (status, document) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(document));
  if (request.method !== "POST") return json(200, { "/pending": { pending }, "/exceptions": parked }[request.url] ?? { status: "ready" });
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  if (!signedRight(request.headers, body)) return response.writeHead(401).end();
  writeSync(inbox, body + "\n"); // durable before it is acknowledged
  fsyncSync(inbox);
  take(JSON.parse(body));
  response.writeHead(204).end();
}).listen(Number(PORT), "127.0.0.1");
