"""Statements about claims that are asked of the flow elsewhere, and about our coupons there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, and_, case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.coupons.tables import coupons
from app.flow.tables import flow_coupons, flow_intents, flow_mirror


@dataclass(frozen=True, slots=True)
class Intent:
    """A claim under an id of ours; ``view`` is what the flow last showed of it, ``told`` the state it last told."""

    city_id: int
    claim_id: UUID
    coupon_id: UUID
    member_id: UUID
    request_no: str
    state: str
    view: Mapping[str, Any] | None
    asked_at: datetime
    told: str | None

    @property
    def claim_state(self) -> str:
        """The claim's state as far as it is known here."""
        return self.told or str((self.view or {}).get("state", "active"))


def _intents() -> Select[Any]:
    columns = (flow_intents.c[name] for name in Intent.__dataclass_fields__ if name != "told")
    here = and_(flow_mirror.c.city_id == flow_intents.c.city_id, flow_mirror.c.subject_id == flow_intents.c.claim_id)
    return select(*columns, flow_mirror.c.state.label("told")).outerjoin(flow_mirror, here)


def begin(conn: Connection, fresh: Intent, now: datetime) -> Intent:
    """The intent of a member's request: a new one, or that of its first try, which is asked again."""
    conn.execute(
        insert(flow_intents)
        .values(
            city_id=fresh.city_id,
            claim_id=fresh.claim_id,
            coupon_id=fresh.coupon_id,
            member_id=fresh.member_id,
            request_no=fresh.request_no,
            state="granting",
            created_at=now,
            asked_at=now,
        )
        .on_conflict_do_update(
            constraint="flow_intents_request_uq",
            set_={
                "asked_at": now,
                "state": case((flow_intents.c.state == "granted", "granted"), else_="granting"),
                "refusal": None,
            },
        )
    )
    row = conn.execute(
        _intents().where(
            flow_intents.c.city_id == fresh.city_id,
            flow_intents.c.member_id == fresh.member_id,
            flow_intents.c.request_no == fresh.request_no,
        )
    ).one()
    return Intent(**row._mapping)


def intent_of(conn: Connection, city_id: int, claim_id: UUID, member_id: UUID | None) -> Intent | None:
    """An intent, of a member where one is named."""
    wanted = _intents().where(flow_intents.c.city_id == city_id, flow_intents.c.claim_id == claim_id)
    if member_id is not None:
        wanted = wanted.where(flow_intents.c.member_id == member_id)
    row = conn.execute(wanted).one_or_none()
    return None if row is None else Intent(**row._mapping)


def granted(conn: Connection, city_id: int, claim_id: UUID, view: Mapping[str, Any], now: datetime) -> None:
    """The claim is there; ``view`` is how the flow shows it."""
    _end(conn, city_id, claim_id, {"state": "granted", "view": dict(view), "refusal": None, "resolved_at": now})


def refused(conn: Connection, city_id: int, claim_id: UUID, code: str, now: datetime) -> None:
    """The flow said no; a claim that is there stays."""
    _end(conn, city_id, claim_id, {"state": "refused", "refusal": code, "resolved_at": now}, unless="granted")


def in_doubt(conn: Connection, city_id: int, claim_id: UUID) -> None:
    """No answer came."""
    _end(conn, city_id, claim_id, {"state": "unknown"}, unless="granted")


def _end(conn: Connection, city_id: int, claim_id: UUID, values: dict[str, Any], unless: str = "") -> None:
    conn.execute(
        update(flow_intents)
        .where(flow_intents.c.city_id == city_id, flow_intents.c.claim_id == claim_id, flow_intents.c.state != unless)
        .values(**values)
    )


def wallet(
    conn: Connection, member_id: UUID, states: Sequence[str] | None, before: UUID | None, limit: int
) -> list[Intent]:
    """A page of a member's granted claims over all cities, newest first."""
    wanted = _of_wallet(_intents(), member_id, states).prefix_with("/* cross-city */")
    if before is not None:
        wanted = wanted.where(flow_intents.c.claim_id < before)
    rows = conn.execute(wanted.order_by(flow_intents.c.claim_id.desc()).limit(limit))
    return [Intent(**row._mapping) for row in rows]


def count_wallet(conn: Connection, member_id: UUID, states: Sequence[str] | None) -> int:
    """How many there are."""
    here = and_(flow_mirror.c.city_id == flow_intents.c.city_id, flow_mirror.c.subject_id == flow_intents.c.claim_id)
    counted = (
        select(func.count()).prefix_with("/* cross-city */").select_from(flow_intents).outerjoin(flow_mirror, here)
    )
    return int(conn.execute(_of_wallet(counted, member_id, states)).scalar_one())


def _of_wallet(wanted: Select[Any], member_id: UUID, states: Sequence[str] | None) -> Select[Any]:
    found = wanted.where(flow_intents.c.member_id == member_id, flow_intents.c.state == "granted")
    if states is None:
        return found
    return found.where(func.coalesce(flow_mirror.c.state, flow_intents.c.view["state"].astext).in_(list(states)))


# our coupons there


def remote_of(conn: Connection, city_id: int, coupon_id: UUID) -> tuple[UUID, int] | None:
    """Id and version of a coupon at the flow."""
    row = conn.execute(
        select(flow_coupons.c.remote_id, flow_coupons.c.version).where(
            flow_coupons.c.city_id == city_id, flow_coupons.c.coupon_id == coupon_id
        )
    ).one_or_none()
    return None if row is None else (row.remote_id, row.version)


def put_remote(
    conn: Connection, city_id: int, coupon_id: UUID, remote_id: UUID, version: int, quota: int | None
) -> None:
    """A coupon stands at the flow under a version; an earlier one that comes late changes nothing."""
    fresh = insert(flow_coupons).values(
        city_id=city_id, coupon_id=coupon_id, remote_id=remote_id, version=version, ended=False, quota=quota
    )
    conn.execute(
        fresh.on_conflict_do_update(
            constraint="flow_coupons_pk",
            set_={"version": version, "quota": quota},
            where=flow_coupons.c.version < version,
        )
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """What a coupon of ours has become since the flow was told of it."""

    city_id: int
    coupon_id: UUID
    ended: bool
    quota: int | None


def unlike(conn: Connection, limit: int) -> list[Standing]:
    """Coupons that ended, or of which more or fewer are given, and the flow does not know."""
    ended = coupons.c.state == "ended"
    rows = conn.execute(
        select(flow_coupons.c.city_id, flow_coupons.c.coupon_id, ended.label("ended"), coupons.c.quota)
        .prefix_with("/* cross-city */")
        .join(
            coupons,
            and_(coupons.c.city_id == flow_coupons.c.city_id, coupons.c.coupon_id == flow_coupons.c.coupon_id),
        )
        .where(
            ~flow_coupons.c.ended,
            or_(ended, and_(coupons.c.quota.is_not(None), coupons.c.quota.is_distinct_from(flow_coupons.c.quota))),
        )
        .order_by(flow_coupons.c.coupon_id)
        .limit(limit)
    )
    return [Standing(**row._mapping) for row in rows]


def put_standing(conn: Connection, told: Standing) -> None:
    """The flow knows it now."""
    conn.execute(
        update(flow_coupons)
        .where(flow_coupons.c.city_id == told.city_id, flow_coupons.c.coupon_id == told.coupon_id)
        .values(ended=told.ended, quota=told.quota)
    )


def ours_of(conn: Connection, city_id: int, remote_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Our ids of coupons by the flow's."""
    rows = conn.execute(
        select(flow_coupons.c.remote_id, flow_coupons.c.coupon_id).where(
            flow_coupons.c.city_id == city_id, flow_coupons.c.remote_id.in_(list(remote_ids))
        )
    )
    return {row.remote_id: row.coupon_id for row in rows}
