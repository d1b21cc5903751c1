"""Hot coupons and many members for runs against real servers, which go by the real clock; tokens for the members."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.core.ids import new_id
from app.core.settings import Settings
from app.members.issuer import Issuer
from tests.factories.tidy import count_rows
from tests.factories.worlds import World

CITY = 7
RENEWED_AFTER_S = 600.0  # a token is good for fifteen minutes


@dataclass(frozen=True, slots=True)
class ClaimWorld:
    """What was planted: one city, one merchant with one place, coupons and members."""

    merchant_id: UUID
    place_id: UUID
    coupons: tuple[UUID, ...]
    members: tuple[UUID, ...]


def plant_claim_world(world: World, *, coupons: Sequence[tuple[int, int]], members: int, per_member: int) -> ClaimWorld:
    """Plants a coupon for each (quota, buckets), which can be claimed from now on for an hour."""
    world.basics()
    world.city(CITY, "rush", kind="city")
    world.dataset(CITY, "places", 1)
    (place_id,) = world.places(CITY, 1, [{"lon": 120.16, "lat": 30.25}])
    world.activate(CITY, "places", 1)
    count_rows(world)
    merchant_id = world.merchant(CITY, "老街", [place_id])
    ids = tuple(hot_coupon(world, merchant_id, place_id, quota, n, per_member) for quota, n in coupons)
    return ClaimWorld(merchant_id, place_id, ids, plant_members(world, members))


def hot_coupon(world: World, merchant_id: UUID, place_id: UUID, quota: int, buckets: int, per_member: int) -> UUID:
    """A free coupon whose stock lies in some buckets, as even as it goes."""
    now = datetime.now(UTC)
    coupon_id = world.coupon(
        CITY,
        merchant_id,
        [place_id],
        stock=None,
        scopes=[place_id],
        quota=quota,
        per_member=per_member,
        claim_from=now - timedelta(minutes=1),
        claim_until=now + timedelta(hours=1),
        use_until=now + timedelta(days=1),
        created_at=now - timedelta(minutes=2),
    )
    shares = [quota // buckets + (bucket < quota % buckets) for bucket in range(buckets)]
    world.run(
        "INSERT INTO coupon_stock (city_id, coupon_id, bucket, quota, taken)"
        " VALUES (:city, :coupon, :bucket, :share, 0)",
        [{"city": CITY, "coupon": coupon_id, "bucket": bucket, "share": share} for bucket, share in enumerate(shares)],
    )
    return coupon_id


def plant_members(world: World, count: int) -> tuple[UUID, ...]:
    """Active members without any way to sign in; ``Tokens`` signs for them."""
    ids = tuple(new_id() for _ in range(count))
    world.run(
        "INSERT INTO members (member_id, state, row_version, created_at)"
        " SELECT unnest(CAST(:ids AS uuid[])), 'active', 1, :now",
        {"ids": list(map(str, ids)), "now": datetime.now(UTC)},
    )
    return ids


class Tokens:
    """Access tokens for members, signed with the installation's own keys and renewed before they end."""

    def __init__(self, settings: Settings) -> None:
        self._issuer = Issuer(settings)
        self._known: dict[UUID, tuple[float, str]] = {}

    def of(self, member_id: UUID) -> str:
        """A token that is good for five minutes at least."""
        found = self._known.get(member_id)
        if found is None or found[0] < time.monotonic():
            token = self._issuer.issue(str(member_id), "member", datetime.now(UTC)).token
            found = (time.monotonic() + RENEWED_AFTER_S, token)
            self._known[member_id] = found
        return found[1]
