"""An HTTP server for the example workflows: answers health checks, takes webhooks, ends when told to.

    python specs/peer.py PORT FOLDER

GET /healthz answers with the version that FOLDER/current names; POST /hook keeps the body in
FOLDER/hooks and checks the signature, if HOOK_KEY is set; POST /stop ends the server.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(sys.argv[2])


class Peer(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Say which version is live; 503 while there is none."""
        current = FOLDER / "current"
        version = current.resolve().name if current.exists() else "none"
        self.answer(200 if self.path == "/healthz" and current.exists() else 503, {"version": version})

    def do_POST(self) -> None:
        """Take a webhook, or the order to stop."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/stop":
            self.answer(200, {"stopped": True})
            threading.Thread(target=self.server.shutdown).start()
        elif not self.signed(body):
            self.answer(401, {"error": "bad signature"})
        else:
            with (FOLDER / "hooks").open("ab") as hooks:
                hooks.write(body + b"\n")
            self.answer(202, {"taken": True})

    def signed(self, body: bytes) -> bool:
        """Whether the signature fits; without a key any does."""
        key = os.environ.get("HOOK_KEY")
        if key is None:
            return True
        return signature_fits(key, dict(self.headers.items()), body)

    def answer(self, status: int, data: object) -> None:
        """Send *data* as JSON."""
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def signature_fits(key: str, headers: dict[str, str], body: bytes) -> bool:
    """Check ``X-Treadle-Signature: t=SECONDS,v1=HEX`` as any receiver of treadle's webhooks would."""
    given = {name.lower(): value for name, value in headers.items()}.get("x-treadle-signature", "")
    parts = dict(part.partition("=")[::2] for part in given.split(","))
    signed = parts.get("t", "").encode() + b"." + body
    wanted = hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(parts.get("v1", ""), wanted)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Peer) as server:
        server.serve_forever(poll_interval=0.05)
