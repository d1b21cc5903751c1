"""What a process that reads strangers' files may use: memory, time, room, processes, and no network.

Called once at the start of the child, before anything is opened. ``ENVIRONMENT`` belongs to the environment that the
child is started with, since libraries read it when they are loaded.
"""

from __future__ import annotations

import ctypes
import os
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ENVIRONMENT: Final = {
    # One thread and one arena each: eight of them would reserve gigabytes of addresses and use none.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "OSMIUM_POOL_THREADS": "1",
    "OSMIUM_MAX_WORK_QUEUE_SIZE": "4",
    "OSMIUM_MAX_INPUT_QUEUE_SIZE": "4",
    "OSMIUM_MAX_OSMDATA_QUEUE_SIZE": "4",
    "GDAL_NUM_THREADS": "1",
    "GDAL_CACHEMAX": "64",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MAX_RETRY": "0",
    "GDAL_DRIVER_PATH": "disable",
    "OGR_SQLITE_LOAD_EXTENSIONS": "",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}",
    "PROJ_NETWORK": "OFF",
}
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_PR_SET_NO_NEW_PRIVS: Final = 38
_SPARE_TASKS: Final = 64


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much one reading process may take."""

    memory_bytes: int = 1_500_000_000
    cpu_s: int = 60
    file_bytes: int = 8 << 30
    open_files: int = 256

    @classmethod
    def of_file(cls, size: int, *, unpacked_bytes: int = 8 << 30) -> Allowance:
        """For a file of that many bytes: a minute, and a minute more for each 100 MB."""
        return cls(cpu_s=60 + 60 * (size // 100_000_000), file_bytes=unpacked_bytes)


def apply_limits(allowance: Allowance, *, as_user: tuple[int, int] | None = None) -> tuple[str, ...]:
    """Binds this process for good; gives what this machine wouldn't do, as sentences for the log.

    ``as_user`` is the (uid, gid) to become when started by root. A refused limit is told, never raised: a container
    that forbids namespaces has no network to lose either, and the other limits hold.
    """
    undone = []
    tasks = _tasks_of(as_user[0] if as_user is not None and os.geteuid() == 0 else os.geteuid())
    if not _without_network():
        undone.append("the reading process could not be cut off from the network")
    if as_user is not None and os.geteuid() == 0:
        os.setgroups([])
        os.setgid(as_user[1])
        os.setuid(as_user[0])
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        undone.append("the reading process could not give up new privileges")
    for name, limit in (
        ("RLIMIT_CORE", 0),
        ("RLIMIT_AS", allowance.memory_bytes),
        ("RLIMIT_CPU", allowance.cpu_s),
        ("RLIMIT_FSIZE", allowance.file_bytes),
        ("RLIMIT_NOFILE", allowance.open_files),
        ("RLIMIT_NPROC", tasks + _SPARE_TASKS),
    ):
        if not _bound(getattr(resource, name), limit):
            undone.append(f"{name} could not be set")
    return tuple(undone)


def _bound(which: int, limit: int) -> bool:
    """Sets a limit no higher than the one in force."""
    _, hard = resource.getrlimit(which)
    lowest = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    try:
        resource.setrlimit(which, (lowest, lowest))
    except (OSError, ValueError):
        return False
    return True


def _without_network() -> bool:
    """Moves into an empty network; whoever isn't root needs a user namespace around it, and a single thread."""
    libc = ctypes.CDLL(None, use_errno=True)
    return any(libc.unshare(flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET))


def _tasks_of(user: int) -> int:
    """The threads that a user runs: the limit counts all of them, not only ours."""
    count = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if entry.stat().st_uid == user:
                    count += sum(1 for _ in (entry / "task").iterdir())
            except OSError:
                continue  # it ended meanwhile
    return count
