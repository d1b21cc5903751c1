"""What flows share."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.db import Database
from app.core.settings import Settings
from tests.factories.tills import Counter, open_counter
from tests.flows.made_things import Made, make_things


@pytest.fixture
def counter(app_settings: Settings, database: Database, owner: sa.Engine) -> Counter:
    """A till over an empty world."""
    return open_counter(app_settings, database, owner)


@pytest.fixture(scope="session")
def owner_engine(seeded_settings: Settings) -> Iterator[sa.Engine]:
    """The owner's engine over the seeded database."""
    engine = sa.create_engine(seeded_settings.database_owner_url or "")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def made(owner_engine: sa.Engine, live_server_url: str, demo_tokens: dict[str, dict[str, str]]) -> tuple[Made, Made]:
    """What the first merchant's people made through HTTP, and what the second's did."""
    ours = make_things(live_server_url, owner_engine, demo_tokens, "member1", "staff1", "owner1")
    theirs = make_things(live_server_url, owner_engine, demo_tokens, "member2", "owner2", "owner2")
    return ours, theirs


@pytest.fixture(scope="session")
def document(live_server_url: str) -> dict[str, Any]:
    """The API document, as the server gives it."""
    with urllib.request.urlopen(f"{live_server_url}/openapi.json", timeout=20) as answer:
        return dict(json.load(answer))
