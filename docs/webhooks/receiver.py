"""Receives webhooks of NodeByte. Python 3.9 or newer, nothing else.

    PORT=8080 WEBHOOK_SECRET=whsec_... python3 receiver.py

While a secret is being replaced, WEBHOOK_SECRET may hold both, with a space between.
"""
import base64
import hashlib
import hmac
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE = 300  # seconds, both ways
LARGEST = 1 << 20  # bytes of a body
REMEMBERED = 100_000  # ids

KEYS = [base64.b64decode(text.removeprefix("whsec_")) for text in os.environ["WEBHOOK_SECRET"].split()]
if not KEYS or any(len(key) < 24 for key in KEYS):
    raise SystemExit("WEBHOOK_SECRET must hold whsec_..., as it was shown when the webhook was made")


def take(event):
    """Your work goes here. If it raises, the answer is 500 and the event comes again."""
    print(event["type"], event["subject"], event["id"], flush=True)


def is_genuine(message_id, timestamp, body, signatures):
    if not message_id or "." in message_id or not timestamp.isdecimal() or len(timestamp) > 11:
        return False
    if abs(time.time() - int(timestamp)) > TOLERANCE:
        return False
    content = f"{message_id}.{timestamp}.".encode() + body
    wanted = [b"v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()) for key in KEYS]
    given = signatures.encode().split()
    return any([hmac.compare_digest(one, other) for one in wanted for other in given])


# What was taken before. It is forgotten at a restart: a service keeps the ids in its
# database and adds each in the transaction that does the work.
taken = {}
taking = threading.Lock()


def take_once(message_id, body):
    with taking:
        if message_id not in taken:
            take(json.loads(body))
            taken[message_id] = True
            if len(taken) > REMEMBERED:
                del taken[next(iter(taken))]


class Receiver(BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self):
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > LARGEST:
            return self.answer(413)
        body = self.rfile.read(int(length))
        header = lambda name: self.headers.get(name, "")
        if not is_genuine(header("webhook-id"), header("webhook-timestamp"), body, header("webhook-signature")):
            return self.answer(401)
        try:
            take_once(header("webhook-id"), body)
        except Exception as error:
            self.log_error("%r", error)
            return self.answer(500)
        self.answer(200)

    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Receiver).serve_forever()
