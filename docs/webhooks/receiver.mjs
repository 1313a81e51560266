// Receives webhooks of NodeByte. Node.js 18 or newer, no packages.
//
//     PORT=8080 WEBHOOK_SECRET=whsec_... node receiver.mjs
//
// While a secret is being replaced, WEBHOOK_SECRET may hold both, with a space between.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const TOLERANCE = 300; // seconds, both ways
const LARGEST = 1 << 20; // bytes of a body
const REMEMBERED = 100_000; // ids

const secrets = (process.env.WEBHOOK_SECRET ?? "").split(/\s+/).filter(Boolean);
const keys = secrets.map((text) => Buffer.from(text.replace(/^whsec_/, ""), "base64"));
if (keys.length === 0 || keys.some((key) => key.length < 24)) {
  console.error("WEBHOOK_SECRET must hold whsec_..., as it was shown when the webhook was made");
  process.exit(1);
}

// Your work goes here. If it throws, the answer is 500 and the event comes again.
async function take(event) {
  console.log(event.type, event.subject, event.id);
}

function isGenuine(id, timestamp, body, signatures) {
  if (!id || id.includes(".") || !/^\d+$/.test(timestamp)) return false;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE) return false;
  const wanted = keys.map((key) => createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest());
  const given = signatures.split(/\s+/).filter((one) => one.startsWith("v1,"));
  return given
    .map((one) => Buffer.from(one.slice(3), "base64"))
    .some((one) => wanted.some((other) => one.length === other.length && timingSafeEqual(one, other)));
}

// What was taken before, or is being taken. It is forgotten at a restart: a service keeps
// the ids in its database and adds each in the transaction that does the work.
const taken = new Map();

function takeOnce(id, body) {
  if (!taken.has(id)) {
    const work = (async () => take(JSON.parse(body)))();
    taken.set(id, work);
    work.catch(() => taken.delete(id));
    if (taken.size > REMEMBERED) taken.delete(taken.keys().next().value);
  }
  return taken.get(id);
}

async function answerTo(request) {
  if (request.method !== "POST") return 405;
  const header = (name) => request.headers[name] ?? "";
  if (!(Number(request.headers["content-length"]) <= LARGEST)) return 413;
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const id = header("webhook-id");
  if (!isGenuine(id, header("webhook-timestamp"), body, header("webhook-signature"))) return 401;
  await takeOnce(id, body);
  return 200;
}

// Idle connections are kept for longer than NodeByte keeps them (15 s): a request never meets
// one that is just closing.
createServer({ keepAliveTimeout: 20_000 }, async (request, response) => {
  const status = await answerTo(request).catch((error) => (console.error(error), 500));
  response.writeHead(status, { "content-length": 0 }).end();
}).listen(Number(process.env.PORT), "127.0.0.1");
