"""Real server processes for tests: started on a free port, stopped by their own pid."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from app.core.settings import Settings

ROOT = Path(__file__).parent.parent


def until(question: Callable[[], object], within_s: float = 60.0) -> None:
    """Waits until the answer is true."""
    end = time.monotonic() + within_s
    while not question():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """The environment that gives a process these settings."""
    return {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "DATABASE_OWNER_URL": settings.database_owner_url or "",
        "DATABASE_READ_URL": settings.database_read_url or "",
        "DATABASE_IMPORT_URL": settings.database_import_url or "",
        "FUJIN_SECRET_KEY": settings.secret_key,
        "FUJIN_CODE_PEPPER": settings.code_pepper,
        "FUJIN_STATE_DIR": str(settings.state_dir),
        "FUJIN_PUBLIC_URL": settings.public_url,
        "FUJIN_DEMO": "1",
        "FUJIN_PROVIDERS": ",".join(settings.providers),
        "FUJIN_WEBHOOK_ALLOW": ",".join(settings.webhook_allow),
        "FUJIN_LOG_LEVEL": settings.log_level,
        "FUJIN_RATE_LIMIT_PER_MINUTE": "1000000",
        "FUJIN_SIGN_IN_LIMIT_PER_MINUTE": "1000000",
        "FUJIN_REPORT_LIMIT_PER_MINUTE": "1000000",
        **more,
    }


def fujin(settings: Settings, *arguments: str) -> str:
    """Runs a ``fujin`` command in a process of its own and returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "fujin", *arguments],
        cwd=ROOT,
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class WebServer:
    """A web server in processes of its own, granian or gunicorn, on one port over all its restarts."""

    def __init__(
        self,
        settings: Settings,
        log: Path,
        *,
        server: str = "granian",
        workers: int = 1,
        threads: int = 4,
        application: str = "wsgi:app",
        **more: str,
    ) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self._environment = environment(settings, FUJIN_PUBLIC_URL=self.address, **more)
        command = [str(Path(sys.executable).parent / server)]
        if server == "gunicorn":
            self._environment |= {"FUJIN_BIND": f"127.0.0.1:{self.port}", "FUJIN_WORKERS": str(workers)}
            self._command = [*command, "-c", "gunicorn.conf.py", "--threads", str(threads), application]
        else:
            command += ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port), "--http", "1"]
            command += ["--workers", str(workers), "--blocking-threads", str(threads), "--respawn-failed-workers"]
            command += ["--workers-kill-timeout", "5"]  # a worker told to end while it starts does not hear it
            self._command = [*command, application]

    def start(self) -> None:
        """Starts it and waits until it is ready."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            _wait_until_ready(self.process, self.address, self.log)
        except AssertionError:
            self.stop()
            raise

    def stop(self) -> None:
        """Asks it to end, and makes it after ten seconds."""
        if self.process is None:
            return
        workers = self.workers()
        if not end(self.process):
            for pid in workers:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def workers(self) -> list[int]:
        """The pids of its worker processes (Linux)."""
        return [] if self.process is None else children_of(self.process.pid)


class Worker:
    """The process beside the web: ``fujin worker``."""

    def __init__(self, settings: Settings, log: Path, pid_file: Path, **more: str) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._log, self._environment = log, environment(settings, **more)
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "fujin", "worker", "--pid-file", str(pid_file)]
        self._command = command

    def start(self) -> None:
        """Starts it; it needs no one to wait for it."""
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        """Ends it with kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)

    def stop(self) -> None:
        """Asks it to end, and makes it after ten seconds."""
        if self.process is not None:
            end(self.process)


def end(process: subprocess.Popen[bytes], grace_s: float = 10.0) -> bool:
    """Asks a process to end, and makes it after a while; True when asking was enough."""
    process.terminate()
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)
        return False
    return True


def children_of(pid: int) -> list[int]:
    """The pids of a process's children, whichever thread started them; none when it is gone (Linux, proc(5))."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:
        return []


@contextmanager
def running_server(settings: Settings, log: Path, *, server: str = "granian", **more: str) -> Iterator[str]:
    """The web server over these settings with one worker; yields its address once it is ready."""
    web = WebServer(settings, log, server=server, **more)
    web.start()
    try:
        yield web.address
    finally:
        web.stop()


def _wait_until_ready(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if server.poll() is not None:
            raise AssertionError(f"the server ended: {log.read_text()[-4000:]}")
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"the server was not ready in 60 s: {log.read_text()[-4000:]}")


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *arguments: object) -> None:  # noqa: A002 - the parent's name
        """Says nothing."""


@contextmanager
def served(app: Flask) -> Iterator[HTTPConnection]:
    """An application of this process, its clock included, behind a real socket; yields a connection that stays open."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    try:
        yield connection
    finally:
        connection.close()
        server.shutdown()
        server.server_close()
        thread.join(10)
