"""The web server of a copy: started in its own session, watched until it is ready, ended with us."""

import fcntl
import http.client
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from devtools import ports, processes
from devtools.processes import Running
from devtools.state import PYTHON, ROOT, VENV, State
from devtools.terminal import Step, Trouble, die_with_parent, end_group, failure, say, span

READY_S = 60.0
WORKERS = 2
# The app's connection pool holds at most eight a process; more threads would only wait for one.
THREADS = 8
SERVERS = ("granian", "gunicorn")


@dataclass(frozen=True, eq=False)
class Beside:
    """A process that runs beside the web server for as long as that runs; it is started again when it ends."""

    name: str
    argv: list[str]
    log: Path


def worker_of(state: State, kind: str) -> Beside:
    """Return the app's own worker: relay, webhooks, sweepers, payments in doubt."""
    words = ["-m", "flask", "--app", "wsgi", "fujin", "worker", "--pid-file", str(state.app_dir(kind) / "worker.pid")]
    return Beside("worker", [str(PYTHON), *words], state.log(f"worker-{kind}"))


def receiver_of(state: State, port: int) -> Beside:
    """Return the demo's receiver of webhooks."""
    files = ["--secret-file", str(state.hooks_secret), "--journal", str(state.hooks_journal)]
    return Beside("receiver", [str(PYTHON), "-m", "devtools.hooks", "--port", str(port), *files], state.log("hooks"))


def fakepay_of(state: State, port: int) -> Beside:
    """Return the demo's provider of payments, which speaks as Alipay and as Stripe."""
    words = ["-m", "flask", "--app", "wsgi", "fujin", "fakepay", "--port", str(port), "--dir", str(state.fakepay_dir)]
    return Beside("fakepay", [str(PYTHON), *words], state.log("fakepay"))


def start_line(server: str, port: int) -> list[str]:
    """Return the command of one of the two web servers; both lines work by hand as well."""
    if server == "gunicorn":
        return [str(PYTHON), "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    options = {
        "--interface": "wsgi",
        "--host": "127.0.0.1",
        "--port": str(port),
        "--workers": str(WORKERS),
        "--blocking-threads": str(THREADS),
        "--backlog": "1024",
        "--http": "1",
        "--http1-header-read-timeout": "10000",
        "--workers-kill-timeout": "10",
        "--log-level": "warning",
    }
    words = [word for pair in options.items() for word in pair]
    return [str(PYTHON), "-m", "granian", *words, "--no-ws", "--respawn-failed-workers", "wsgi:app"]


def copy_file(state: State, kind: str) -> Path:
    """Return the pid file of a copy."""
    return state.base / f"{kind}.json"


def running(state: State, kind: str) -> Running | None:
    """Return the copy that runs now, None when none does."""
    copy = processes.read_running(copy_file(state, kind))
    return copy if processes.alive(copy) else None


@contextmanager
def only_copy(state: State, kind: str) -> Iterator[bool]:
    """Be the one copy of this kind in this checkout for the time of the block; False when there is one already."""
    with (state.base / f"{kind}.copy").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        _end_orphans(processes.read_running(copy_file(state, kind)))
        me = os.getpid()
        processes.write_running(copy_file(state, kind), Running(kind, "", me, processes.began(me), 0, ""))
        try:
            yield True
        finally:
            copy_file(state, kind).unlink(missing_ok=True)


def _end_orphans(left: Running | None) -> None:
    """End the web server of a copy whose ./dev and server were both killed with -9."""
    if left and left.server_pid and left.server_began and sys.platform == "linux":
        count = processes.end_session(left.server_pid, left.server_began, str(VENV))
        if count:
            say(f"Ended {count} processes that an earlier copy had left behind.")


def serve(
    state: State,
    kind: str,
    server: str,
    held: ports.Reservation,
    env: Mapping[str, str],
    words: str,
    *,
    logged: bool,
    beside: Sequence[Beside] = (),
) -> None:
    """Run the web server until it ends or we are told to stop; `words` are printed once it is ready."""
    url = f"http://127.0.0.1:{held.port}"
    log = state.log(f"server-{kind}")
    if log.exists():
        log.replace(log.with_suffix(".old"))
    metrics = state.app_dir(kind) / "metrics"  # the processes of one run add up their counters here
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(mode=0o700)
    own = {"FUJIN_BIND": f"127.0.0.1:{held.port}", "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    child = _start(start_line(server, held.port), dict(env) | own, log if logged else None)
    helpers: dict[Beside, subprocess.Popen[bytes]] = {}
    me = os.getpid()
    mark = processes.began(child.pid)
    processes.write_running(copy_file(state, kind), Running(kind, url, me, processes.began(me), child.pid, mark))
    try:
        with Step(f"Starting the web server ({server})", log):
            _wait_ready(child, held.port, log)
        helpers |= {each: _start(each.argv, dict(env), each.log) for each in beside}
        print(words, flush=True)
        code = _watch(child, helpers, dict(env))
        raise failure(f"The web server ended by itself (exit code {code}).", "look at the log.", log)
    finally:
        for helper in helpers.values():
            end_group(helper)
        end_group(child)
        if sys.platform == "linux":
            processes.end_session(child.pid, mark, str(VENV))


def _start(argv: list[str], env: Mapping[str, str], log: Path | None) -> "subprocess.Popen[bytes]":
    """Start a process in a session of its own that ends with us; without a log it writes to our terminal."""
    with log.open("ab") if log else nullcontext(sys.stderr) as out:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=ROOT,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - there is one thread at this point
        )


def _watch(
    child: "subprocess.Popen[bytes]", helpers: dict[Beside, "subprocess.Popen[bytes]"], env: Mapping[str, str]
) -> int:
    """Wait for the web server's end and return its exit code; what runs beside it is started again when it ends."""
    while True:
        try:
            return child.wait(1.0)
        except subprocess.TimeoutExpired:
            pass
        for each, helper in list(helpers.items()):
            if helper.poll() is not None:
                say(f"The {each.name} ended (exit code {helper.returncode}); starting it again. Log: {each.log}")
                helpers[each] = _start(each.argv, env, each.log)


def _wait_ready(child: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    begin = time.monotonic()
    answer = "no answer"
    while time.monotonic() - begin < READY_S:
        if child.poll() is not None:
            raise failure(f"The web server ended at once (exit code {child.returncode}).", "look at the log.", log)
        try:
            status, body = _get(port, "/readyz")
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
            continue
        if status == 200:
            return
        answer = f"status {status}: {body[:300]}"
        time.sleep(0.25)
    raise failure(f"The app was not ready after {span(READY_S)} (GET /readyz: {answer}).", "look at the log.", log)


def _get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(2000).decode("utf-8", "replace")
    finally:
        connection.close()


def stop(state: State, kind: str) -> bool:
    """Stop the copy of this kind; True when there was one. A pid with a new owner is never signalled."""
    copy = processes.read_running(copy_file(state, kind))
    if copy is None or not processes.alive(copy):
        _end_orphans(copy)
        copy_file(state, kind).unlink(missing_ok=True)
        return False
    with Step(f"Stopping the {kind} copy ({copy.url or 'still being set up'})"):
        if not processes.end(copy.pid, copy.began, 60.0):
            raise Trouble(f"The copy with process id {copy.pid} does not end.", f"as a last resort: kill -9 {copy.pid}")
    return True
