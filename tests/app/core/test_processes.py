"""Worker processes that outlive the one that started them, and those that give way."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MASTER = """
import multiprocessing, os, pathlib, sys, time
sys.path.insert(0, {root!r})

def worker(folder):
    import pathlib, time, os
    folder = pathlib.Path(folder)
    (folder / "loading").write_text(str(os.getpid()))
    end = time.monotonic() + 30
    while not (folder / "go on").exists() and time.monotonic() < end:
        time.sleep(0.01)
    from app.core.processes import end_with_parent
    end_with_parent()
    (folder / "serves").touch()
    time.sleep(30)

if __name__ == "__main__":
    multiprocessing.get_context("spawn").Process(target=worker, args=(sys.argv[1],)).start()
    time.sleep(30)
"""


def test_a_worker_still_loading_when_its_master_is_killed_ends_too(tmp_path: Path) -> None:
    script = tmp_path / "master.py"
    script.write_text(MASTER.format(root=str(Path(__file__).parents[3])))
    master = subprocess.Popen([sys.executable, str(script), str(tmp_path)])
    until(lambda: (tmp_path / "loading").exists() and (tmp_path / "loading").read_text() != "")
    worker = int((tmp_path / "loading").read_text())
    master.kill()
    master.wait()
    (tmp_path / "go on").touch()
    until(lambda: state_of(worker) in ("gone", "Z"))
    assert not (tmp_path / "serves").exists()


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "gone"


def until(holds: object, within_s: float = 20) -> None:
    end = time.monotonic() + within_s
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(("before", "after"), [(0, 10), (15, 15)])
def test_who_gives_way_is_not_hurried_by_it(before: int, after: int) -> None:
    code = (
        "import os; from app.core.processes import give_way;"
        f"os.setpriority(os.PRIO_PROCESS, 0, max({before}, os.getpriority(os.PRIO_PROCESS, 0)));"
        "give_way(); print(os.getpriority(os.PRIO_PROCESS, 0))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) == after
