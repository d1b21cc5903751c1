"""A database with one city, written to as the application's role; a transaction a test, rolled back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.conftest import MakeDatabase, as_role
from tests.factories.worlds import World

CITY = 2


@pytest.fixture(scope="module")
def ledger_url(make_database: MakeDatabase, migrated_template: str) -> str:
    """Owner's URL of a database that the tests of a file share."""
    url = make_database(migrated_template)
    engine = sa.create_engine(url)
    world = World(engine)
    world.basics()
    world.city(CITY, "here")
    engine.dispose()
    return url


@pytest.fixture(scope="module")
def app_engine(ledger_url: str) -> Iterator[sa.Engine]:
    """The application's role: it may add transfers and never change them."""
    engine = sa.create_engine(as_role(ledger_url, "fujin_app"))
    yield engine
    engine.dispose()


@pytest.fixture
def conn(app_engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction of the application's role that leaves nothing behind."""
    with app_engine.connect() as connection:
        yield connection
