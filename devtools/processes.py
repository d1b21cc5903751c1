"""Which process is whose: pids come round again, so a pid counts only together with the moment it began."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Running:
    """A serving copy as its pid file tells it; `began` and `server_began` tell a pid from its next owner."""

    kind: str
    url: str
    pid: int
    began: str
    server_pid: int
    server_began: str


def began(pid: int) -> str:
    """Return a mark of the moment a process began, or an empty string when there is none such (or a zombie).

    Linux: boot id and clock ticks since boot (/proc/<pid>/stat, field 22; proc(5)). Elsewhere: ps.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "" if sys.platform == "linux" else _began_by_ps(pid)
    return "" if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def _began_by_ps(pid: int) -> str:
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def same(pid: int, mark: str) -> bool:
    """Return whether this pid still is the process that the mark was taken from."""
    return bool(mark) and pid > 1 and began(pid) == mark


def write_running(path: Path, copy: Running) -> None:
    """Write the pid file in one move."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(copy)))
    fresh.replace(path)


def read_running(path: Path) -> Running | None:
    """Return the copy that a pid file names, whether or not it still runs; None when unreadable."""
    try:
        return Running(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def alive(copy: Running | None) -> bool:
    """Return whether the ./dev of a pid file still runs."""
    return copy is not None and same(copy.pid, copy.began)


def end(pid: int, mark: str, grace_s: float) -> bool:
    """Ask a process to end and wait; True when it is gone. A pid with another mark is left alone."""
    if not same(pid, mark):
        return True
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return True
    deadline = time.monotonic() + grace_s
    while time.monotonic() < deadline:
        if not same(pid, mark):
            return True
        time.sleep(0.05)
    return False


def end_session(leader: int, mark: str, program: str, grace_s: float = 10.0) -> int:
    """End what is left of a server's session and return how many processes that were (Linux only).

    A process belongs to it when its session is the leader's, it began no earlier than the leader, and its command
    line names `program`; all three, because the session's number may be someone else's by now.
    """
    left = [(pid, began(pid)) for pid in _session_members(leader, mark, program)]
    for pid, own in left:
        if not end(pid, own, grace_s) and same(pid, own):
            os.kill(pid, signal.SIGKILL)
    return len(left)


def _session_members(leader: int, mark: str, program: str) -> list[int]:
    boot, _, since = mark.partition(":")
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        own_boot, _, own_since = began(int(entry.name)).partition(":")
        if int(fields[3]) == leader and own_boot == boot and own_since.isdigit() and int(own_since) >= int(since or 0):
            found += [int(entry.name)] * any(os.fsencode(program) in word for word in words)
    return found
