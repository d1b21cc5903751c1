"""Merchants and coupons for a tenth of the synthetic places."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from app.cities.types import Territory
from app.core.ids import CITY_BITS
from app.coupons.tables import coupon_scopes, coupon_stock, coupon_versions, coupons
from app.imports.copying import copy_rows
from app.imports.demo import terms
from app.imports.scale_lines import plain_ids
from app.merchants.tables import merchants, place_operators

WITH_COUPON: Final = 0.1
PLACES_OF_A_MERCHANT: Final = 8
COUPON_TABLES: Final = (coupons, coupon_versions, coupon_scopes, place_operators)
_DRAFTS: Final = tuple(
    draft
    for draft in terms.DRAFTS
    if draft.scope == "places" and draft.state == "published" and draft.key not in ("over-but-published", "sold-out")
)


def put_coupons(
    conn: Connection, territory: Territory, start: int, ids: list[str], chance: np.random.Generator, now: datetime
) -> None:
    """Gives a tenth of a chunk's places merchants of up to eight places, each with two coupons at all of them."""
    run = [UUID(ids[index]) for index in np.flatnonzero(chance.random(len(ids)) < WITH_COUPON)]
    groups = [run[at : at + PLACES_OF_A_MERCHANT] for at in range(0, len(run), PLACES_OF_A_MERCHANT)]
    owners = [UUID(text) for text in plain_ids(chance, len(groups))]
    coupon_ids = [UUID(text) for text in plain_ids(chance, 2 * len(groups), territory.city_id, CITY_BITS)]
    city_id = territory.city_id
    copy_rows(
        conn,
        merchants,
        ("merchant_id", "names", "state", "home_city_id", "created_at"),
        ((owner, {"en": f"Merchant {start + number}"}, "active", city_id, now) for number, owner in enumerate(owners)),
    )
    copy_rows(
        conn,
        place_operators,
        ("city_id", "place_id", "merchant_id", "since"),
        ((city_id, place, owner, now) for owner, group in zip(owners, groups, strict=True) for place in group),
    )
    drafts = [_DRAFTS[index] for index in chance.integers(0, len(_DRAFTS), len(coupon_ids))]
    pairs = list(zip(coupon_ids, drafts, strict=True))
    copy_rows(
        conn,
        coupons,
        ("city_id", "coupon_id", "merchant_id", "state", "current_version", "created_at", "published_at"),
        ((city_id, coupon, owners[n // 2], "published", 1, now, now) for n, (coupon, _) in enumerate(pairs)),
    )
    columns = _term_columns(territory, now)
    copy_rows(conn, coupon_versions, columns, _versions(territory, pairs, owners, columns, now))
    copy_rows(
        conn,
        coupon_scopes,
        ("city_id", "coupon_id", "version", "scope_id"),
        ((city_id, coupon, 1, place) for n, coupon in enumerate(coupon_ids) for place in groups[n // 2]),
    )
    copy_rows(
        conn,
        coupon_stock,
        ("city_id", "coupon_id", "bucket", "quota", "taken"),
        ((city_id, coupon, *stock) for coupon, draft in pairs for stock in terms.stock_of(draft)),
    )


def _terms(territory: Territory, draft: terms.Draft, now: datetime) -> dict[str, Any]:
    return terms.terms_of(
        draft,
        currency=str(territory.currency),
        time_zone=territory.time_zone,
        goods="meals",
        languages=("en",),
        now=now - timedelta(microseconds=now.microsecond),
    )


def _term_columns(territory: Territory, now: datetime) -> tuple[str, ...]:
    names = tuple(sorted(_terms(territory, _DRAFTS[0], now)))
    return ("city_id", "coupon_id", "version", "created_by", "created_at", *names)


def _versions(
    territory: Territory,
    pairs: list[tuple[UUID, terms.Draft]],
    owners: list[UUID],
    columns: tuple[str, ...],
    now: datetime,
) -> Iterator[tuple[Any, ...]]:
    ready = {draft.key: _terms(territory, draft, now) for draft in _DRAFTS}
    for n, (coupon, draft) in enumerate(pairs):
        values = ready[draft.key]
        yield (
            territory.city_id,
            coupon,
            1,
            owners[n // 2],
            now,
            *(values[column] for column in columns[5:]),
        )
