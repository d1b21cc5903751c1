"""A town of its own for each module; its tests leave it without a load under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.core.db import open_database
from app.core.settings import Settings
from app.factory import create_app
from tests.conftest import MakeDatabase
from tests.factories.loads import Town, plant_town


@pytest.fixture(scope="module")
def town(
    make_database: MakeDatabase,
    migrated_template: str,
    settings_for: Callable[[str], Settings],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Town]:
    """The town over the application in this process."""
    url = make_database(migrated_template)
    settings = settings_for(url)
    owner = sa.create_engine(url)
    opened = open_database(settings)
    yield plant_town(create_app(settings, database=opened), owner, settings, Path(tmp_path_factory.mktemp("files")))
    opened.dispose()
    owner.dispose()


@pytest.fixture(autouse=True)
def nothing_under_way(town: Town) -> Iterator[None]:
    """Ends what a test left under way."""
    yield
    for row in town.rows("SELECT c.slug, d.kind, d.version FROM datasets d JOIN cities c USING (city_id)"
                         " WHERE d.state IN ('validating', 'staged')"):  # fmt: skip
        town.post(f"/v1/datasets/{row.slug}/{row.kind}/versions/{row.version}/discard", by=(town.admin, "admin"))
    town.work()
