"""A web server over a claim world, its database behind a proxy: what most tests of faults stand on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from app.core.settings import Settings
from tests.factories.worlds import World
from tests.faults.claim_world import ClaimWorld, hot_coupon, plant_claim_world
from tests.faults.phones import Phones, wait_until
from tests.faults.proxy import FaultProxy, database_proxy, url_through
from tests.servers import WebServer

DEADLINE_S = 3.0  # the application's longest wait for its database, as it is by default


@dataclass(frozen=True, slots=True)
class ClaimSite:
    """Everything a test of faults needs; ``crowd`` hands out members who have claimed nothing yet."""

    settings: Settings
    owner: sa.Engine
    role: sa.Engine  # the application's role, past the proxy: it alone sees what its sessions wait for
    planted: ClaimWorld
    proxy: FaultProxy
    web: WebServer
    phones: Phones
    crowd: Iterator[UUID]

    def coupon(self, quota: int = 1000, buckets: int = 4, per_member: int = 1) -> UUID:
        """A fresh coupon with its stock."""
        world = World(self.owner)
        return hot_coupon(world, self.planted.merchant_id, self.planted.place_id, quota, buckets, per_member)

    def sessions(self, where: str) -> int:
        """How many of the application's sessions on this database fulfil a condition over pg_stat_activity."""
        with self.role.connect() as conn:
            found: int = conn.execute(
                sa.text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    f" AND usename = current_user AND pid <> pg_backend_pid() AND {where}"
                )
            ).scalar_one()
        return found

    def wait_for_blocked(self, count: int = 1) -> None:
        """Until so many of the application's sessions wait for a lock."""
        wait_until(lambda: self.sessions("wait_event_type = 'Lock'") >= count, 5, f"{count} sessions wait for a lock")

    @contextmanager
    def stock_locked(self, coupon_id: UUID) -> Iterator[None]:
        """A stuck session that holds every bucket of a coupon."""
        with self.owner.connect() as conn:
            conn.execute(sa.text("SELECT 1 FROM coupon_stock WHERE coupon_id = :c FOR UPDATE"), {"c": coupon_id})
            yield
            conn.rollback()


@contextmanager
def claim_site(
    settings: Settings, folder: Path, *, server: str = "granian", workers: int = 2, threads: int = 4
) -> Iterator[ClaimSite]:
    """Plants the world, starts the server and ends it; the database has to be migrated and empty."""
    with ExitStack() as stack:
        owner = sa.create_engine(settings.database_owner_url or "", pool_pre_ping=True)
        role = sa.create_engine(settings.database_url, pool_pre_ping=True)
        stack.callback(owner.dispose)
        stack.callback(role.dispose)
        planted = plant_claim_world(World(owner), coupons=[], members=1500, per_member=1)
        proxy = stack.enter_context(database_proxy(owner.url, seed=11))
        through = replace(
            settings,
            database_url=url_through(proxy, settings.database_url),
            database_read_url=url_through(proxy, settings.database_read_url or ""),
        )
        limits = {"FUJIN_DATABASE_POOL_SIZE": str(threads), "FUJIN_DATABASE_DEADLINE_S": f"{DEADLINE_S:g}"}
        web = WebServer(through, folder / "web.log", server=server, workers=workers, threads=threads, **limits)
        stack.callback(web.stop)
        web.start()
        phones = Phones(web.port, replace(settings, public_url=web.address))
        yield ClaimSite(settings, owner, role, planted, proxy, web, phones, iter(planted.members))
