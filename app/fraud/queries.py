"""Statements that look for signals, and those about flags; each stays in one city but the list for owners."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, select, text, update
from sqlalchemy.dialects.postgresql import insert

from app.fraud.rules import FAR_M, MOST, RECENT, SOON, WITHIN
from app.fraud.tables import fraud_flags
from app.fraud.types import Finding, Flag, Rule, Use

MOST_FOUND = 1000
_FLAG = tuple(fraud_flags.c[name] for name in Flag.__dataclass_fields__)
_PEOPLE = "r.staff_id NOT LIKE 'partner:%'"  # a partner's client acts for many tills

# Reversals of one account; a reversal counts for who began the redemption.
_REVERSALS = text(f"""
    SELECT r.merchant_id, r.staff_id, NULL::uuid AS about,
           (array_agg(r.place_id ORDER BY r.ended_at DESC))[1] AS place_id,
           count(*) AS n, min(r.ended_at) AS first_at, max(r.ended_at) AS last_at
    FROM redemptions r
    WHERE r.city_id = :city AND r.state = 'reversed' AND r.ended_at > :since AND {_PEOPLE}
    GROUP BY r.merchant_id, r.staff_id
    HAVING count(*) >= :most AND max(r.ended_at) > :recent
    ORDER BY r.merchant_id, r.staff_id LIMIT :limit
""")
# One account that uses codes of the same member again and again.
_SAME_MEMBER = text(f"""
    WITH recent AS (
        SELECT DISTINCT r.merchant_id, r.staff_id, c.member_id
        FROM redemptions r
        JOIN redemption_units u ON u.city_id = :city AND u.redemption_id = r.redemption_id
        JOIN claims c ON c.city_id = :city AND c.claim_id = u.claim_id
        WHERE r.city_id = :city AND r.state = 'committed' AND r.committed_at > :recent AND {_PEOPLE})
    SELECT r.merchant_id, r.staff_id, c.member_id AS about,
           (array_agg(r.place_id ORDER BY r.committed_at DESC))[1] AS place_id,
           count(DISTINCT r.redemption_id) AS n, min(r.committed_at) AS first_at, max(r.committed_at) AS last_at
    FROM recent s
    JOIN claims c ON c.city_id = :city AND c.member_id = s.member_id
    JOIN redemption_units u ON u.city_id = :city AND u.claim_id = c.claim_id AND u.live
    JOIN redemptions r ON r.city_id = :city AND r.redemption_id = u.redemption_id AND r.merchant_id = s.merchant_id
                      AND r.staff_id = s.staff_id AND r.state = 'committed' AND r.committed_at > :since
    GROUP BY r.merchant_id, r.staff_id, c.member_id
    HAVING count(DISTINCT r.redemption_id) >= :most
    ORDER BY r.merchant_id, r.staff_id, c.member_id LIMIT :limit
""")
# A code that was used within seconds of its claim, far from the square in which that was made.
_SOON_AND_FAR = text(f"""
    SELECT r.merchant_id, r.staff_id, r.redemption_id AS about, r.place_id, 1 AS n, r.committed_at AS first_at,
           r.committed_at AS last_at
    FROM redemptions r
    JOIN redemption_units u ON u.city_id = :city AND u.redemption_id = r.redemption_id
    JOIN claims c ON c.city_id = :city AND c.claim_id = u.claim_id
    JOIN claim_verdicts v ON v.city_id = :city AND v.claim_id = c.claim_id AND v.lon_cell IS NOT NULL
                         AND v.place_id IS NULL
    JOIN active_dataset a ON a.city_id = :city AND a.kind = 'places'
    JOIN place_facts p ON p.city_id = :city AND p.version = a.version AND p.place_id = r.place_id
    WHERE r.city_id = :city AND r.state = 'committed' AND r.committed_at > :recent AND {_PEOPLE}
      AND r.committed_at - c.claimed_at < :soon
      AND st_distance(p.location, st_setsrid(st_makepoint((v.lon_cell + 0.5) / 100, (v.lat_cell + 0.5) / 100), 4326)
                                  ::geography, false) - 800 > :far
    GROUP BY r.merchant_id, r.staff_id, r.redemption_id, r.place_id, r.committed_at
    ORDER BY r.redemption_id LIMIT :limit
""")
# What accounts did that were at work lately, with the opening hours of the places.
_USES = text(f"""
    WITH recent AS (SELECT DISTINCT r.merchant_id, r.staff_id FROM redemptions r
        WHERE r.city_id = :city AND r.state = 'committed' AND r.committed_at > :recent AND {_PEOPLE})
    SELECT r.merchant_id, r.staff_id, r.place_id, p.hours_no, r.committed_at
    FROM redemptions r
    JOIN recent s ON s.merchant_id = r.merchant_id AND s.staff_id = r.staff_id
    JOIN active_dataset a ON a.city_id = :city AND a.kind = 'places'
    JOIN place_facts p ON p.city_id = :city AND p.version = a.version AND p.place_id = r.place_id
    WHERE r.city_id = :city AND r.state = 'committed' AND r.committed_at > :since AND p.hours_no IS NOT NULL
    ORDER BY r.committed_at, r.redemption_id LIMIT 10000
""")
BY_SQL: dict[Rule, Any] = {
    "many_reversals": _REVERSALS,
    "same_member": _SAME_MEMBER,
    "soon_and_far": _SOON_AND_FAR,
}


def found(conn: Connection, city_id: int, rule: Rule, now: datetime) -> list[Finding]:
    """What a rule finds among accounts that were at work lately."""
    given = _given(city_id, rule, now) | {"most": MOST[rule], "limit": MOST_FOUND, "soon": SOON, "far": FAR_M}
    return [Finding(rule, *row) for row in conn.execute(BY_SQL[rule], given)]


def uses(conn: Connection, city_id: int, now: datetime) -> list[Use]:
    """Redemptions of such accounts within a day, where the hours of the place are known."""
    return [Use(*row) for row in conn.execute(_USES, _given(city_id, "out_of_hours", now))]


def _given(city_id: int, rule: Rule, now: datetime) -> dict[str, Any]:
    return {"city": city_id, "since": now - WITHIN[rule], "recent": now - RECENT}


def put_flag(conn: Connection, flag: Flag) -> bool:
    """Keeps a flag; False when the day has it already, whose count grows then."""
    values = {name: getattr(flag, name) for name in Flag.__dataclass_fields__}
    if conn.execute(insert(fraud_flags).values(values).on_conflict_do_nothing()).rowcount == 1:
        return True
    conn.execute(
        update(fraud_flags)
        .where(
            fraud_flags.c.city_id == flag.city_id,
            fraud_flags.c.merchant_id == flag.merchant_id,
            fraud_flags.c.staff_id == flag.staff_id,
            fraud_flags.c.rule == flag.rule,
            fraud_flags.c.flagged_on == flag.flagged_on,
            fraud_flags.c.about.is_not_distinct_from(flag.about),
            fraud_flags.c.count < flag.count,
        )
        .values(count=flag.count, last_at=flag.last_at, place_id=flag.place_id)
    )
    return False


def flags(
    conn: Connection, reach: ColumnElement[bool], state: str | None, before: UUID | None, limit: int
) -> Sequence[Flag]:
    """Flags within reach, newest first."""
    wanted = select(*_FLAG).prefix_with("/* cross-city */").where(reach)
    if state is not None:
        wanted = wanted.where(fraud_flags.c.state == state)
    if before is not None:
        wanted = wanted.where(fraud_flags.c.flag_id < before)
    return [Flag(*tuple(row)) for row in conn.execute(wanted.order_by(fraud_flags.c.flag_id.desc()).limit(limit))]


def of_merchants(merchant_ids: Sequence[UUID]) -> ColumnElement[bool]:
    """Flags at some merchants."""
    return fraud_flags.c.merchant_id.in_(list(merchant_ids))


def of_cities(city_ids: Sequence[int]) -> ColumnElement[bool]:
    """Flags in some cities."""
    return fraud_flags.c.city_id.in_(list(city_ids))


def settle_flag(
    conn: Connection, city_id: int, flag_id: UUID, state: str, by: str, note: str | None, now: datetime
) -> Flag | None:
    """Somebody has looked; None when it is settled already or there is none."""
    row = conn.execute(
        update(fraud_flags)
        .where(fraud_flags.c.city_id == city_id, fraud_flags.c.flag_id == flag_id, fraud_flags.c.state == "open")
        .values(state=state, settled_by=by, settled_at=now, note=note)
        .returning(*_FLAG)
    ).one_or_none()
    return None if row is None else Flag(*tuple(row))
