"""A copy of the product in processes of its own, with a partner whose client may drive it, and a network that cuts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from app.core.db import open_database
from app.core.settings import Settings
from app.factory import create_app
from tests.factories.loops import Loop, plant_loop
from tests.factories.partners import plant_partner
from tests.servers import WebServer, Worker


@dataclass
class Copy:
    """A web server and a worker over a database of their own."""

    settings: Settings
    engine: sa.Engine
    loop: Loop
    web: WebServer
    worker: Worker
    client_id: str
    secret: str

    @property
    def merchant(self) -> UUID:
        """The partner's merchant."""
        return self.loop.merchant


@contextmanager
def running_copy(url: str, settings_for: Callable[[str], Settings], folder: Path, name: str) -> Iterator[Copy]:
    """Starts a copy over an empty migrated database and plants its small world."""
    settings = settings_for(url)
    engine = sa.create_engine(url)
    web = WebServer(settings, folder / f"{name}-web.log")
    settings = replace(settings, public_url=web.address)
    database = open_database(settings)
    loop = plant_loop(create_app(settings, database=database), engine)
    client_id, secret = plant_partner(loop.world, [loop.merchant], client_id=f"{name}-partner")
    worker = Worker(settings, folder / f"{name}-worker.log", folder / f"{name}.pid")
    web.start()
    worker.start()
    try:
        yield Copy(settings, engine, loop, web, worker, client_id, secret)
    finally:
        worker.stop()
        web.stop()
        database.dispose()
        engine.dispose()
