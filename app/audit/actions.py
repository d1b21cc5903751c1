"""One look at a whole database: every invariant whose tables exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from app.audit import queries
from app.audit.rules import DURABILITY, RULES
from app.audit.types import DataRule, RuleResult


def rules_of(conn: Connection) -> tuple[DataRule, ...]:
    """Every rule for this database, those made from its catalogue included."""
    return (*RULES, queries.city_id_rule(conn), *queries.orphan_rules(conn))


def audit_data(
    conn: Connection,
    now: datetime,
    *,
    logins: Sequence[Connection] = (),
    allow_unsafe: bool = False,
    count: bool = False,
    limit: int = 1000,
    only: Sequence[str] = (),
) -> tuple[RuleResult, ...]:
    """What each rule finds in one snapshot; ``logins`` are connections of the other roles, for rules on sessions.

    ``only`` keeps the rules whose names begin so; none keeps all.
    ``allow_unsafe`` leaves out the rule on durable settings, for throw-away clusters. Rules read and never write; the
    caller opens ``conn`` READ ONLY and rolls back.
    """
    results = []
    for rule in rules_of(conn):
        if (allow_unsafe and rule.name == DURABILITY) or (only and not rule.name.startswith(tuple(only))):
            continue
        result = queries.run_rule(conn, rule, now, limit, count=count)
        for other in logins if rule.each_login else ():
            result = _joined(result, queries.run_rule(other, rule, now, limit, count=count))
        results.append(result)
    return tuple(results)


def _joined(one: RuleResult, other: RuleResult) -> RuleResult:
    found = tuple(dict.fromkeys((*one.violations, *other.violations)))
    return replace(one, violations=found, more=one.more or other.more)
