"""What flows share."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.db import Database, open_database
from app.core.settings import Settings
from tests.factories.provider_site import Site, open_site
from tests.factories.tills import Counter, open_counter
from tests.flows.made_things import Made, make_things


@pytest.fixture
def counter(app_settings: Settings, database: Database, owner: sa.Engine) -> Counter:
    """A till over an empty world."""
    return open_counter(app_settings, database, owner)


@pytest.fixture(scope="session")
def whole_site(
    make_database: Any,
    migrated_template: str,
    settings_for: Callable[[str], Settings],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """The application with Alipay and Stripe, both fakepay in this process, over a database that modules share."""
    url = make_database(migrated_template)
    settings, engine = settings_for(url), sa.create_engine(url)
    opened = open_database(settings)
    yield open_site(settings, opened, engine, tmp_path_factory.mktemp("fakepay"))
    opened.dispose()
    engine.dispose()


@pytest.fixture
def site(whole_site: Site) -> Site:
    """The same, with a fakepay that begins anew and does nothing wrong."""
    whole_site.bench.play()
    return whole_site


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
