"""What ./dev says, and how long things take; progress goes to stderr so that stdout carries answers alone."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType

PR_SET_PDEATHSIG = 1
QUIET_S = 1.0
HEARTBEAT_S = 10.0
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
NO_SPACE = ("No space left on device", "ENOSPC", "Disk quota exceeded")


class Trouble(Exception):
    """Something foreseeable stands in the way: what it is, how to mend it, and where the log is."""

    def __init__(self, what: str, mend: str = "", log: Path | None = None) -> None:
        super().__init__(what)
        self.what, self.mend, self.log = what, mend, log

    def text(self) -> str:
        """Return the message as a person reads it, with the end of the log below it."""
        lines = [f"{mark('✗', 'x')} {self.what}"]
        if self.mend:
            lines += ["  To mend it: " + self.mend.replace("\n", "\n    ")]
        if self.log:
            lines += [f"  Log: {self.log}", *("    | " + line for line in tail(self.log, 12))]
        return "\n".join(lines)


class Stopped(BaseException):
    """Ctrl-C, SIGTERM or a closed terminal: end what was started, then leave."""


def on_signals() -> None:
    """Turn SIGINT, SIGTERM and SIGHUP into Stopped, once; a second one while stopping is ignored."""

    def stop(number: int, _frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup ignores SIGHUP on purpose; a shell script that ignores SIGINT for its background jobs does not mean us.
        if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, stop)


def interactive() -> bool:
    """Return whether a person watches stderr."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def mark(symbol: str, plain: str) -> str:
    """Return the symbol where the terminal can write it."""
    return symbol if "utf" in (sys.stderr.encoding or "").lower() else plain


def say(text: str = "") -> None:
    """Write a line to stderr; a reader that went away is no error."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Write a line that a person should notice."""
    say(f"{mark('!', '!')} {text}")


def span(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def tail(path: Path, count: int) -> list[str]:
    """Return the last lines of a log, progress bars cut to their last state; nothing when it can't be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16_384))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    lines = [line.rstrip().rsplit("\r", 1)[-1].rstrip() for line in text.split("\n")]
    return [line for line in lines if line][-count:]


class Step:
    """A piece of work with a name; shows itself when it lasts longer than a second."""

    def __init__(self, title: str, log: Path | None = None) -> None:
        self.title, self.log = title, log
        self.elapsed_s = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Step":
        self._begin = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()
        self.elapsed_s = time.monotonic() - self._begin
        clear = "\r\x1b[K" if interactive() else ""
        sign = mark("✓", "ok") if kind is None else mark("✗", "x")
        say(f"{clear}{sign} {self.title}  {span(self.elapsed_s)}")

    def _watch(self) -> None:
        if interactive():
            self._spin()
        elif not self._done.wait(QUIET_S):
            say(f"{mark('…', '..')} {self.title}")
            while not self._done.wait(HEARTBEAT_S):
                say(f"{mark('…', '..')} {self.title}, {span(time.monotonic() - self._begin)}")

    def _spin(self) -> None:
        turn = 0
        while not self._done.wait(0.12):
            turn += 1
            head = f"{FRAMES[turn % len(FRAMES)] if mark('x', '') else '-'} {self.title}"
            head += f"  {time.monotonic() - self._begin:.0f} s"
            hint = "".join(tail(self.log, 1)) if self.log else ""
            room = max(0, _columns() - len(head) - 4)
            sys.stderr.write(f"\r\x1b[K{head}  \x1b[2m{hint[:room]}\x1b[0m")
            sys.stderr.flush()


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except OSError:
        return 80


def die_with_parent() -> None:
    """Ask the kernel to end this process when its parent dies, kill -9 included (Linux; prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def end_group(child: "subprocess.Popen[bytes]", grace_s: float = 10.0) -> None:
    """Ask a child's own process group to end, then make it; the child must have been started in a new session."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
        except (ProcessLookupError, PermissionError):
            break
        try:
            child.wait(grace_s)
        except subprocess.TimeoutExpired:
            continue
        break


def work(
    title: str,
    argv: Sequence[str],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    mend: str = "",
    same_session: bool = False,
) -> float:
    """Run one command under a title, its output in the log, and return its seconds; its failure is a Trouble.

    The command runs in its own session, so that Ctrl-C reaches it through us alone; `same_session` keeps it on the
    terminal, where sudo looks for its ticket.
    """
    child = _start(argv, log, env, cwd, same_session)
    with Step(title, log) as step:
        try:
            code = child.wait()
        except BaseException:
            if same_session:
                child.terminate()
                child.wait()
            else:
                end_group(child)
            raise
        if code:
            raise failure(f"{title} failed (exit code {code}).", mend, log)
    return step.elapsed_s


def _start(
    argv: Sequence[str], log: Path, env: Mapping[str, str] | None, cwd: Path | None, same_session: bool
) -> "subprocess.Popen[bytes]":
    with log.open("wb") as out:
        out.write(f"$ {' '.join(argv)}\n".encode())
        out.flush()
        try:
            return subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                cwd=cwd,
                start_new_session=not same_session,
                preexec_fn=None if same_session else die_with_parent,  # noqa: PLW1509 - no Step's thread runs yet
            )
        except OSError as error:
            raise Trouble(f"{argv[0]} can't be started: {error.strerror}.", log=log) from error


def failure(what: str, mend: str, log: Path) -> Trouble:
    """Return the Trouble of a failed command; a full disk is named as such, whatever the command made of it."""
    text = "\n".join(tail(log, 200))
    if any(sign in text for sign in NO_SPACE):
        return Trouble(f"{what} The disk is full.", "free at least 1 GB and run the same command again.", log)
    return Trouble(what, mend, log)
