"""What a rule is and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

Check = Callable[[Connection, int], list[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class SchemaRule:
    """A rule over PostgreSQL's catalogue; ``sql`` selects (thing, detail), one row a violation.

    ``design`` names the rule of the schema's design (R1 to R15, or ``house``) that it holds. The statement may read
    the CTEs of ``schema_lint.PRELUDE``.
    """

    name: str
    design: str
    title: str
    sql: str


@dataclass(frozen=True, slots=True)
class DataRule:
    """An invariant over rows; ``sql`` selects (thing, detail), one row a violation.

    ``needs`` are the relations without which the rule is skipped, ``reads`` a FROM clause whose rows it looks at.
    ``each_login`` runs it once for every database role of the settings, because each sees its own sessions alone.
    ``check`` takes the place of ``sql`` where rows have to be read to decide: it returns so many (thing, detail).
    """

    name: str
    invariant: str
    title: str
    needs: tuple[str, ...]
    reads: str
    sql: str
    each_login: bool = False
    check: Check | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule at one thing."""

    rule: str
    source: str
    thing: str
    detail: str


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What one rule saw: rows read (None when not counted), violations, and whether more than those exist."""

    rule: str
    source: str
    title: str
    rows_read: int | None
    violations: tuple[Violation, ...]
    more: bool = False
    skipped: bool = False
