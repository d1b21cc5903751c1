"""Which web server serves a search fastest: granian and gunicorn, the same application, in one run.

Needs ``wrk`` (Debian package of that name). Prints a Markdown table: requests a second, p50 and p99 for a search and
for the bare ``/healthz``, three rounds in turn, medians. Run with ``./dev bench server``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PATHS = {"search": "/v1/places/nearby?lat=30.27&lon=120.16&radius_m=1000", "healthz": "/healthz"}
_UNIT = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def start_lines(port: int, workers: int, threads: int) -> dict[str, list[str]]:
    """The command of each server, with the same number of processes and threads."""
    return {
        "granian": [
            *(str(BIN / "granian"), "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
            *("--workers", str(workers), "--blocking-threads", str(threads), "wsgi:app"),
        ],
        "gunicorn gthread": [
            *(str(BIN / "gunicorn"), "-c", "gunicorn.conf.py", "-b", f"127.0.0.1:{port}"),
            *("--workers", str(workers), "--threads", str(threads), "wsgi:app"),
        ],
    }


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(port: int, server: subprocess.Popen[bytes]) -> None:
    """Until the server is ready, at most 30 s."""
    end = time.monotonic() + 30
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit("bench: the server did not become ready")


def milliseconds(text: str) -> float:
    """A time as wrk prints it."""
    value, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(value) * _UNIT[unit]


def load(port: int, path: str, clients: int, seconds: int) -> tuple[float, float, float]:
    """Requests a second, p50 and p99 in milliseconds."""
    said = subprocess.run(
        ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}{path}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in said:
        raise SystemExit(f"bench: some answers were refused\n{said}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])  # type: ignore[index]
    p50 = milliseconds(re.search(r"(?m)^ +50%\s+(\S+)", said)[1])  # type: ignore[index]
    p99 = milliseconds(re.search(r"(?m)^ +99%\s+(\S+)", said)[1])  # type: ignore[index]
    return rate, p50, p99


def main() -> None:
    """Three rounds, servers in turn."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clients", type=int, default=8)
    options.add_argument("--seconds", type=int, default=5)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--threads", type=int, default=4)
    given = options.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("bench: wrk is missing; install it with: apt-get install wrk")
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for _ in range(given.rounds):
        port = free_port()
        for name, command in start_lines(port, given.workers, given.threads).items():
            quiet = {**os.environ, "FUJIN_LOG_LEVEL": "WARNING", "FUJIN_RATE_LIMIT_PER_MINUTE": "1000000"}
            server = subprocess.Popen(
                command, cwd=ROOT, env=quiet, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                wait(port, server)
                for what, path in PATHS.items():
                    load(port, path, given.clients, 1)
                    found.setdefault((what, name), []).append(load(port, path, given.clients, given.seconds))
            finally:
                server.terminate()
                server.wait(20)
    print(f"{given.clients} clients, {given.workers} processes of {given.threads} threads, median of {given.rounds}\n")
    print("| route | server | requests/s | p50 ms | p99 ms |\n|---|---|---|---|---|")
    for (what, name), runs in sorted(found.items()):
        rate, p50, p99 = (statistics.median(run[i] for run in runs) for i in range(3))
        print(f"| {what} | {name} | {rate:,.0f} | {p50:.2f} | {p99:.2f} |")


if __name__ == "__main__":
    main()
