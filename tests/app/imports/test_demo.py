"""The demo over the real seeds: what is in it, that two seedings agree, and that it stays alive."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from app.cities import queries as cities
from app.cities.types import Origin
from app.claims.codes import code_keys, parse_code
from app.core.ids import city_of
from app.imports import actions, seeding
from app.imports.demo import people
from app.imports.demo.actions import TABLES, put_demo
from app.imports.seeded_ids import seeded_city_id
from app.imports.types import LoadRequest
from app.members.hashing import client_secret_hash, password_matches
from tests.conftest import MakeDatabase

NOW = datetime(2026, 11, 22, 21, 30, tzinfo=UTC)
SECRET = "a-secret-of-this-installation-0123456789"
PEPPER = "a-pepper-of-this-installation-0123456789"


def seed_everything(conn: Connection, number: int = 7) -> dict[str, int] | None:
    seeds = seeding.read_seeds()
    seeding.put_territories(conn, seeds, NOW)
    for entry in seeds:
        for request in entry.loads:
            report = actions.load(conn, request, NOW, make_id=seeded_city_id)
            assert report.outcome == "staged"
            assert report.refused == 0, report.faults
            actions.activate(conn, request.city_id, request.kind, report.version, NOW)
    counts = put_demo(conn, number, NOW, SECRET, PEPPER)
    conn.commit()
    return counts


@pytest.fixture(scope="module")
def demo(make_database: MakeDatabase, migrated_template: str) -> Iterator[Connection]:
    """A database with all seeds and the demo."""
    engine = sa.create_engine(make_database(migrated_template))
    with engine.connect() as conn:
        counts = seed_everything(conn)
        assert counts is not None
        yield conn
    engine.dispose()


def rows(conn: Connection, statement: str, **values: Any) -> list[Any]:
    return list(conn.execute(sa.text(statement), values))


def test_every_territory_of_the_seeds_is_there(demo: Connection) -> None:
    found = {city.slug: city for city in cities.active_datasets(demo)}
    assert set(found) == {"hangzhou", "berlin", "helsinki", "andorra"}
    assert sum(city.row_counts["places"] for city in found.values()) >= 5000
    for city in found.values():
        assert city.places_extent is not None
        assert city.places_extent.contains(city.centre)
        assert {"places", "regions"} <= set(city.versions)
    assert rows(demo, "SELECT max(depth) FROM categories")[0][0] == 3


def test_coupons_of_every_kind_and_state(demo: Connection) -> None:
    for city_id in (2, 3, 4, 5):
        found = rows(
            demo,
            "SELECT c.state, v.* FROM coupons c JOIN coupon_versions v USING (city_id, coupon_id) WHERE city_id = :c",
            c=city_id,
        )
        assert {row.kind for row in found} == {"amount_off", "percent_off", "voucher", "package", "gift"}
        assert {row.state for row in found} == {"draft", "published", "paused", "ended"}
        assert {row.scope_kind for row in found} == {"places", "service_areas", "regions"}
        assert {row.fulfilment for row in found} == {"in_store", "pickup", "delivery", "pre_order"}
        assert {row.stacking for row in found} == {"exclusive", "with_others", "within_group"}
        assert any(row.group_price_minor is not None for row in found)
        assert any(row.use_hours for row in found)
        assert any(row.blackout_dates for row in found)
        assert any(row.claim_within_m for row in found)
        assert any(row.claim_from > NOW for row in found)
        assert any(row.budget_minor and row.platform_share_bp for row in found)
        for row in found:
            assert {"zh-Hans", "en"} <= set(row.titles) & set(row.summaries)
    assert rows(demo, "SELECT count(*) FROM coupons")[0][0] >= 60
    assert rows(demo, "SELECT max(bucket) FROM coupon_stock")[0][0] == 15
    assert rows(demo, "SELECT count(*) FROM coupon_stock WHERE taken = quota")[0][0] == 4
    assert rows(demo, "SELECT sum(quota) FROM coupon_stock GROUP BY coupon_id HAVING count(*) = 16")[0][0] == 1600


def test_every_coupon_can_be_used_somewhere_that_its_merchant_runs(demo: Connection) -> None:
    assert not rows(
        demo,
        "SELECT coupon_id FROM coupons c WHERE NOT EXISTS"
        " (SELECT 1 FROM coupon_places p WHERE (p.city_id, p.coupon_id) = (c.city_id, c.coupon_id))",
    )
    assert not rows(
        demo,
        "SELECT 1 FROM coupon_places p JOIN coupons c USING (city_id, coupon_id) LEFT JOIN place_operators o"
        " ON (o.city_id, o.place_id) = (p.city_id, p.place_id) WHERE o.merchant_id IS DISTINCT FROM c.merchant_id",
    )


def test_windows_begin_and_end_at_local_midnight_and_last_half_a_year(demo: Connection) -> None:
    found = rows(demo, "SELECT claim_from, claim_until, use_from, use_until, time_zone FROM coupon_versions")
    for row in found:
        for instant in row[:4]:
            if instant is not None:
                local = instant.astimezone(ZoneInfo(row.time_zone))
                assert (local.hour, local.minute, local.second) == (0, 0, 0)
    alive = [row for row in found if row.claim_from <= NOW + timedelta(days=180) < row.claim_until]
    assert len(alive) >= 60


def test_service_areas_overlap_have_a_hole_and_one_draft_a_city(demo: Connection) -> None:
    areas = rows(
        demo,
        "SELECT city_id, state, ST_NRings(boundary) AS rings, area_m2, ST_Area(boundary::geography) AS true_m2"
        " FROM service_area_versions",
    )
    assert len(areas) >= 25
    assert sorted(row.city_id for row in areas if row.state == "draft") == [2, 3, 4, 5]
    assert sorted(row.city_id for row in areas if row.rings > 1) == [2, 3, 4, 5]
    assert all(row.area_m2 == pytest.approx(row.true_m2, rel=1e-4) for row in areas)
    overlaps = rows(
        demo,
        "SELECT 1 FROM service_area_versions a JOIN service_area_versions b ON a.city_id = b.city_id"
        " AND a.priority > b.priority AND ST_Intersects(a.boundary, b.boundary)",
    )
    assert overlaps


def test_everyone_the_tour_needs_is_there(demo: Connection) -> None:
    logins = dict(rows(demo, "SELECT login_norm, member_id FROM login_names"))
    for person in people.PEOPLE:
        assert logins[f"name:{person.login}"] == person.member_id
    staff = rows(demo, "SELECT member_id, role FROM merchant_staff WHERE merchant_id = :m", m=people.MERCHANT_1)
    assert set(staff) == {(people.OWNERS[0].member_id, "owner"), (people.STAFF.member_id, "staff")}
    owners = rows(demo, "SELECT member_id FROM merchant_staff WHERE merchant_id = :m", m=people.MERCHANT_2)
    assert owners == [(people.OWNERS[1].member_id,)]
    grants = rows(demo, "SELECT member_id, role, city_id FROM role_grants")
    assert set(grants) == {
        (people.OPERATORS[0].member_id, "operator", 2),
        (people.OPERATORS[1].member_id, "operator", 3),
        (people.ADMIN.member_id, "admin", 1),
    }
    homes = rows(
        demo,
        "SELECT home_city_id FROM merchants WHERE merchant_id IN (:a, :b)",
        a=people.MERCHANT_1,
        b=people.MERCHANT_2,
    )
    assert homes == [(2,), (2,)]
    states = rows(demo, "SELECT DISTINCT state FROM coupons WHERE merchant_id = :m", m=people.MERCHANT_1)
    assert {("draft",), ("published",)} <= set(states)
    places = rows(demo, "SELECT place_id FROM staff_places WHERE merchant_id = :m", m=people.MERCHANT_1)
    assert places
    assert {city_of(row.place_id) for row in places} == {2}


def test_secrets_are_hashed_and_come_from_the_installation(demo: Connection) -> None:
    hashes = dict(rows(demo, "SELECT member_id, password_hash FROM credentials"))
    assert set(hashes) == {person.member_id for person in people.PEOPLE if person.has_password}
    owner = people.OWNERS[0]
    assert hashes[owner.member_id].startswith("$argon2id$")
    assert password_matches(hashes[owner.member_id], people.demo_password(SECRET, "owner1"))
    assert not password_matches(hashes[owner.member_id], people.demo_password(SECRET + "x", "owner1"))
    assert people.demo_password(SECRET, "owner1") != people.demo_password(SECRET, "owner2")
    ((stored, merchants),) = rows(demo, "SELECT secret_hash, merchant_ids FROM api_clients")
    assert bytes(stored) == client_secret_hash(people.partner_secret(SECRET))
    assert merchants == [people.MERCHANT_1]


def test_a_second_seeding_changes_nothing(demo: Connection) -> None:
    before = _dump(demo)
    assert put_demo(demo, 7, NOW + timedelta(days=3), SECRET, PEPPER) is None
    for entry in seeding.read_seeds():
        for request in entry.loads:
            assert actions.load(demo, request, NOW + timedelta(days=3)).outcome == "unchanged"
    assert _dump(demo) == before
    demo.rollback()


def test_two_seedings_agree(demo: Connection, make_database: MakeDatabase, migrated_template: str) -> None:
    engine = sa.create_engine(make_database(migrated_template))
    with engine.connect() as other:
        seed_everything(other)
        assert _dump(other) == _dump(demo)
    engine.dispose()


def _dump(conn: Connection) -> dict[str, list[str]]:
    """Every row of the demo's tables and of the places, salted hashes and sealed codes left out."""
    names = [table.name for table in TABLES if table.name != "credentials"]
    names += ["places", "place_sources", "place_facts", "regions", "region_facts", "coupon_places", "hours_patterns"]
    sealed = dict.fromkeys(("claims", "coupon_codes"), "(to_jsonb(t) - 'code_sealed')::text")
    whole = dict.fromkeys(names, "t::text") | sealed
    return {
        name: sorted(row[0] for row in rows(conn, f"SELECT {words} FROM {name} t")) for name, words in whole.items()
    }


def test_what_is_sold_out_is_held_by_members(demo: Connection) -> None:
    found = rows(
        demo,
        "SELECT c.city_id, s.quota, s.taken, count(DISTINCT c.member_id), count(DISTINCT c.code_key)"
        " FROM claims c JOIN coupon_stock s USING (city_id, coupon_id) WHERE c.state = 'active'"
        " GROUP BY c.city_id, s.quota, s.taken ORDER BY c.city_id",
    )
    assert [tuple(row) for row in found] == [(city_id, 12, 12, 12, 12) for city_id in (2, 3, 4, 5)]
    keys = code_keys(PEPPER, SECRET)
    city_id, claim_id, sealed, code_key = rows(demo, "SELECT city_id, claim_id, code_sealed, code_key FROM claims")[0]
    code = keys.unseal(claim_id, bytes(sealed))
    assert parse_code(code) == code
    assert keys.key_of(city_id, code) == bytes(code_key)


def test_the_example_of_the_page_about_loading_loads_as_pasted(demo: Connection, tmp_path: Path) -> None:
    page = Path(__file__).parents[3] / "docs" / "loading.md"
    path = tmp_path / "new-places.geojson"
    path.write_text(page.read_text().split("```json\n")[1].split("```")[0])
    helsinki = cities.territory_by_slug(demo, "helsinki")
    assert helsinki is not None
    report = actions.load(demo, LoadRequest(helsinki.city_id, "places", path, Origin("x", "x", "x")), NOW)
    change = actions.change_of(demo, helsinki.city_id, "places", report.version, 1)
    demo.rollback()
    assert (report.outcome, report.stored, report.refused, report.remarks) == ("staged", 2, 0, ())
    told = f"{change.new:,} new, {change.kept:,} kept, {change.removed:,} removed"
    assert f"against version 1: {told}" in page.read_text()
