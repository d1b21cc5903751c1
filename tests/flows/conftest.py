"""What flows share."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.core.settings import Settings
from tests.factories.tills import Counter, open_counter


@pytest.fixture
def counter(app_settings: Settings, database: Database, owner: sa.Engine) -> Counter:
    """A till over an empty world."""
    return open_counter(app_settings, database, owner)
