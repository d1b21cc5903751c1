"""A database server of a run's own, with durable settings, that may be crashed without touching anyone else's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from devtools.cluster import Cluster
from devtools.packages import choose, find_postgres
from devtools.state import ROOT, open_state

DATABASE = "fujin"


@contextmanager
def own_cluster(name: str) -> Iterator[Cluster]:
    """A cluster without databases; gone at the end, with all that a killed run left."""
    chosen = choose([each for each in find_postgres() if each.postgis], None)
    if chosen is None:
        raise RuntimeError("a server of one's own needs PostgreSQL with PostGIS on this machine")
    cluster = Cluster(open_state(), name, chosen)
    cluster.stop_if_unused()
    shutil.rmtree(cluster.base, ignore_errors=True)
    try:
        with cluster.in_use():
            yield cluster
    finally:
        shutil.rmtree(cluster.base, ignore_errors=True)
        for left in (f"{name}.users", f"{name}.change"):
            with suppress(FileNotFoundError):
                (cluster.state.base / left).unlink()


def _migrate(owner_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_OWNER_URL": owner_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def fresh_database(cluster: Cluster) -> None:
    """An empty migrated database in place of whatever the cluster held."""
    cluster.sql(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    cluster.ensure_database(DATABASE)
    _migrate(cluster.url("fujin_owner", DATABASE))
