"""Adds the demo data once: people, merchants with real places, service areas, coupons of every kind."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Table, insert, select

from app.cities import queries as cities
from app.cities.types import WORLD_CITY_ID, ActiveCity, ActiveDatasets
from app.claims.tables import claims
from app.coupons.search_rows import put_coupon_lanes
from app.coupons.tables import coupon_codes, coupon_scopes, coupon_stock, coupon_versions, coupons
from app.imports.demo import people, terms, words
from app.imports.demo.areas import AREAS, drawn
from app.imports.demo.choosing import DemoMerchant, choose_merchants, region_around
from app.imports.demo.crowd import Crowd, gather
from app.imports.queries import rewrite_coupon_places
from app.imports.seeded_ids import seeded_city_id
from app.members.hashing import client_secret_hash, hash_password, name_login
from app.members.tables import api_clients, credentials, login_names, members, role_grants
from app.merchants.tables import merchant_staff, merchants, place_operators, staff_places
from app.outbox.tables import outbox_events, outbox_positions
from app.service_areas.queries_owned import measure_extents
from app.service_areas.tables import service_area_versions, service_areas

Rows = list[dict[str, Any]]
# In the order of their foreign keys.
TABLES: Final = (
    members, login_names, credentials, role_grants, merchants, merchant_staff, staff_places, place_operators,
    api_clients, service_areas, service_area_versions, coupons, coupon_versions, coupon_scopes, coupon_stock,
    coupon_codes, claims, outbox_events, outbox_positions,
)  # fmt: skip


class Planting:
    """Rows by table, written together at the end."""

    def __init__(self) -> None:
        self._rows: dict[Table, Rows] = {table: [] for table in TABLES}

    def add(self, table: Table, **values: Any) -> None:
        """One more row."""
        self._rows[table].append(values)

    def count(self, table: Table) -> int:
        """Rows of a table so far."""
        return len(self._rows[table])

    def write(self, conn: Connection) -> None:
        """Stores everything."""
        for table in TABLES:
            if self._rows[table]:
                conn.execute(insert(table), self._rows[table])


def put_demo(conn: Connection, number: int, now: datetime, secret_key: str, code_pepper: str) -> dict[str, int] | None:
    """Adds the demo to the loaded territories; None when it is there already. The caller commits.

    Passwords and the partner's secret come from ``secret_key``, see ``people``; codes of claims from both secrets.
    """
    there = select(merchants.c.merchant_id).where(merchants.c.merchant_id == people.MERCHANT_1)
    if conn.execute(there).first() is not None:
        return None
    active = cities.everything_active(conn)
    planting = Planting()
    _plant_people(planting, active, now, secret_key)
    crowd = gather(code_pepper, secret_key, now)
    for member in crowd.members():
        planting.add(members, **member)
    for city in active.cities:
        if city.slug in words.HOUSES and city.places_version is not None and city.currency is not None:
            _plant_city(conn, planting, active, city, random.Random(f"{number}/{city.slug}"), crowd)  # noqa: S311
    planting.write(conn)
    measure_extents(conn)
    for city in active.cities:
        rewrite_coupon_places(conn, city.city_id)
        if city.places_version is not None:
            put_coupon_lanes(conn, city.city_id, city.places_version)
    return {
        str(table.name): planting.count(table)
        for table in (members, merchants, place_operators, service_areas, coupons)
    }


def _plant_people(planting: Planting, active: ActiveDatasets, now: datetime, secret_key: str) -> None:
    for person in people.PEOPLE:
        _plant_member(planting, person.login, person.display_name, person.language, now)
        if person.has_password:
            password = people.demo_password(secret_key, person.login)
            planting.add(credentials, member_id=person.member_id, password_hash=hash_password(password), changed_at=now)
        city = active.by_slug(person.city) if person.city else None
        if person.role == "admin":
            _plant_grant(planting, person.member_id, "admin", WORLD_CITY_ID, now)
        elif person.role == "operator" and city is not None:
            _plant_grant(planting, person.member_id, "operator", city.city_id, now)
    planting.add(
        api_clients,
        client_id=people.PARTNER_CLIENT_ID,
        secret_hash=client_secret_hash(people.partner_secret(secret_key)),
        name=people.PARTNER_NAME,
        scopes=list(people.PARTNER_SCOPES),
        merchant_ids=[people.MERCHANT_1],
        enabled=True,
        created_at=now,
    )


def _plant_grant(planting: Planting, member_id: UUID, role: str, city_id: int, now: datetime) -> None:
    planting.add(role_grants, member_id=member_id, role=role, city_id=city_id, granted_at=now)


def _plant_member(planting: Planting, login: str, display_name: str, language: str, now: datetime) -> UUID:
    member_id = people.member_id(login)
    planting.add(
        members,
        member_id=member_id,
        display_name=display_name,
        language=language,
        state="active",
        marketing_consent_at=None,
        row_version=1,
        created_at=now,
    )
    planting.add(login_names, login_norm=name_login(login), member_id=member_id, created_at=now)
    return member_id


def _plant_city(
    conn: Connection,
    planting: Planting,
    active: ActiveDatasets,
    city: ActiveCity,
    chance: random.Random,
    crowd: Crowd,
) -> None:
    now = crowd.now
    found = choose_merchants(conn, city, (active.world.categories, active.world.brands), chance)
    owners = [_plant_merchant(planting, city, index, merchant, now) for index, merchant in enumerate(found, 1)]
    areas = _plant_areas(planting, city, found, chance, now)
    for draft in terms.DRAFTS:
        index = draft.merchant % len(found)
        merchant = found[index]
        scope = _scope(conn, draft, city, index, merchant, areas)
        if scope:
            _plant_coupon(planting, city, draft, index, merchant, owners[index], scope, crowd)


def _plant_merchant(planting: Planting, city: ActiveCity, number: int, merchant: DemoMerchant, now: datetime) -> UUID:
    """Adds a merchant with its owner, its staff in the first city, and its places; returns the owner."""
    merchant_id = people.merchant_id(city.slug, number)
    planting.add(
        merchants,
        merchant_id=merchant_id,
        names=dict(merchant.names),
        state="active",
        home_city_id=city.city_id,
        created_at=now,
    )
    named = [
        person for person in (*people.OWNERS, people.STAFF) if (person.city, person.merchant_no) == (city.slug, number)
    ]
    owner = next((person.member_id for person in named if person.role == "owner"), None)
    if owner is None:
        name = merchant.names.get("en") or next(iter(merchant.names.values()))
        owner = _plant_member(planting, f"owner-{city.slug}-{number}", f"{name}, owner"[:80], "en", now)
    employed = {"merchant_id": merchant_id, "created_at": now}
    planting.add(merchant_staff, member_id=owner, role="owner", **employed)
    for person in named:
        if person.role == "staff":
            planting.add(merchant_staff, member_id=person.member_id, role="staff", **employed)
            for place in merchant.places[:2]:
                planting.add(staff_places, merchant_id=merchant_id, member_id=person.member_id, place_id=place.place_id)
    for place in merchant.places:
        planting.add(place_operators, city_id=city.city_id, place_id=place.place_id, merchant_id=merchant_id, since=now)
    return owner


def _plant_areas(
    planting: Planting, city: ActiveCity, found: tuple[DemoMerchant, ...], chance: random.Random, now: datetime
) -> dict[int, dict[str, list[UUID]]]:
    """Adds the service areas; returns the published ones by merchant and kind."""
    published: dict[int, dict[str, list[UUID]]] = {}
    languages = ("zh-Hans", "en", city.default_language)
    minor = terms.SCALE.get(str(city.currency), 1) * 100
    for draft in AREAS:
        index = draft.merchant % len(found)
        place = found[index].places[draft.place % len(found[index].places)]
        area_id = seeded_city_id(city.city_id, "service area", draft.key)
        boundary, area_m2 = drawn(draft, place.location, chance)
        planting.add(
            service_areas,
            city_id=city.city_id,
            service_area_id=area_id,
            place_id=place.place_id,
            merchant_id=people.merchant_id(city.slug, index + 1),
            external_id=draft.key,
            kind=draft.kind,
            created_at=now,
        )
        planting.add(
            service_area_versions,
            city_id=city.city_id,
            service_area_id=area_id,
            version=1,
            state=draft.state,
            names=words.in_languages(words.AREA_NAMES[draft.kind], languages),
            boundary=f"SRID=4326;{boundary.wkt}",
            area_m2=area_m2,
            schedule=draft.schedule,
            priority=draft.priority,
            currency=city.currency,
            fee_minor=draft.fee * minor,
            min_order_minor=draft.min_order * minor,
            effective_from=now - timedelta(days=1),
            effective_until=None,
            created_at=now,
        )
        if draft.state == "published":
            published.setdefault(index, {}).setdefault(draft.kind, []).append(area_id)
    return published


def _scope(
    conn: Connection,
    draft: terms.Draft,
    city: ActiveCity,
    index: int,
    merchant: DemoMerchant,
    areas: dict[int, dict[str, list[UUID]]],
) -> list[UUID]:
    """What the terms name: some places of the merchant, its areas of the coupon's kind, or the region around it."""
    if draft.scope == "places":
        # Every third coupon is good at some places only, so that the nearest place needn't be an eligible one.
        some = merchant.places[1::2] if len(draft.key) % 3 == 0 and len(merchant.places) > 2 else merchant.places
        return [place.place_id for place in some]
    if draft.scope == "service_areas":
        return areas.get(index, {}).get(draft.more["fulfilment"], [])
    region = region_around(conn, city, merchant)
    return [] if region is None else [region]


def _plant_coupon(
    planting: Planting,
    city: ActiveCity,
    draft: terms.Draft,
    index: int,
    merchant: DemoMerchant,
    owner: UUID,
    scope: list[UUID],
    crowd: Crowd,
) -> None:
    now = crowd.now
    coupon_id = seeded_city_id(city.city_id, "coupon", draft.key)
    ids = {"city_id": city.city_id, "coupon_id": coupon_id}
    planting.add(
        coupons,
        **ids,
        merchant_id=people.merchant_id(city.slug, index + 1),
        campaign_id=None,
        state=draft.state,
        current_version=1,
        created_at=now,
        published_at=None if draft.state == "draft" else now,
    )
    columns = terms.terms_of(
        draft,
        currency=str(city.currency),
        time_zone=city.time_zone,
        goods=merchant.goods,
        languages=("zh-Hans", "en", city.default_language),
        now=now,
    )
    planting.add(coupon_versions, **ids, version=1, **columns, created_by=owner, created_at=now)
    for scope_id in Counter(scope):
        planting.add(coupon_scopes, **ids, version=1, scope_id=scope_id)
    for bucket, quota, taken in terms.stock_of(draft):
        planting.add(coupon_stock, **ids, bucket=bucket, quota=quota, taken=taken)
    merchant_id = people.merchant_id(city.slug, index + 1)
    if columns["code_source"] == "merchant":
        for code in crowd.brought_codes(city.city_id, coupon_id, merchant_id, draft.quota):
            planting.add(coupon_codes, **code)
    _plant_claims(planting, city, draft, merchant_id, columns, crowd)


def _plant_claims(
    planting: Planting, city: ActiveCity, draft: terms.Draft, merchant_id: UUID, columns: dict[str, Any], crowd: Crowd
) -> None:
    """Claims of what is taken of a free coupon, one a member; their events are numbered, so they stand for the city."""
    coupon_id = seeded_city_id(city.city_id, "coupon", draft.key)
    buckets = [bucket for bucket, _, taken in terms.stock_of(draft) for _ in range(taken)]
    for number, bucket in enumerate(buckets, 1):
        claim = crowd.claim(city.city_id, coupon_id, merchant_id, columns, number, bucket)
        planting.add(claims, **claim)
        planting.add(outbox_events, **crowd.event(claim, number))
    if buckets:
        planting.add(outbox_positions, city_id=city.city_id, position=len(buckets))
