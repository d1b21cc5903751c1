"""A receiver of webhooks for the demo, standard library only: it verifies, notes and shows what arrives.

    python -m devtools.hooks --port N --secret-file FILE --journal FILE

It is what a merchant's own receiver looks like: the signature is checked over the raw bytes, an event that comes twice
is told by its webhook-id, and the answer is 204, or 401 when the signature is not good.
"""

import argparse
import base64
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

TOLERANCE_S = 300
KEPT = 1_000
SHORTEST_KEY = 24  # bytes, by Standard Webhooks; anyone can sign with an empty key
MAX_BODY = 64_000


def verified(headers: dict[str, str], body: bytes, secret: str, now: float) -> bool:
    """Return whether a webhook was signed with this secret within the last five minutes (Standard Webhooks, v1)."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        sent = int(headers["webhook-timestamp"])
        signed = f"{headers['webhook-id']}.{sent}.".encode() + body
        signatures = headers["webhook-signature"].split(" ")
    except (KeyError, ValueError):
        return False
    if len(key) < SHORTEST_KEY or abs(now - sent) > TOLERANCE_S:
        return False
    mine = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(mine.encode(), each.encode()) for each in signatures)


class Journal:
    """The last thousand webhooks, one JSON object a line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._lines = path.read_text().splitlines()[-KEPT:] if path.exists() else []
        entries = [json.loads(line) for line in self._lines]
        self._ids = {entry["webhook_id"] for entry in entries if entry["verified"]}

    def note(self, webhook_id: str, verified: bool, body: bytes) -> None:
        """Add one, saying whether it came before."""
        try:
            event = json.loads(body)
        except ValueError:
            event = {}
        event = event if isinstance(event, dict) else {}
        with self._lock:
            entry = {
                "received_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "webhook_id": webhook_id,
                "verified": verified,
                "duplicate": verified and webhook_id in self._ids,
                "type": event.get("type"),
                "subject": event.get("subject"),
                "sequence": event.get("sequence"),
                "data": event.get("data"),
            }
            if verified:
                self._ids.add(webhook_id)
            self._lines = [*self._lines, json.dumps(entry, ensure_ascii=False)][-KEPT:]
            fresh = self.path.with_suffix(".new")
            fresh.write_text("\n".join(self._lines) + "\n")
            fresh.replace(self.path)


def receiver(port: int, secret_file: Path, journal: Journal) -> ThreadingHTTPServer:
    """Return a server on the loopback; the secret is read anew for each webhook, so that it may be rotated."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            """Verify, note, answer."""
            length = self.headers.get("Content-Length", "")
            if not (length.isascii() and length.isdigit() and len(length) < 9) or int(length) > MAX_BODY:
                self.send_error(413)
                return
            body = self.rfile.read(int(length))
            headers = {name.lower(): value for name, value in self.headers.items()}
            secret = secret_file.read_text().strip() if secret_file.exists() else ""
            good = bool(secret) and verified(headers, body, secret, time.time())
            journal.note(headers.get("webhook-id", ""), good, body if good else b"")
            self.send_response(204 if good else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing; the journal tells."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    return server


def shown(entry: dict[str, object]) -> str:
    """Return one webhook as a line for people."""
    if not entry["verified"]:
        return f"{entry['received_at']}  REFUSED: its signature is not good"
    again = "  (again)" if entry["duplicate"] else ""
    return (
        f"{entry['received_at']}  {entry['type']!s:<32} {entry['subject']} #{entry['sequence']}"
        f"  signature verified{again}"
    )


def lines(journal: Path, follow: bool) -> Iterator[str]:
    """Yield the journal's lines, with ``follow`` also those that are still to come."""
    last = ""
    while True:
        found = journal.read_text().splitlines() if journal.exists() else []
        fresh = found[found.index(last) + 1 :] if last in found else found
        yield from fresh
        last = found[-1] if found else last
        if not follow:
            return
        time.sleep(0.3)


def show(journal: Path, arguments: Sequence[str]) -> int:
    """Print what the demo's receiver got."""
    parser = argparse.ArgumentParser(prog="./dev hooks")
    parser.add_argument("--follow", action="store_true", help="go on as webhooks arrive, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, data included")
    options = parser.parse_args(arguments)
    for line in lines(journal, options.follow):
        print(line if options.json else shown(json.loads(line)), flush=True)
    return 0


def main() -> None:
    """Receive until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--secret-file", type=Path, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    options = parser.parse_args()
    with receiver(options.port, options.secret_file, Journal(options.journal)) as server:
        print(f"receiving webhooks on 127.0.0.1:{server.server_port}", file=sys.stderr, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
