"""What ends a load from outside: its worker killed at 5, 50 and 95 % of it, a disk without room; nothing is left."""

from __future__ import annotations

import gzip
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.imports.uploads import folder_of
from tests.app.imports.loadfiles import place
from tests.factories.loads import KIND, Town, lines_of
from tests.servers import Worker, children_of, until

TABLES = ("place_facts", "places", "place_sources", "hours_patterns", "postings", "place_staging", "search_slots",
          "place_regions", "dataset_faults")  # fmt: skip
# Where a load stands still while another transaction is open: at the 15th of 300 rows that are read, where their facts
# are written, where search rows are. By the clock that is about 5, 50 and 95 % of it.
HOLDS = {
    5: """INSERT INTO place_staging (city_id, version, row_no, new_id, location, name, names, category_id,
              alternate_category_ids, address, workday_calendar, attributes, closed, source_key, source_datum,
              source_lon, source_lat, spots, facets)
          VALUES (7, :version, 15, gen_random_uuid(), 'POINT(0 0)', '', '{}', '', '{}', '{}', false, '{}', false, '',
              'wgs84', 0, 0, '{}', '{}')""",
    50: "LOCK TABLE place_facts IN SHARE MODE",
    95: "LOCK TABLE postings IN SHARE MODE",
}
LOADERS = "SELECT pid FROM pg_stat_activity WHERE usename = 'fujin_import' AND datname = current_database()"
WAITING = f"SELECT 1 FROM pg_locks WHERE NOT granted AND pid IN ({LOADERS})"


def many(rows: int) -> list[dict[str, object]]:
    """Places a kilometre apart, so that nobody takes one for another."""
    return [place(f"k{n}", 179.0 + n % 20 * 0.01, -17.0 - n // 20 * 0.01, name=f"{n} Row") for n in range(rows)]


def counted(town: Town) -> dict[str, int]:
    """Rows in everything that a load writes."""
    return {table: town.rows(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


@contextmanager
def held(town: Town, percent: int, version: int) -> Iterator[None]:
    """The load gets no farther meanwhile."""
    with town.owner.connect() as conn:
        given = {"version": version} if ":version" in HOLDS[percent] else {}
        conn.execute(sa.text(HOLDS[percent]), given)
        yield
        conn.rollback()


@pytest.mark.timeout(180)
def test_a_worker_killed_at_5_50_and_95_percent_leaves_nothing_and_loads_the_file_when_it_is_back(
    town: Town, tmp_path: Path
) -> None:
    """At 50 % only the process that loads is killed: its worker takes the work up again, and is killed later."""
    town.shown([place("k0", name="Old")])
    before, copies = counted(town), tmp_path / "copies"
    copies.mkdir()
    worker = Worker(town.settings, tmp_path / "worker.log", tmp_path / "worker.pid", TMPDIR=str(copies))
    sent = town.send(gzip.compress(lines_of(many(300))), filename="places.geojsonl.gz").get_json()
    try:
        for percent in HOLDS:
            with held(town, percent, sent["version"]):
                if percent != 95:
                    worker.start()
                until(lambda: town.rows(WAITING))
                seen = {row.pid for row in town.rows(LOADERS)}
                if percent == 50:
                    (loader,) = children_of(worker.pid)
                    os.kill(loader, signal.SIGKILL)
                else:
                    worker.kill()
            until(lambda seen=seen: not seen & {row.pid for row in town.rows(LOADERS)})
            assert counted(town) == before
            assert town.version(sent["version"])["state"] == "validating"
            if percent != 50:
                town.run("UPDATE import_jobs SET tries = 1, lease_until = run_at WHERE task = 'load'")  # it ran out
    finally:
        worker.kill()
    assert town.work() == ["staged"]
    assert town.version(sent["version"])["counts"]["stored"] == 300
    assert list(copies.iterdir()) == []
    assert [path for path in folder_of(town.settings).iterdir() if path.suffix == ".part"] == []


def test_an_upload_for_which_there_is_no_room_is_refused_with_507_and_leaves_nothing(town: Town) -> None:
    """The kernel's own refusal to write more: a limit on the size of files."""
    folder = folder_of(town.settings)
    folder.mkdir(parents=True, exist_ok=True)
    before, loads = sorted(folder.iterdir()), town.rows("SELECT count(*) FROM datasets")[0][0]
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, limit[1]))
    try:
        refused = town.send(lines_of(many(2_000)), key="the-same-one")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert (refused.status_code, refused.get_json()["code"]) == (507, "upload-disk-full")
    assert int(refused.headers["Retry-After"]) > 0
    assert sorted(folder.iterdir()) == before
    assert town.rows("SELECT count(*) FROM datasets")[0][0] == loads
    assert town.send(lines_of(many(3)), key="the-same-one").status_code == 202


def test_a_database_without_room_fails_the_load_alone_with_what_to_do(town: Town) -> None:
    before = counted(town)
    town.run("CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
             " RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$")  # fmt: skip
    town.run("CREATE TRIGGER no_room BEFORE INSERT ON hours_patterns EXECUTE FUNCTION full_disk()")
    try:
        sent = town.send(lines_of([place("a", opening_hours="24/7"), place("b")])).get_json()
        assert town.work() == ["failed"]
    finally:
        town.run("DROP FUNCTION full_disk CASCADE")
    failed = town.version(sent["version"])
    assert (failed["state"], failed["failure"]["code"], failed["file"]["kept"]) == ("failed", "no-room", True)
    assert "make room, then reload" in failed["failure"]["hint"]
    assert counted(town) == before
    assert town.post(f"{KIND}/versions/{sent['version']}/reload").status_code == 202
    assert town.work() == ["staged"]
