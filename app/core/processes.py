"""How a process stands beside others: it ends with the one that started it, or gives way to what answers people."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from typing import Final

YIELDS: Final = 10
_PR_SET_PDEATHSIG: Final = 1


def end_with_parent() -> None:
    """Asks the kernel to kill this process when its parent ends (Linux, prctl(2)); elsewhere it changes nothing.

    A web server's master that is killed leaves workers who keep the port and the locks that they hold; the next
    master then fails to bind, or shares the port with them unnoticed. Whatever they were doing was not answered yet,
    so its caller asks again.
    """
    if sys.platform != "linux":
        return
    # A worker that is still loading when its master is killed has another parent by now; it was told of the first.
    starter = multiprocessing.parent_process()
    parent = os.getppid() if starter is None else starter.pid
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel knew
        os.kill(os.getpid(), signal.SIGKILL)


def give_way() -> None:
    """Lets what answers people go first, from now on: nice 10, or what it is already where that is more."""
    os.setpriority(os.PRIO_PROCESS, 0, max(YIELDS, os.getpriority(os.PRIO_PROCESS, 0)))
