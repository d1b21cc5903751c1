"""Each invariant names the one violation planted for it; a sound database is silent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from app.audit.actions import audit_data, rules_of
from app.audit.cli import audit
from app.audit.cli_ledger import ledger
from app.audit.queries import run_rule
from app.audit.rules import DURABILITY
from app.audit.types import DataRule
from app.core.clock import system_clock
from app.core.ids import new_city_id, new_id
from app.core.settings import Settings
from tests.app.audit import plants_geofences
from tests.app.audit.plants import BOW_TIE, COMPANIONS, PLANTS
from tests.conftest import NOW, MakeDatabase, as_role
from tests.factories.tidy import HERE, THERE, Tidy, plant_tidy_world

# What a demo has none of before somebody uses it.
UNUSED = {
    *("redemptions", "redemption_units", "payments", "refunds", "provider_events", "accounts", "transfers", "jobs"),
    *("deliveries", "coupon_day_stock", "audit.redemption", "audit.payment", "audit.idempotency"),
    *("settlements", "settlement_lines", "settlement_transfers"),
    *("deal_groups", "group_seats", "claim_verdicts", "fraud_flags"),
    *plants_geofences.UNUSED,
}
# Rules that can't be broken by rows; each has a test of its own below.
BY_THE_SERVER = {DURABILITY, "forgotten-transaction"}


@pytest.fixture(scope="module")
def planted(make_database: MakeDatabase, migrated_template: str) -> Iterator[tuple[sa.Engine, str, Tidy]]:
    """The owner's engine over a small sound world, its URL and its ids; every test rolls back."""
    url = make_database(migrated_template)
    engine = sa.create_engine(url)
    yield engine, url, plant_tidy_world(engine)
    engine.dispose()


def words(tidy: Tidy) -> dict[str, object]:
    """What the plants may name."""
    places = {f"place{number}": place for number, place in enumerate(tidy.places)}
    return places | {
        "coupon": tidy.coupon,
        "region_coupon": tidy.region_coupon,
        "paid_coupon": tidy.paid_coupon,
        "merchant": tidy.merchant,
        "service_area": tidy.service_area,
        "member": tidy.member,
        "far_place": tidy.far_place,
        "stranger": new_id(),
        "new_here": new_city_id(HERE),
        "new_there": new_city_id(THERE),
        "here": HERE,
        "there": THERE,
        "now": NOW.isoformat(),
        "bow_tie": BOW_TIE,
        **tidy.loop,
    }


def broken(conn: sa.Connection) -> dict[str, int]:
    """Rules that found something, and how much."""
    results = audit_data(conn, NOW, allow_unsafe=True)
    return {result.rule: len(result.violations) for result in results if result.violations}


def prepared(conn: sa.Connection) -> list[str | DataRule]:
    """Names of prepared statements, and the rules that aren't one, for the schema as it is migrated.

    Planning costs most, and each plant is held against every rule; statements stay with their connection.
    """
    if "rules" not in conn.info:
        conn.info["rules"] = kept = []
        conn.exec_driver_sql("SET plan_cache_mode = force_generic_plan")
        for rule in rules_of(conn):
            if rule.name == DURABILITY:
                continue
            if rule.check is None:
                sql = rule.sql.replace(":now", "$1").replace("\\:", ":").replace("%", "%%")
                conn.exec_driver_sql(
                    f'PREPARE "{rule.name}" (timestamptz) AS SELECT * FROM ({sql}) AS found LIMIT 1000'
                )
            kept.append(rule.name if rule.check is None else rule)
        conn.commit()
    return list(conn.info["rules"])


def broken_of(conn: sa.Connection, rules: list[str | DataRule]) -> dict[str, int]:
    """Which of the prepared rules find something, and how much."""
    found = {}
    for rule in rules:
        if isinstance(rule, str):
            found[rule] = len(conn.exec_driver_sql(f'EXECUTE "{rule}" (%s)', (NOW,)).all())
        else:
            found[rule.name] = len(run_rule(conn, rule, NOW, 1000, count=False).violations)
    return {name: count for name, count in found.items() if count}


def test_sound_world_is_silent_and_every_rule_read_rows(planted: tuple[sa.Engine, str, Tidy]) -> None:
    engine, _, _ = planted
    with engine.connect() as conn:
        results = audit_data(conn, NOW, count=True)
        found = [v for result in results for v in result.violations if v.rule != DURABILITY]
        assert found == []
        unread = {result.rule for result in results if not result.rows_read}
    assert unread == {"brand-known"}  # no place of the world has a brand


@pytest.mark.parametrize("rule", sorted(PLANTS))
def test_rule_names_its_planted_violation(planted: tuple[sa.Engine, str, Tidy], rule: str) -> None:
    engine, _, tidy = planted
    with engine.connect() as conn:
        rules = prepared(conn)
        for statement in PLANTS[rule].format(**words(tidy)).split("; "):
            conn.exec_driver_sql(statement)
        found = broken_of(conn, rules)
    assert found == {rule: 1} | COMPANIONS.get(rule, {})


def test_every_rule_has_a_plant(planted: tuple[sa.Engine, str, Tidy]) -> None:
    engine, _, _ = planted
    with engine.connect() as conn:
        names = [rule.name for rule in rules_of(conn)]
    assert len(names) == len(set(names))
    assert set(names) == set(PLANTS) | BY_THE_SERVER


def test_new_local_only_foreign_key_is_covered_by_itself(planted: tuple[sa.Engine, str, Tidy]) -> None:
    engine, _, _ = planted
    with engine.connect() as conn:
        conn.exec_driver_sql(
            "ALTER TABLE coupons ADD CONSTRAINT coupons_campaign_fk FOREIGN KEY (campaign_id)"
            " REFERENCES members (member_id) ON DELETE RESTRICT NOT VALID"
        )
        conn.exec_driver_sql("COMMENT ON CONSTRAINT coupons_campaign_fk ON coupons IS '[local_only]'")
        assert "orphan-coupons_campaign_fk" in {rule.name for rule in rules_of(conn)}
        assert broken(conn) == {}


def test_id_of_another_version_is_named(planted: tuple[sa.Engine, str, Tidy]) -> None:
    engine, _, _ = planted
    version_7 = str(new_city_id(HERE))
    version_4 = f"{version_7[:14]}4{version_7[15:]}"
    with engine.connect() as conn:
        conn.execute(sa.text("INSERT INTO regions VALUES (:c, :id, :now)"), {"c": HERE, "id": version_4, "now": NOW})
        assert broken(conn) == {"id-names-city": 1}


def test_setting_that_loses_acknowledged_work_is_named(planted: tuple[sa.Engine, str, Tidy]) -> None:
    engine, _, _ = planted
    with engine.connect() as conn:
        conn.exec_driver_sql("SET LOCAL synchronous_commit = off")
        (found,) = audit_data(conn, NOW, only=[DURABILITY])
    assert "synchronous_commit is off: acknowledged work can be lost" in {v.detail for v in found.violations}


def test_role_that_loses_acknowledged_work_is_named(planted: tuple[sa.Engine, str, Tidy]) -> None:
    engine, _, _ = planted
    with engine.connect() as conn:
        name = conn.exec_driver_sql("SELECT current_database()").scalar_one()
        conn.exec_driver_sql(f'ALTER ROLE CURRENT_USER IN DATABASE "{name}" SET synchronous_commit = off')
        (found,) = audit_data(conn, NOW, only=[DURABILITY])
    assert "role fujin_owner" in {v.thing for v in found.violations}


def test_stuck_key_is_left_in_peace_for_five_minutes(planted: tuple[sa.Engine, str, Tidy]) -> None:
    engine, _, _ = planted
    with engine.connect() as conn:
        conn.execute(sa.text("UPDATE idempotency_keys SET locked_until = :now"), {"now": NOW})
        results = audit_data(conn, NOW + timedelta(minutes=5), allow_unsafe=True)
        assert not [v for result in results for v in result.violations]
        results = audit_data(conn, NOW + timedelta(minutes=5, seconds=1), allow_unsafe=True)
        assert [v.rule for result in results for v in result.violations] == ["stuck-key"]


def test_forgotten_transaction_of_another_role_is_named(planted: tuple[sa.Engine, str, Tidy]) -> None:
    """The clock is moved on, so that nobody has to wait; the owner alone would not see the other role's session."""
    engine, url, _ = planted
    other = sa.create_engine(as_role(url, "fujin_app"))
    with engine.connect() as conn, other.connect() as forgotten, other.connect() as login:
        pid = forgotten.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        before = audit_data(conn, system_clock() + timedelta(seconds=30), logins=[login], allow_unsafe=True)
        after = audit_data(conn, system_clock() + timedelta(seconds=62), logins=[login], allow_unsafe=True)
    other.dispose()
    assert not [v for result in before for v in result.violations if v.rule == "forgotten-transaction"]
    named = {v.thing for result in after for v in result.violations if v.rule == "forgotten-transaction"}
    assert named == {f"session {pid} of fujin_app"}


def test_event_that_is_done_before_it_was_sent_is_named(planted: tuple[sa.Engine, str, Tidy]) -> None:
    engine, _, tidy = planted
    done = sa.text("UPDATE outbox_events SET done_at = :now WHERE event_id IN (:sent, :unsent)")
    with engine.connect() as conn:
        conn.execute(done, {"now": NOW, "sent": tidy.loop["event1"], "unsent": tidy.loop["event2"]})
        (found,) = audit_data(conn, NOW, only=["done-is-delivered"])
    assert [v.thing for v in found.violations] == [f"event {tidy.loop['event2']} of city {HERE}"]


def test_missing_tables_skip_their_rules(planted: tuple[sa.Engine, str, Tidy]) -> None:
    engine, _, _ = planted
    with engine.connect() as conn:
        conn.exec_driver_sql("DROP TABLE api_clients")
        skipped = {result.rule for result in audit_data(conn, NOW) if result.skipped}
    assert skipped == {"client-merchant-known"}


@pytest.fixture
def environment(
    planted: tuple[sa.Engine, str, Tidy], settings_for: Callable[[str], Settings], monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The environment of a command over the planted world, at the world's time."""
    monkeypatch.setattr("app.audit.cli.system_clock", lambda: NOW)
    settings = settings_for(planted[1])
    return {
        "DATABASE_URL": settings.database_url,
        "DATABASE_OWNER_URL": settings.database_owner_url or "",
        "DATABASE_READ_URL": settings.database_read_url or "",
        "DATABASE_IMPORT_URL": settings.database_import_url or "",
        "FUJIN_SECRET_KEY": settings.secret_key,
        "FUJIN_CODE_PEPPER": settings.code_pepper,
    }


def test_command_ends_well_over_a_sound_database(environment: dict[str, str]) -> None:
    done = CliRunner().invoke(audit, ["--allow-unsafe"], env=environment)
    assert (done.exit_code, done.output.count("\n")) == (0, 1)
    assert done.output.endswith(" rules, 0 violations\n")
    assert CliRunner().invoke(audit, ["--schema"], env=environment).exit_code == 0


def test_command_prints_a_line_a_violation_and_ends_with_1(
    planted: tuple[sa.Engine, str, Tidy], environment: dict[str, str]
) -> None:
    engine, _, tidy = planted
    stock = sa.text("UPDATE coupon_stock SET quota = :quota WHERE coupon_id = :coupon")
    with engine.begin() as conn:
        conn.execute(stock, {"quota": 9, "coupon": tidy.coupon})
    try:
        done = CliRunner().invoke(audit, ["--allow-unsafe"], env=environment)
        lines = (
            CliRunner().invoke(audit, ["--allow-unsafe", "--json", "--verbose"], env=environment).output.splitlines()
        )
    finally:
        with engine.begin() as conn:
            conn.execute(stock, {"quota": 10, "coupon": tidy.coupon})
    named = f"coupon {tidy.coupon} of city {HERE}"
    detail = "its buckets hold 9, its quota is 10"
    assert done.exit_code == 1
    assert done.output.splitlines()[0] == f"stock-equals-quota (I01): {named}: {detail}"
    answers = [json.loads(line) for line in lines]
    assert {"rule": "stock-equals-quota", "source": "I01", "thing": named, "detail": detail} in answers
    assert {"rule": "stock-equals-quota", "state": "broken", "rows_read": 5, "more": False} in answers
    assert answers[-1]["violations"] == 1


def test_command_shows_what_each_rule_read(environment: dict[str, str]) -> None:
    done = CliRunner().invoke(audit, ["--allow-unsafe", "--verbose"], env=environment)
    assert "ok place-point (I27): every place's point is in range: holds, 5 rows read" in done.output.splitlines()


def test_command_looks_at_the_rules_that_it_is_asked_for(environment: dict[str, str]) -> None:
    done = CliRunner().invoke(audit, ["--allow-unsafe", "--rule", "place-point", "--rule", "brand-kn"], env=environment)
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "2 rules, 0 violations")
    done = CliRunner().invoke(audit, ["--allow-unsafe", "--rule", "place-pint"], env=environment)
    assert done.exit_code == 1
    assert "no rule is called place-pint" in done.output


def test_limit_says_that_there_is_more(planted: tuple[sa.Engine, str, Tidy]) -> None:
    engine, _, _ = planted
    with engine.connect() as conn:
        conn.exec_driver_sql("UPDATE place_facts SET category_id = 'moon_base'")
        results = {result.rule: result for result in audit_data(conn, NOW, limit=3)}
    assert len(results["category-known"].violations) == 3
    assert results["category-known"].more


def test_unreachable_database_ends_with_2(environment: dict[str, str]) -> None:
    nowhere = as_role(environment["DATABASE_OWNER_URL"], "nobody_of_that_name")
    done = CliRunner().invoke(audit, [], env=environment | {"DATABASE_OWNER_URL": nowhere})
    assert done.exit_code == 2
    assert "the database refused" in done.output


def test_seeded_demo_breaks_no_rule_and_every_rule_read_rows(seeded_settings: Settings) -> None:
    engine = sa.create_engine(seeded_settings.database_owner_url or seeded_settings.database_url)
    with engine.connect() as conn:
        results = audit_data(conn, system_clock(), allow_unsafe=True, count=True)
        unused = {rule.name for rule in rules_of(conn) if UNUSED & set(rule.needs)}
    engine.dispose()
    assert [v for result in results for v in result.violations] == []
    assert {result.rule for result in results if not result.rows_read} <= unused


def test_ledger_check_is_silent_over_a_sound_ledger_and_names_each_difference(
    planted: tuple[sa.Engine, str, Tidy], environment: dict[str, str]
) -> None:
    engine, _, tidy = planted
    done = CliRunner().invoke(ledger, ["check"], env=environment)
    stored = len(engine_rows(engine, "SELECT transfer_id FROM transfers"))
    assert stored > 20
    assert (done.exit_code, done.output) == (0, f"{stored} transfers, 0 differences\n")
    unit, payment = tidy.loop["committed_unit"], tidy.loop["till_payment"]
    change = "UPDATE transfers SET {} WHERE ref_id = '{}' AND kind = '{}'"
    with engine.begin() as conn:
        conn.exec_driver_sql(change.format("amount_minor = 99", unit, "commission"))
        conn.exec_driver_sql(change.format("kind = 'undo_capture'", payment, "capture"))
    try:
        done = CliRunner().invoke(ledger, ["check"], env=environment)
        limited = CliRunner().invoke(ledger, ["check", "--json", "--limit", "1"], env=environment)
    finally:
        with engine.begin() as conn:
            conn.exec_driver_sql(change.format("amount_minor = 100", unit, "commission"))
            conn.exec_driver_sql(change.format("kind = 'capture'", payment, "undo_capture"))
    assert done.exit_code == limited.exit_code == 1
    assert done.output.splitlines() == [
        f"city {HERE}: capture of payment {payment}: missing: 10000 CNY provider_clearing to merchant_payable",
        f"city {HERE}: undo_capture of payment {payment}: extra: 10000 CNY provider_clearing to merchant_payable",
        f"city {HERE}: commission of redemption_unit {unit}: stored as 99 CNY merchant_payable to platform_revenue,"
        " should be 100 CNY merchant_payable to platform_revenue",
        f"{stored} transfers, 3 differences",
    ]
    assert json.loads(limited.output.splitlines()[-1]) == {"transfers": stored, "differences": 1, "more": True}


def test_transfer_between_the_accounts_of_another_owner_is_named(planted: tuple[sa.Engine, str, Tidy]) -> None:
    engine, _, _ = planted
    with engine.connect() as conn:
        conn.exec_driver_sql(f"UPDATE accounts SET owner_id = '{new_id()}' WHERE kind = 'merchant_payable'")
        (found,) = audit_data(conn, NOW, only=["ledger-derived"])
    assert found.violations
    assert all("stored for the owners" in violation.detail for violation in found.violations)


def test_budget_that_was_never_funded_or_in_another_amount_is_named(planted: tuple[sa.Engine, str, Tidy]) -> None:
    engine, _, tidy = planted
    with engine.connect() as conn:
        conn.exec_driver_sql("UPDATE transfers SET amount_minor = amount_minor + 1 WHERE kind = 'promo_fund'")
        (found,) = audit_data(conn, NOW, only=["ledger-derived"])
    thing = f"promo_fund of coupon {tidy.paid_coupon} of city {HERE}"
    assert [violation.thing for violation in found.violations] == [thing]


def test_ledger_balances_are_shown_by_city_and_sum_to_0(environment: dict[str, str]) -> None:
    done = CliRunner().invoke(ledger, ["balances"], env=environment)
    lines = done.output.splitlines()
    assert done.exit_code == 0
    assert "here CNY promo_funding -100000" in lines
    assert "here CNY promo_used +500" in lines
    assert lines[-1] == "here CNY sum +0"
    (found,) = CliRunner().invoke(ledger, ["balances", "--json", "--city", "here"], env=environment).output.splitlines()
    assert json.loads(found)["balances"]["promo_available"] == 99_500
    assert CliRunner().invoke(ledger, ["balances", "--city", "atlantis"], env=environment).exit_code == 1


def engine_rows(engine: sa.Engine, statement: str) -> list[sa.Row[tuple[object, ...]]]:
    """Rows of a plain query."""
    with engine.connect() as conn:
        return list(conn.exec_driver_sql(statement).all())
