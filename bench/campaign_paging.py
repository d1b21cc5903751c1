"""Walks through all pages of a search under writes, many times; ends with 1 when one id came twice or was skipped.

Run with ``./dev campaign paging --seeds 50``. ``tests/flows/test_paging_under_writes.py`` is its short twin.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa

from app.core.db import open_database
from app.factory import create_app
from bench.campaign_api import own_database, settings_over
from tests.factories.worlds import NOW, World
from tests.flows.paging_writes import FILTERS, town_of, walk


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="./dev campaign paging", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    given = parser.parse_args()
    owner = os.environ["DATABASE_OWNER_URL"]
    os.environ["FUJIN_DATABASE_DEADLINE_S"] = "0"
    wrong = 0
    for seed in range(given.first, given.first + given.seeds):
        with tempfile.TemporaryDirectory() as folder, own_database(owner) as url:
            settings = settings_over(url, Path(folder))
            engine, writer = sa.create_engine(url), sa.create_engine(settings.database_import_url or url)
            database = open_database(settings)
            try:
                app = create_app(settings, clock=lambda: NOW, database=database)
                town = town_of(seed, World(engine), writer, app)
                for number, query in enumerate(FILTERS):
                    problem = walk(town, number)
                    wrong += problem is not None
                    print(f"seed {seed} {query or 'no filter'}: {problem or 'sound'}", flush=True)
            finally:
                database.dispose()
                writer.dispose()
                engine.dispose()
    print(f"{given.seeds * len(FILTERS)} walks, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
