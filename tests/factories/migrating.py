"""Migrations in the tests' own process, which is quicker than a process each; and the partitioned stand-in."""

from __future__ import annotations

from functools import cache

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import make_url

from tests.conftest import ROOT, MakeDatabase

CONFIG = Config(toml_file=str(ROOT / "pyproject.toml"))


def migrate(url: str, *revisions: str, standin: bool = False) -> None:
    """Migrates the owner's database up to each revision in turn, or down to one that begins with ``-``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_OWNER_URL", url)
        patch.setenv("FUJIN_PARTITION_STANDIN", "1" if standin else "0")
        for revision in revisions:
            if revision.startswith("-"):
                command.downgrade(CONFIG, revision[1:])
            else:
                command.upgrade(CONFIG, revision)


@cache
def _standin_template(make_database: MakeDatabase) -> str:
    url = make_database(lasting=True)
    migrate(url, "head", standin=True)
    return str(make_url(url).database)


def make_standin(make_database: MakeDatabase) -> str:
    """Owner's URL of an empty migrated database whose city tables are partitioned by hash of their key."""
    return make_database(_standin_template(make_database))
