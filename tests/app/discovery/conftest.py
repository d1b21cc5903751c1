"""An empty world to plant in."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.factories.worlds import World


@pytest.fixture
def world(owner: sa.Engine) -> World:
    """Currencies and categories are there, cities are not."""
    planted = World(owner)
    planted.basics()
    return planted
