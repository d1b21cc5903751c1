"""What the flow elsewhere tells is applied here: each event once, each thing by its highest sequence.

The mirror answers what is asked often and need not be the truth: states in wallets, whose a payment is, what is left
of a coupon. It is fed by webhooks and by the feed alike, in any order and with repeats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.claims.types import RETURNS_STOCK
from app.core.ids import city_of
from app.coupons.tables import coupon_stock
from app.flow.client import intents
from app.flow.client.claims import RESOLVE_CLAIM
from app.flow.tables import flow_feeds, flow_inbox, flow_intents, flow_mirror
from app.outbox.queries import put_job

KINDS: Final = frozenset({"claim", "redemption", "payment", "refund"})


def apply(conn: Connection, events: Sequence[Mapping[str, Any]], now: datetime) -> int:
    """How many of the events were new and changed what is known."""
    changed = 0
    coupons: set[tuple[int, UUID]] = set()
    for event in events:
        if not _first_time(conn, str(event["id"]), now):
            continue
        kind = str(event["type"]).split(".")[1]
        if kind not in KINDS or not _mirrored(conn, kind, event):
            continue
        changed += 1
        if kind == "claim":
            city_id = city_of(UUID(event["subject"]))
            ours = intents.ours_of(conn, city_id, [UUID(event["data"]["coupon_id"])])
            coupons |= {(city_id, coupon_id) for coupon_id in ours.values()}
            _granted_after_all(conn, city_id, event, now)
    for city_id, coupon_id in sorted(coupons):
        _put_stock(conn, city_id, coupon_id)
    return changed


def _first_time(conn: Connection, event_id: str, now: datetime) -> bool:
    added = conn.execute(
        insert(flow_inbox)
        .values(event_id=event_id, received_at=now)
        .on_conflict_do_nothing(index_elements=["event_id"])
    )
    return added.rowcount == 1


def _mirrored(conn: Connection, kind: str, event: Mapping[str, Any]) -> bool:
    """False for an event that a later one of its subject has overtaken."""
    data, subject = event["data"], UUID(event["subject"])
    state = str(data["state"])
    coupon = data.get("coupon_id")
    values = {
        "kind": kind,
        "seq": int(event["sequence"]),
        "state": state,
        "coupon_id": None if coupon is None else UUID(coupon),
        "live": kind == "claim" and state not in RETURNS_STOCK,
        "merchant_id": UUID(data["merchant_id"]),
        "place_id": None if data.get("place_id") is None else UUID(data["place_id"]),
        "data": dict(data),
        "told_at": datetime.fromisoformat(event["time"]),
    }
    fresh = insert(flow_mirror).values(city_id=city_of(subject), subject_id=subject, **values)
    written = conn.execute(
        fresh.on_conflict_do_update(
            constraint="flow_mirror_pk", set_=values, where=flow_mirror.c.seq < fresh.excluded.seq
        )
    )
    return written.rowcount == 1


def _granted_after_all(conn: Connection, city_id: int, event: Mapping[str, Any], now: datetime) -> None:
    """A claim that we took for refused, or did not know of, is there: it is looked at again."""
    reopened = conn.execute(
        update(flow_intents)
        .where(
            flow_intents.c.city_id == city_id,
            flow_intents.c.claim_id == UUID(event["subject"]),
            flow_intents.c.state == "refused",
        )
        .values(state="unknown", refusal=None, resolved_at=None, asked_at=now)
    )
    if reopened.rowcount:
        put_job(conn, city_id, RESOLVE_CLAIM, UUID(event["subject"]), now, now)


def _put_stock(conn: Connection, city_id: int, coupon_id: UUID) -> None:
    """What is taken of a coupon, as searches show it: its live claims at the flow, bucket by bucket."""
    remote = intents.remote_of(conn, city_id, coupon_id)
    if remote is None:
        return
    here = (coupon_stock.c.city_id == city_id, coupon_stock.c.coupon_id == coupon_id)
    buckets = conn.execute(
        select(coupon_stock.c.bucket, coupon_stock.c.quota)
        .where(*here)
        .order_by(coupon_stock.c.bucket)
        .with_for_update()
    ).all()
    left = conn.execute(
        select(func.count()).where(
            flow_mirror.c.city_id == city_id, flow_mirror.c.coupon_id == remote[0], flow_mirror.c.live
        )
    ).scalar_one()
    for bucket in buckets:
        taken = min(left, bucket.quota)
        conn.execute(update(coupon_stock).where(*here, coupon_stock.c.bucket == bucket.bucket).values(taken=taken))
        left -= taken


def mirrored(conn: Connection, subject_id: UUID) -> Any:
    """Kind, state, merchant and place of a thing as they were told last; None when nothing was."""
    return conn.execute(
        select(flow_mirror.c.kind, flow_mirror.c.state, flow_mirror.c.merchant_id, flow_mirror.c.place_id).where(
            flow_mirror.c.city_id == city_of(subject_id), flow_mirror.c.subject_id == subject_id
        )
    ).one_or_none()


# the feed


def read_to(conn: Connection, address: str) -> tuple[str | None, datetime] | None:
    """The cursor of a feed and when it was asked last; the row is locked, so that one worker at a time reads on."""
    row = conn.execute(
        select(flow_feeds.c.read_to, flow_feeds.c.polled_at).where(flow_feeds.c.address == address)
    ).one_or_none()
    return None if row is None else (row.read_to, row.polled_at)


def put_read_to(conn: Connection, address: str, cursor: str | None, now: datetime) -> None:
    """How far a feed was read."""
    values = {"read_to": cursor, "polled_at": now}
    conn.execute(
        insert(flow_feeds)
        .values(address=address, **values)
        .on_conflict_do_update(index_elements=["address"], set_=values)
    )
