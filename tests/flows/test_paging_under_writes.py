"""Pages of a search while places are opened, moved and closed: no id twice, every untouched id once, in order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from app.core.db import open_database
from app.core.settings import Settings
from app.factory import create_app
from tests.conftest import as_role
from tests.factories.worlds import NOW, World
from tests.flows.paging_writes import FILTERS, town_of, walk


@pytest.mark.parametrize("number", range(len(FILTERS)))
def test_no_id_comes_twice_and_every_untouched_one_once(
    database_url: str, settings_for: Callable[[str], Settings], number: int
) -> None:
    """5,000 places, 500 of them written between the pages: without a filter, by category, open now."""
    engine, writer = sa.create_engine(database_url), sa.create_engine(as_role(database_url, "fujin_import"))
    settings = settings_for(database_url)
    database = open_database(settings)
    try:
        app = create_app(settings, clock=lambda: NOW, database=database)
        town = town_of(number, World(engine), writer, app)
        found = walk(town, number)
    finally:
        database.dispose()
        writer.dispose()
        engine.dispose()
    assert found is None, FILTERS[number]
