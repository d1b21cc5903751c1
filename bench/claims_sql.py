"""The database's side of ``bench/claims.py``: tables beside ours, and what pgbench runs over them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from tests.factories.worlds import World

CLIENTS = 32
MEMBERS_A_CLIENT = 5_000  # each claims once a run: 160,000 members outlast five seconds at 30,000 a second

TABLES = """
CREATE TABLE bench_rows (row_id uuid PRIMARY KEY, coupon_id uuid NOT NULL, member_id uuid NOT NULL,
    created_at timestamptz NOT NULL);
CREATE TABLE bench_stock (coupon_id uuid PRIMARY KEY, quota integer NOT NULL, taken integer NOT NULL)
    WITH (fillfactor = 50);
CREATE TABLE bench_claims (claim_id uuid PRIMARY KEY, coupon_id uuid NOT NULL, member_id uuid NOT NULL,
    claimed_at timestamptz NOT NULL, UNIQUE (coupon_id, member_id));
GRANT SELECT, INSERT, UPDATE ON bench_rows, bench_stock, bench_claims TO fujin_app;
INSERT INTO members (member_id, state, row_version, created_at)
    SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'active', 1, now()
    FROM generate_series(1, {members}) n;
"""
MEMBER = f"('00000000-0000-7000-8000-' || lpad(to_hex((:client_id * {MEMBERS_A_CLIENT} + :n)::bigint), 12, '0'))::uuid"

BARE = f"""
\\set n :n + 1
INSERT INTO bench_rows VALUES (gen_random_uuid(), '{{coupon}}', {MEMBER}, now());
"""
# \\gset fails, and pgbench with it, when the UPDATE returns no row: the row count is checked without a round trip more.
NAIVE = f"""
\\set n :n + 1
BEGIN;
UPDATE bench_stock SET taken = taken + 1 WHERE coupon_id = '{{coupon}}' AND taken < quota RETURNING taken \\gset
INSERT INTO bench_claims VALUES (gen_random_uuid(), '{{coupon}}', {MEMBER}, now());
COMMIT;
"""
OURS = f"""
\\set n :n + 1
SELECT claim_coupon({{city}}, gen_random_uuid(), '{{coupon}}', 1, '{{merchant}}', {MEMBER}, 'active', 1::smallint, 0,
    'CNY', now(), now() + interval '1 day', NULL, sha256(gen_random_uuid()::text::bytea), '\\x{"00" * 41}', '1234',
    NULL, NULL, NULL, NULL, current_date, 1::smallint, NULL, NULL, NULL, gen_random_uuid(),
    '{{{{"note": "{"e" * 480}"}}}}'::jsonb, 'trace', now(), 'member:' || {MEMBER}, 'claim', gen_random_uuid()::text,
    sha256(''), '\\x{"20" * 760}', 'application/json', now() + interval '7 days', '\\x{"20" * 420}',
    'application/problem+json', now() + interval '7 days');
"""


def prepare(world: World) -> None:
    """Makes the tables and plants the members that pgbench claims for."""
    with world.engine.begin() as conn:
        conn.exec_driver_sql(TABLES.format(members=(CLIENTS + 1) * MEMBERS_A_CLIENT))
    with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql("VACUUM ANALYZE members")


def plant_stock(world: World, coupon_id: UUID) -> None:
    """A counter of a million for the naive claim."""
    world.run("INSERT INTO bench_stock VALUES (:c, 1000000, 0)", {"c": coupon_id})


def pgbench(app_url: str, script: str, folder: Path, seconds: int) -> tuple[float, int]:
    """Transactions a second, without the time to connect, and how many there were."""
    program = shutil.which("pgbench")
    if program is None:
        raise SystemExit("bench: pgbench is missing; it comes with PostgreSQL (Debian: postgresql-contrib)")
    file = folder / "script.sql"
    file.write_text(script)
    url = make_url(app_url)
    place = {"PGHOST": str(url.query["host"]), "PGPORT": str(url.query["port"]), "PGUSER": str(url.username)}
    done = subprocess.run(
        [
            *(program, "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds), "-D", "n=0"),
            *("-f", str(file), str(url.database)),
        ],
        env={**os.environ, **place},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or "aborted" in done.stderr:
        raise SystemExit(f"bench: pgbench failed\n{done.stdout}{done.stderr}")
    rate = float(re.search(r"tps = ([\d.]+)", done.stdout)[1])  # type: ignore[index]
    count = int(re.search(r"actually processed: (\d+)", done.stdout)[1])  # type: ignore[index]
    return rate, count


def sold(world: World, coupon_id: UUID) -> tuple[int, int, int]:
    """Claims of a coupon, what its buckets count, and its events."""
    with world.engine.connect() as conn:
        row = conn.execute(
            sa.text(
                "SELECT (SELECT count(*) FROM claims WHERE coupon_id = :c),"
                " (SELECT sum(taken) FROM coupon_stock WHERE coupon_id = :c),"
                " (SELECT count(*) FROM outbox_events e JOIN claims c ON (c.city_id, c.claim_id) = (e.city_id,"
                " e.aggregate_id) WHERE c.coupon_id = :c)"
            ),
            {"c": coupon_id},
        ).one()
    return row[0], row[1], row[2]
