"""Looking for signals in a city: each finding becomes a flag once a day, told in the same transaction."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

from prometheus_client import Counter
from sqlalchemy import Connection

from app.cities.queries import active_version
from app.core.ids import new_city_id
from app.core.sealing import Keyed, derived_key
from app.core.settings import Settings
from app.fraud import queries, rules
from app.fraud.events import flagged_event
from app.fraud.types import Finding, Flag, Use
from app.outbox.queries import append
from app.places.opening_hours import NO_CALENDAR, Calendar, HoursPattern, state_at
from app.places.queries import calendar_in_force, hours_patterns_of

log = logging.getLogger("fujin.fraud")
FLAGS = Counter("fujin_fraud_flags_total", "Signals of abuse by rule", ["rule"])


def look(conn: Connection, city_id: int, settings: Settings, now: datetime) -> int:
    """How many flags are new in a city; accounts that did nothing lately are passed over."""
    findings = [finding for rule in queries.BY_SQL for finding in queries.found(conn, city_id, rule, now)]
    findings += _out_of_hours(conn, city_id, now)
    staff = Keyed(derived_key(settings.code_pepper, "staff"))
    return sum(_flag(conn, city_id, finding, staff, now) for finding in findings)


def _flag(conn: Connection, city_id: int, finding: Finding, staff: Keyed, now: datetime) -> bool:
    flag = Flag(
        city_id=city_id,
        flag_id=new_city_id(city_id),
        rule=finding.rule,
        merchant_id=finding.merchant_id,
        staff_id=finding.staff_id,
        about=finding.about,
        place_id=finding.place_id,
        flagged_on=now.date(),
        count=finding.count,
        first_at=finding.first_at,
        last_at=finding.last_at,
        state="open",
        settled_by=None,
        settled_at=None,
        note=None,
        created_at=now,
    )
    if not queries.put_flag(conn, flag):
        return False
    pseudonym = staff.of(f"{flag.merchant_id}:{flag.staff_id}").hex()[:24]
    append(conn, flagged_event(flag, pseudonym, rules.score(finding), now))
    FLAGS.labels(flag.rule).inc()
    about = {"rule": flag.rule, "city_id": city_id, "flag_id": str(flag.flag_id)}
    log.warning("a signal of abuse", extra=about)
    return True


def _out_of_hours(conn: Connection, city_id: int, now: datetime) -> list[Finding]:
    uses = queries.uses(conn, city_id, now)
    if not uses:
        return []
    active = active_version(conn, city_id, "places")
    patterns = {each.hours_no: each for each in hours_patterns_of(conn, city_id, active.version if active else 0)}
    names = {each.calendar for each in patterns.values() if each.calendar is not None}
    calendars: Mapping[str, Calendar] = {name: calendar_in_force(conn, name) for name in sorted(names)}

    def surely_closed(use: Use) -> bool:
        pattern: HoursPattern | None = patterns.get(use.hours_no)
        if pattern is None:
            return False
        calendar = calendars.get(pattern.calendar or "", NO_CALENDAR)
        return state_at(pattern, calendar, use.committed_at, horizon_days=0)[0] == "closed"

    return rules.out_of_hours(uses, surely_closed)
