"""Two copies, one the flow of the other: many loops through a network that cuts, with kills; then the books must agree.

Run with ``./dev campaign twocopies``. ``tests/faults/test_two_copies.py`` is its short twin. The conformance command
runs against the copy behind in between, through the same network.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from app.core.db import normalised_url
from app.core.settings import Settings, load_settings
from app.flow.conformance.checks import drive, open_run
from app.flow.conformance.report import as_text
from app.flow.wire import Client
from tests.factories.partners import plant_partner
from tests.faults.own_cluster import DATABASE, fresh_database, own_cluster
from tests.faults.test_two_copies import walk
from tests.faults.two_copies import Copies, cuts, disagreements, two_copies

SIDES = ("front web", "behind web", "front worker", "behind worker")


def settings_in(folder: Path) -> Callable[[str], Settings]:
    """Settings of a copy on a database, as the tests make them."""

    def make(url: str) -> Settings:
        return load_settings(
            {
                "DATABASE_URL": url.replace("fujin_owner@", "fujin_app@"),
                "DATABASE_READ_URL": url.replace("fujin_owner@", "fujin_read@"),
                "DATABASE_IMPORT_URL": url.replace("fujin_owner@", "fujin_import@"),
                "DATABASE_OWNER_URL": url,
                "FUJIN_SECRET_KEY": "campaigns-sign-with-this-0123456789abcdef",
                "FUJIN_CODE_PEPPER": "campaigns-hash-with-this-0123456789abcdef",
                "FUJIN_STATE_DIR": str(folder / uuid.uuid4().hex),
                "FUJIN_DEMO": "1",
                "FUJIN_PROVIDERS": "cash,test_wallet",
                "FUJIN_DATABASE_DEADLINE_S": "0",
                "FUJIN_RATE_LIMIT_PER_MINUTE": "1000000",
                "FUJIN_SIGN_IN_LIMIT_PER_MINUTE": "1000000",
                "FUJIN_LOG_LEVEL": "WARNING",
            }
        )

    return make


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="./dev campaign twocopies", description=__doc__)
    parser.add_argument("--loops", type=int, default=25)
    parser.add_argument("--kills", type=float, default=0.3, help="chance of a kill after a step")
    parser.add_argument("--cuts", type=float, default=0.15, help="chance that a message between the copies is lost")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fujin-campaign-") as made, own_cluster("campaign") as cluster:
        folder = Path(made)
        fresh_database(cluster)
        admin = sa.create_engine(normalised_url(cluster.url("fujin_owner", "postgres")), isolation_level="AUTOCOMMIT")

        def database(source: str | None = None) -> str:
            name = f"copy_{uuid.uuid4().hex[:8]}"
            with admin.connect() as conn:
                conn.execute(sa.text(f'CREATE DATABASE "{name}" TEMPLATE "{source}"'))
            return normalised_url(cluster.url("fujin_owner", name))

        with two_copies(database, DATABASE, settings_in(folder), folder, given.seed) as copies:
            outcome = _run(copies, given.loops, given.kills, given.cuts, random.Random(given.seed))
        admin.dispose()
    return outcome


def _run(copies: Copies, loops: int, kills: float, cut: float, draw: random.Random) -> int:
    killed = 0

    def after(_step: str) -> None:
        nonlocal killed
        if draw.random() >= kills:
            return
        killed += 1
        name, what = draw.choice(SIDES).split()
        side = copies.front if name == "front" else copies.behind
        side.kill(what)
        side.start(what)

    began = time.monotonic()
    copies.network.cuts = cuts(cut)
    for number in range(1, loops + 1):
        walk(copies, after)
        print(f"loop {number}: {killed} kills, {sum(copies.network.cut.values())} cuts", file=sys.stderr, flush=True)
    client = Client(
        copies.front.settings.flow or "",
        *plant_partner(copies.behind.loop.world, [copies.behind.loop.merchant], client_id="conformance"),
    )
    report = drive(open_run(client), client)
    copies.network.cuts = ()
    ends = time.monotonic() + 120
    while (found := disagreements(copies)) and time.monotonic() < ends:
        time.sleep(1)
    print(as_text(report))
    print(
        f"{loops} loops, {killed} kills, {sum(copies.network.cut.values())} cuts in {time.monotonic() - began:.0f} s:"
        f" {len(found)} disagreements"
    )
    for line in found:
        print(f"  {line}")
    return 1 if found or not report.green else 0


if __name__ == "__main__":
    sys.exit(main())
