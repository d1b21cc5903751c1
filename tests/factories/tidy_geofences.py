"""A fence, somebody in it who agreed to be followed, and what was told of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa

from app.core.ids import new_id
from app.coupons.tables import coupons
from app.geofencing.tables import geofence_sets, geofence_versions, geofences
from app.geofencing.tables_alerts import area_watches, geofence_offers, member_alerts, saved_areas
from app.geofencing.tables_following import (
    followed_fixes,
    followed_lanes,
    followed_pairs,
    geofence_events,
    location_choices,
    location_consents,
)
from app.members.tables import members
from tests.factories.worlds import NOW

if TYPE_CHECKING:
    from tests.factories.tidy_loop import TidyLoop

SQUARE = "st_multi(st_makeenvelope(0, 0, 0.01, 0.01, 4326))"
MINUTE = timedelta(minutes=1)


def plant_fence(loop: TidyLoop) -> None:
    """Through the tables, as the rest of the tidy world."""
    fence, pair, member = loop.new("fence"), loop.new("pair"), new_id()
    loop.ids["followed"] = member
    loop.put(members, member_id=member, state="active", row_version=1, created_at=NOW)
    square = sa.text(SQUARE)
    loop.put(
        geofences, geofence_id=fence, merchant_id=loop.merchant, external_id="door", state="active", current_version=1,
        revision=1, epoch=1, source="drawn", outline=square, created_at=NOW, changed_at=NOW,
    )  # fmt: skip
    loop.put(
        geofence_versions, geofence_id=fence, version=1, name="Door", boundary=square, enter_after_s=0, dwell_s=[60],
        exit_after_s=0, exit_buffer_m=0, max_accuracy_m=100, cooldown_s=0, reorder_s=0, time_zone="UTC", tags=[],
        created_by="owner:x", created_at=NOW,
    )  # fmt: skip
    loop.put(geofence_sets, epoch=1, fence_count=1, west=0, south=0, east=0.01, north=0.01, reorders=[0])
    loop.put(
        location_choices, member_id=member, positions_at=NOW, time_zone="UTC", cities=[loop.city], row_version=1,
        changed_at=NOW,
    )  # fmt: skip
    loop.put(location_consents, member_id=member, consent_id=new_id(), purpose="positions", given=True, at=NOW)
    loop.put(
        followed_lanes, subject_id=member, reorder_s=0, member_id=member, watermark_at=NOW, last_lon=0.005,
        last_lat=0.005, seen_at=NOW,
    )  # fmt: skip
    loop.put(
        followed_fixes, subject_id=member, occurred_at=NOW, lon=0.005, lat=0.005, accuracy_m=10, outcome="counted",
        replayed=False, received_at=NOW,
    )  # fmt: skip
    seq = loop.told("geofence", pair, ["entered"])
    loop.put(
        followed_pairs, subject_id=member, geofence_id=fence, member_id=member, pair_id=pair, phase="in", since_at=NOW,
        since_border_m=-500, since_accuracy_m=10, entered_at=NOW, entered_border_m=-500, entered_accuracy_m=10,
        dwelt=0, seq=seq, fence_version=1, reorder_s=0, due_at=NOW + MINUTE, revision=1, changed_at=NOW,
    )  # fmt: skip
    loop.put(
        geofence_events, event_id=loop.new("fence_event"), geofence_id=fence, pair_id=pair, seq=1, member_id=member,
        what="entered", cause="fix", fence_version=1, occurred_at=NOW, detected_at=NOW, confidence="high", late=False,
        replayed=False, fix_at=NOW, fix_accuracy_m=10, border_m=-500, lon_cell=0, lat_cell=0,
    )  # fmt: skip
    _plant_watch(loop, member, fence)


def _plant_watch(loop: TidyLoop, member: UUID, fence: UUID) -> None:
    """What they saved, an alert to a coupon, and that the fence offers it."""
    coupon = (
        loop.conn.execute(
            sa.select(coupons.c.coupon_id).where(coupons.c.merchant_id == loop.merchant).order_by(coupons.c.coupon_id)
        )
        .scalars()
        .first()
    )
    watch = {"watch": ["new_coupon"]}
    square = sa.text(SQUARE)
    loop.put(
        saved_areas, member_id=member, saved_id="home", name="Home", boundary=square, cities=[loop.city], row_version=1,
        changed_at=NOW, **watch,
    )  # fmt: skip
    loop.put(area_watches, watch_id=loop.new("watch"), member_id=member, saved_id="home", outline=square, **watch)
    loop.put(
        member_alerts, alert_id=loop.new("alert"), member_id=member, kind="new_coupon", coupon_id=coupon,
        merchant_id=loop.merchant, saved_id="home", deliver_at=NOW, digest=0, created_at=NOW,
    )  # fmt: skip
    loop.put(
        geofence_offers, geofence_id=fence, coupon_id=coupon, on_what="entered", created_by="owner:x", created_at=NOW
    )
