"""Statements about coupons as their merchants run them: the coupon, its draft, its versions, its stock."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, false, func, insert, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.coupons.drafts import COLUMNS, Draft, as_json, of_json
from app.coupons.tables import coupon_drafts, coupon_scopes, coupon_stock, coupon_versions, coupons
from app.coupons.types import Agreement, Bucket, Owned, State

_OWNED = tuple(coupons.c[name] for name in Owned.__dataclass_fields__)
_TERMS = tuple(coupon_versions.c[name] for name in COLUMNS)
_BUCKET = tuple(coupon_stock.c[name] for name in Bucket.__dataclass_fields__)


def reached_by(merchant_ids: Collection[UUID], city_ids: Collection[int], *, sees_all: bool) -> ColumnElement[bool]:
    """Coupons of some merchants, of an operator's cities, or all."""
    if sees_all:
        return true()
    parts = []
    if merchant_ids:
        parts.append(coupons.c.merchant_id.in_(list(merchant_ids)))
    if city_ids:
        parts.append(coupons.c.city_id.in_(list(city_ids)))
    return or_(*parts) if parts else false()


def owned(
    conn: Connection, city_id: int, coupon_id: UUID, reached: ColumnElement[bool], *, lock: bool = False
) -> Owned | None:
    """A coupon that the caller reaches; locked, edits of it take turns."""
    wanted = select(*_OWNED).where(coupons.c.city_id == city_id, coupons.c.coupon_id == coupon_id, reached)
    row = conn.execute(wanted.with_for_update(key_share=True) if lock else wanted).one_or_none()
    return None if row is None else _owned(row)


def of_merchant(
    conn: Connection,
    merchant_id: UUID,
    city_ids: Sequence[int],
    reached: ColumnElement[bool],
    *,
    states: Collection[str] | None,
    before: UUID | None,
    limit: int,
) -> tuple[Owned, ...]:
    """A page of a merchant's coupons in some cities, newest first (ids are made in the order of time)."""
    wanted = select(*_OWNED).where(
        coupons.c.city_id.in_(list(city_ids)), coupons.c.merchant_id == merchant_id, reached, _in_states(states)
    )
    if before is not None:
        wanted = wanted.where(coupons.c.coupon_id < before)
    return tuple(_owned(row) for row in conn.execute(wanted.order_by(coupons.c.coupon_id.desc()).limit(limit)))


def count_of_merchant(
    conn: Connection,
    merchant_id: UUID,
    city_ids: Sequence[int],
    reached: ColumnElement[bool],
    states: Collection[str] | None,
) -> int:
    """How many coupons a merchant has there."""
    return conn.execute(
        select(func.count())
        .select_from(coupons)
        .where(coupons.c.city_id.in_(list(city_ids)), coupons.c.merchant_id == merchant_id, reached, _in_states(states))
    ).scalar_one()


def _in_states(states: Collection[str] | None) -> ColumnElement[bool]:
    return true() if states is None else coupons.c.state.in_(list(states))


def insert_coupon(conn: Connection, city_id: int, coupon_id: UUID, merchant_id: UUID, now: datetime) -> Owned:
    """A coupon that was never published."""
    row = conn.execute(
        insert(coupons)
        .values(city_id=city_id, coupon_id=coupon_id, merchant_id=merchant_id, state="draft", created_at=now)
        .returning(*_OWNED)
    ).one()
    return _owned(row)


def delete_coupon(conn: Connection, city_id: int, coupon_id: UUID) -> None:
    """Removes a coupon that was never published, after its draft and codes."""
    conn.execute(delete(coupons).where(coupons.c.city_id == city_id, coupons.c.coupon_id == coupon_id))


def step(conn: Connection, before: Owned, state: State, *, told: bool, **columns: Any) -> Owned | None:
    """One guarded step: another revision, and another event if it is ``told``; None when the coupon changed."""
    row = conn.execute(
        update(coupons)
        .where(
            coupons.c.city_id == before.city_id,
            coupons.c.coupon_id == before.coupon_id,
            coupons.c.state == before.state,
            coupons.c.revision == before.revision,
        )
        .values(state=state, revision=coupons.c.revision + 1, seq=coupons.c.seq + (1 if told else 0), **columns)
        .returning(*_OWNED)
    ).one_or_none()
    return None if row is None else _owned(row)


def count_event(conn: Connection, before: Owned) -> Owned:
    """One more event of a locked coupon that is no step of its merchant."""
    row = conn.execute(
        update(coupons)
        .where(coupons.c.city_id == before.city_id, coupons.c.coupon_id == before.coupon_id)
        .values(seq=coupons.c.seq + 1)
        .returning(*_OWNED)
    ).one()
    return _owned(row)


# drafts


def draft_of(conn: Connection, city_id: int, coupon_id: UUID) -> tuple[Draft, int, Agreement | None] | None:
    """Terms that wait to be published, the platform's commission on them, and what it agreed to pay of them."""
    row = conn.execute(
        select(
            coupon_drafts.c.terms,
            coupon_drafts.c.commission_bp,
            coupon_drafts.c.agreed_share_bp,
            coupon_drafts.c.agreed_by,
            coupon_drafts.c.agreed_at,
        ).where(coupon_drafts.c.city_id == city_id, coupon_drafts.c.coupon_id == coupon_id)
    ).one_or_none()
    if row is None:
        return None
    agreed = None if row.agreed_at is None else Agreement(row.agreed_share_bp, row.agreed_by, row.agreed_at)
    return of_json(row.terms), row.commission_bp, agreed


def drafted(conn: Connection, city_id: int, coupon_ids: Sequence[UUID]) -> dict[UUID, Draft]:
    """Terms that wait, by coupon; coupons without any are left out."""
    rows = conn.execute(
        select(coupon_drafts.c.coupon_id, coupon_drafts.c.terms).where(
            coupon_drafts.c.city_id == city_id, coupon_drafts.c.coupon_id.in_(list(coupon_ids))
        )
    )
    return {row.coupon_id: of_json(row.terms) for row in rows}


def put_draft(
    conn: Connection,
    city_id: int,
    coupon_id: UUID,
    draft: Draft,
    commission_bp: int,
    agreed: Agreement | None,
    edited_by: UUID,
    now: datetime,
) -> None:
    """Keeps terms until they are published, in place of those before."""
    values = {
        "terms": as_json(draft),
        "commission_bp": commission_bp,
        "agreed_share_bp": agreed.platform_share_bp if agreed else None,
        "agreed_by": agreed.agreed_by if agreed else None,
        "agreed_at": agreed.agreed_at if agreed else None,
        "edited_by": edited_by,
        "edited_at": now,
    }
    fresh = upsert(coupon_drafts).values(city_id=city_id, coupon_id=coupon_id, **values)
    conn.execute(fresh.on_conflict_do_update(index_elements=["city_id", "coupon_id"], set_=values))


def delete_draft(conn: Connection, city_id: int, coupon_id: UUID) -> bool:
    """Removes terms that wait; False when there were none."""
    here = and_(coupon_drafts.c.city_id == city_id, coupon_drafts.c.coupon_id == coupon_id)
    return conn.execute(delete(coupon_drafts).where(here)).rowcount == 1


# versions


def version_of(conn: Connection, city_id: int, coupon_id: UUID, version: int) -> tuple[Draft, int]:
    """A version's terms as a merchant would write them, and the platform's commission; LookupError."""
    found = versions_of(conn, city_id, [(coupon_id, version)])
    return found[coupon_id, version]


def versions_of(
    conn: Connection, city_id: int, keys: Sequence[tuple[UUID, int]]
) -> dict[tuple[UUID, int], tuple[Draft, int]]:
    """Terms and commissions by (coupon, version)."""
    here = or_(
        false(),
        *(and_(coupon_versions.c.coupon_id == key[0], coupon_versions.c.version == key[1]) for key in keys),
    )
    rows = conn.execute(
        select(coupon_versions.c.coupon_id, coupon_versions.c.version, coupon_versions.c.commission_bp, *_TERMS).where(
            coupon_versions.c.city_id == city_id, here
        )
    ).all()
    scopes = _scopes_of(conn, city_id, [(row.coupon_id, row.version) for row in rows])
    found = {}
    for row in rows:
        values = {name: getattr(row, name) for name in COLUMNS}
        values["blackout_dates"] = tuple(values["blackout_dates"])
        key = (row.coupon_id, row.version)
        found[key] = Draft(**values, scope_ids=scopes.get(key, ())), row.commission_bp
    return found


def _scopes_of(
    conn: Connection, city_id: int, keys: Sequence[tuple[UUID, int]]
) -> dict[tuple[UUID, int], tuple[UUID, ...]]:
    here = or_(false(), *(and_(coupon_scopes.c.coupon_id == c, coupon_scopes.c.version == v) for c, v in keys))
    rows = conn.execute(
        select(coupon_scopes.c.coupon_id, coupon_scopes.c.version, coupon_scopes.c.scope_id)
        .where(coupon_scopes.c.city_id == city_id, here)
        .order_by(coupon_scopes.c.scope_id)
    )
    found: dict[tuple[UUID, int], tuple[UUID, ...]] = {}
    for row in rows:
        key = (row.coupon_id, row.version)
        found[key] = (*found.get(key, ()), row.scope_id)
    return found


def last_version(conn: Connection, city_id: int, coupon_id: UUID) -> int:
    """The highest version that a coupon ever had; 0 before the first."""
    found: int | None = conn.execute(
        select(func.max(coupon_versions.c.version)).where(
            coupon_versions.c.city_id == city_id, coupon_versions.c.coupon_id == coupon_id
        )
    ).scalar_one()
    return found or 0


def shared_budgets(conn: Connection, city_id: int, coupon_id: UUID) -> frozenset[int]:
    """The budgets of those versions of which the platform paid a share."""
    rows = conn.execute(
        select(coupon_versions.c.budget_minor)
        .where(
            coupon_versions.c.city_id == city_id,
            coupon_versions.c.coupon_id == coupon_id,
            coupon_versions.c.platform_share_bp > 0,
            coupon_versions.c.budget_minor.is_not(None),
        )
        .distinct()
    )
    return frozenset(rows.scalars())


def insert_version(
    conn: Connection,
    city_id: int,
    coupon_id: UUID,
    version: int,
    draft: Draft,
    commission_bp: int,
    created_by: UUID,
    now: datetime,
) -> None:
    """A version of the terms, which nobody changes any more, with its scope."""
    columns = {name: getattr(draft, name) for name in COLUMNS}
    conn.execute(
        insert(coupon_versions).values(
            city_id=city_id,
            coupon_id=coupon_id,
            version=version,
            commission_bp=commission_bp,
            offline_allowed=False,
            created_by=created_by,
            created_at=now,
            **columns
            | {
                "titles": dict(draft.titles),
                "summaries": dict(draft.summaries),
                "blackout_dates": list(draft.blackout_dates),
            },
        )
    )
    if draft.scope_ids:
        rows = [
            {"city_id": city_id, "coupon_id": coupon_id, "version": version, "scope_id": scope_id}
            for scope_id in draft.scope_ids
        ]
        conn.execute(insert(coupon_scopes), rows)


# stock


def buckets_of(conn: Connection, city_id: int, coupon_id: UUID, *, lock: bool = False) -> tuple[Bucket, ...]:
    """The buckets of a coupon, by number; locked, claims wait before they take anything."""
    wanted = (
        select(*_BUCKET)
        .where(coupon_stock.c.city_id == city_id, coupon_stock.c.coupon_id == coupon_id)
        .order_by(coupon_stock.c.bucket)
    )
    rows = conn.execute(wanted.with_for_update() if lock else wanted)
    return tuple(Bucket(*tuple(row)) for row in rows)


def stocks_of(conn: Connection, city_id: int, coupon_ids: Sequence[UUID]) -> dict[UUID, tuple[int, int]]:
    """(taken, left) by coupon; coupons without stock are left out."""
    rows = conn.execute(
        select(
            coupon_stock.c.coupon_id,
            func.sum(coupon_stock.c.taken).label("taken"),
            func.sum(coupon_stock.c.quota - coupon_stock.c.taken).label("left"),
        )
        .where(coupon_stock.c.city_id == city_id, coupon_stock.c.coupon_id.in_(list(coupon_ids)))
        .group_by(coupon_stock.c.coupon_id)
    )
    return {row.coupon_id: (int(row.taken), int(row.left)) for row in rows}


def put_buckets(
    conn: Connection, city_id: int, coupon_id: UUID, before: Sequence[Bucket], after: Sequence[Bucket]
) -> None:
    """Writes what is otherwise now of locked buckets, and those that are new; what is taken is the claims' to count."""
    known = {each.bucket: each for each in before}
    for each in after:
        if each.bucket not in known:
            conn.execute(
                insert(coupon_stock).values(
                    city_id=city_id,
                    coupon_id=coupon_id,
                    bucket=each.bucket,
                    quota=each.quota,
                    taken=0,
                    version=each.version,
                )
            )
        elif each != known[each.bucket]:
            conn.execute(
                update(coupon_stock)
                .where(
                    coupon_stock.c.city_id == city_id,
                    coupon_stock.c.coupon_id == coupon_id,
                    coupon_stock.c.bucket == each.bucket,
                )
                .values(quota=each.quota, version=each.version)
            )


def _owned(row: Row[Any]) -> Owned:
    return Owned(*tuple(row))
