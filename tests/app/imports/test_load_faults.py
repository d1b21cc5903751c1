"""A load that is killed, or for which there is no room, leaves nothing behind and can be made again."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from app.imports import actions, child, frames
from app.imports.errors import UnreadableFile
from app.imports.types import LoadReport, LoadRequest
from tests.app.imports.loadfiles import CITY, LATER, ORIGIN, only_row, place, reading_processes

Load = Callable[..., LoadReport]
ROWS = 600
TABLES = (
    "place_facts", "places", "place_sources", "hours_patterns", "postings", "place_staging", "search_slots",
    "dataset_faults",
)  # fmt: skip
# The loader of a process of its own: says each stage with what is done of it, and waits there to be killed.
LOADER = """
import sys, time
import sqlalchemy as sa
from pathlib import Path
from app.imports import actions
from app.imports.types import LoadRequest
from tests.app.imports.loadfiles import CITY, LATER, ORIGIN
stage, engine = "", sa.create_engine(sys.argv[1])
def began(now, total, unit):
    global stage
    stage = now
    print(stage, flush=True)
    sys.stdin.readline()
with engine.begin() as conn:
    actions.load(conn, LoadRequest(CITY, "places", Path(sys.argv[2]), ORIGIN), LATER, began=began)
    print("loaded", flush=True)
    sys.stdin.readline()
"""


def written(path: Path, rows: int = ROWS) -> Path:
    with path.open("w") as file:
        for number in range(rows):
            lon, lat = 179.0 + number % 90 * 0.01, -17.0 - number // 90 * 0.01  # a kilometre apart: nobody's double
            row = place(f"k{number}", lon, lat, name=f"{number} Row", opening_hours="24/7")
            file.write(json.dumps(row) + "\n")
    return path


def counts(conn: Connection) -> dict[str, int]:
    """Rows of the town in everything that a load writes."""
    return {
        table: conn.execute(sa.text(f"SELECT count(*) FROM {table} WHERE city_id = :c"), {"c": CITY}).scalar_one()
        for table in TABLES
    }


@pytest.mark.parametrize("stage", ["reading", "checking", "linking", "search_rows", "loaded"])
def test_a_killed_loader_leaves_nothing_and_the_file_can_be_sent_again(
    town: Connection, load: Load, tmp_path: Path, database_url: str, stage: str
) -> None:
    load([place("k0", name="Old"), place("gone")], activate=True)
    before = counts(town)
    town.rollback()
    path = written(tmp_path / "new.geojsonl")
    words = [sys.executable, "-c", LOADER, database_url, str(path)]
    loader = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=child.ROOT, text=True)
    assert loader.stdout is not None
    assert loader.stdin is not None
    with loader:
        while (said := loader.stdout.readline().strip()) != stage:
            assert said, "the loader ended before that stage"
            loader.stdin.write("on\n")
            loader.stdin.flush()
        loader.kill()
    until = time.monotonic() + 10
    while others(town) and time.monotonic() < until:
        time.sleep(0.02)
    assert counts(town) == before
    versions = "SELECT array_agg(version || ' ' || state ORDER BY version) FROM datasets WHERE city_id = 7"
    assert only_row(town, versions)[0] == ["1 active"]
    report = actions.load(town, LoadRequest(CITY, "places", path, ORIGIN, trusted=True), LATER)
    assert (report.outcome, report.version, report.stored, report.created) == ("staged", 2, ROWS, ROWS - 1)
    assert counts(town)["place_staging"] == 0


def others(conn: Connection) -> int:
    """Sessions of loads in this database."""
    found = conn.execute(
        sa.text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND state <> 'idle'"
        )
    ).scalar_one()
    conn.rollback()
    return int(found)


def test_a_reading_process_that_is_killed_leaves_the_version_failed_with_a_reason(
    town: Connection, load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load([place("k0")], activate=True)
    before = counts(town)
    real = child._Child._next

    def cut(self: Any, output: Any) -> Any:
        frame = real(self, output)
        for pid in reading_processes() if frame is not None and frame.kind == frames.FACTS else ():
            os.kill(pid, signal.SIGSEGV)
        return frame

    monkeypatch.setattr(child._Child, "_next", cut)
    with pytest.raises(UnreadableFile, match="broke off"):
        actions.load(town, LoadRequest(CITY, "places", written(tmp_path / "x.geojsonl", 20_000), ORIGIN), LATER)
    town.commit()
    assert counts(town) == before
    failure = "SELECT d.state, j.failure ->> 'code' FROM datasets d JOIN import_jobs j USING (city_id, dataset_id)"
    assert tuple(only_row(town, f"{failure} WHERE d.city_id = 7 AND d.version = 2")) == ("failed", "reading-failed")


def test_no_room_for_unpacked_copies_fails_the_load_alone(
    town: Connection, load: Load, tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load([place("k0")], activate=True)
    before = counts(town)
    path = tmp_path / "big.geojsonl.gz"
    path.write_bytes(gzip.compress(written(tmp_path / "big.geojsonl", 40_000).read_bytes(), 1))
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    with pytest.raises(UnreadableFile, match="No space left"):
        actions.load(town, LoadRequest(CITY, "places", path, ORIGIN), LATER)
    town.commit()
    assert counts(town) == before
    assert list(small_disk.iterdir()) == []
    assert load([place("k0"), place("k1")]).outcome == "staged"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes; skipped where nobody may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        [shutil.which("mount") or "mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no small disk could be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run([shutil.which("umount") or "umount", str(folder)], check=True)
