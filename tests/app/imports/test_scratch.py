"""Folders for unpacked copies go with their load, and those of a killed one with the next sweep."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from app.imports import child, scratch

HOLDER = """
import sys, time
from pathlib import Path
from app.imports import scratch
with scratch.folder(Path(sys.argv[1])) as made:
    (made / "copy").write_text("unpacked")
    print(made, flush=True)
    sys.stdin.read()
"""


def test_a_killed_loads_folder_is_swept_and_one_in_use_is_not(tmp_path: Path) -> None:
    words = [sys.executable, "-c", HOLDER, str(tmp_path)]
    holder = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=child.ROOT, text=True)
    assert holder.stdout is not None
    with holder:
        theirs = Path(holder.stdout.readline().strip())
        with scratch.folder(tmp_path) as ours:
            assert ours.is_dir()
            assert scratch.sweep(tmp_path) == 0
            assert sorted(tmp_path.iterdir()) == sorted([ours, theirs])
        assert list(tmp_path.iterdir()) == [theirs]
        holder.kill()
    assert (theirs / "copy").exists()
    (tmp_path / "somebody-elses").mkdir()
    assert scratch.sweep(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["somebody-elses"]
