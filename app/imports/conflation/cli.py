"""``fujin reviews`` and ``fujin overlays``: what waits for a decision, and corrections that survive loads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import click
import orjson
from sqlalchemy import Connection

from app.cities import queries as cities
from app.cities.types import Territory
from app.core.clock import system_clock
from app.core.ids import city_of
from app.coupons.search_rows import follow_places
from app.imports.conflation.deciding import DECISIONS, Decision, decide, mark_duplicate, unmark_duplicate
from app.imports.conflation.present import overlay_json, reviews_json
from app.imports.console import Console, connected, guarded, import_engine, settings
from app.imports.errors import UnknownTerritory
from app.imports.usage import FujinGroup
from app.places import overlays as corrections
from app.places import queries_overlays, queries_reviews
from app.places.errors import InvalidEdit, UnknownPlace
from app.places.overlay_fields import FIELDS, checked
from app.places.queries_edits import Author
from app.places.tables_overlays import KINDS, REVIEW_STATES, STATES

CONSOLE: Final = UUID(int=0)
BY: Final = "command line"
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for scripts.")
_city = click.option("--city", required=True, help="Slug of the city.")
_limit = click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)


@click.group(cls=FujinGroup)
def reviews() -> None:
    """Look at what waits for a decision about a city's places, and decide."""


@reviews.command("list")
@_city
@click.option("--state", type=click.Choice(REVIEW_STATES), default="open", show_default=True)
@click.option("--kind", type=click.Choice(KINDS), help="Only of this kind.")
@_limit
@_json
@guarded
def list_reviews(city: str, state: str, kind: str | None, limit: int, as_json: bool) -> None:
    """List reviews, the most urgent first."""
    console = Console(as_json)
    with _open(city) as (conn, territory):
        found = queries_reviews.reviews(conn, territory.city_id, state, kind, None, limit)
        for each in reviews_json(conn, territory.city_id, city, found):
            console.result(_sentence(each), each)


@reviews.command("decide")
@click.argument("review_id", type=click.UUID)
@click.argument("decision", type=click.Choice(DECISIONS))
@click.option("--note", help="Why.")
@click.option("--value", help="What a report is accepted with, in JSON, where it isn't what most reported.")
@_json
@guarded
def decide_review(review_id: UUID, decision: str, note: str | None, value: str | None, as_json: bool) -> None:
    """Decide a review; readers see what comes of it at once."""
    given = Decision(decision, note, CONSOLE, BY, None if value is None else _value(value))
    city_id = city_of(review_id)
    with connected(import_engine(settings())) as conn:
        known = queries_reviews.review_by_id(conn, city_id, review_id)
        found = None if known is None else decide(conn, city_id, review_id, given, system_clock())
        if found is None:
            raise UnknownPlace(f"there is no review {review_id}; see fujin reviews list")
        territory = cities.territory_by_id(conn, city_id)
        assert territory is not None
        (told,) = reviews_json(conn, city_id, territory.slug, [found])
        conn.commit()
    Console(as_json).result(_sentence(told), told)


@click.group(cls=FujinGroup)
def overlays() -> None:
    """Look at corrections of a city's places, make one, take one back."""


@overlays.command("list")
@_city
@click.option("--state", type=click.Choice(STATES), default="live", show_default=True)
@click.option("--place", "place_id", type=click.UUID, help="Only of this place.")
@_limit
@_json
@guarded
def list_overlays(city: str, state: str, place_id: UUID | None, limit: int, as_json: bool) -> None:
    """List corrections, newest first."""
    console = Console(as_json)
    with _open(city) as (conn, territory):
        for each in queries_overlays.overlays(conn, territory.city_id, state, place_id, None, limit):
            told = overlay_json(each)
            console.result(_correction(told), told)


@overlays.command("add")
@click.option("--place", "place_id", required=True, type=click.UUID, help="The place's id.")
@click.option("--field", required=True, type=click.Choice(FIELDS))
@click.option("--value", required=True, help='In JSON, as true, null, \'"+49 30 123"\' or \'{"lon": 1, "lat": 2}\'.')
@click.option("--reason", required=True, help="Why.")
@click.option("--evidence", help="Where that can be seen.")
@click.option("--expires-at", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), help="As 2026-12-31T00:00:00+08:00.")
@_json
@guarded
def add_overlay(
    place_id: UUID,
    field: str,
    value: str,
    reason: str,
    evidence: str | None,
    expires_at: datetime | None,
    as_json: bool,
) -> None:
    """Correct one field of a place, for readers at once and for loads to come."""
    now, city_id, wanted = system_clock(), city_of(place_id), _value(value)
    author = Author(CONSOLE, reason, evidence, expires_at)
    with connected(import_engine(settings())) as conn:
        if field == "duplicate_of":
            if expires_at is not None:
                raise InvalidEdit("a merge has no end; leave out --expires-at")
            kept = UUID(checked(field, wanted))
            made = mark_duplicate(conn, city_id, place_id, kept, author, BY, now)
        else:
            made = corrections.correct(conn, city_id, place_id, field, wanted, author, now, follow_places)
        conn.commit()
    told = overlay_json(made)
    Console(as_json).result(_correction(told), told)


@overlays.command("withdraw")
@click.argument("overlay_id", type=click.UUID)
@click.option("--note", help="Why.")
@_json
@guarded
def withdraw_overlay(overlay_id: UUID, note: str | None, as_json: bool) -> None:
    """Take a correction back; readers see at once what the source says."""
    now, city_id = system_clock(), city_of(overlay_id)
    with connected(import_engine(settings())) as conn:
        found = queries_overlays.overlay_by_id(conn, city_id, overlay_id)
        if found is None:
            raise UnknownPlace(f"there is no correction {overlay_id}; see fujin overlays list")
        if found.field == "duplicate_of" and found.state == "live":
            unmark_duplicate(conn, city_id, found, Decision("undo", note, CONSOLE, BY), now)
        else:
            corrections.withdraw(conn, city_id, overlay_id, now, follow_places)
        after = queries_overlays.overlay_by_id(conn, city_id, overlay_id)
        assert after is not None
        conn.commit()
    told = overlay_json(after)
    Console(as_json).result(_correction(told), told)


@contextmanager
def _open(city: str) -> Iterator[tuple[Connection, Territory]]:
    with connected(import_engine(settings())) as conn:
        territory = cities.territory_by_slug(conn, city)
        if territory is None:
            raise UnknownTerritory(f"there is no territory {city}; fujin datasets list shows those with data")
        yield conn, territory


def _value(said: str) -> Any:
    try:
        return orjson.loads(said)
    except orjson.JSONDecodeError:
        raise InvalidEdit(f"--value {said[:80]!r} is no JSON; write a text as '\"text\"'") from None


def _sentence(review: dict[str, Any]) -> str:
    one, other = review["place"]["name"], (review["other"] or {}).get("name")
    about = f"{one} | {other}, score {review['score']}" if other is not None else f"{one}: {review['field']}"
    state = review["decision"] or review["state"]
    can = f"  [{', '.join(review['decisions'])}]" if review["decisions"] else ""
    return f"{review['review_id']}  {review['kind']}  {about}  {state}{can}"


def _correction(overlay: dict[str, Any]) -> str:
    value = orjson.dumps(overlay["value"]).decode()
    what = f"{overlay['field']} = {value[:80]}  {overlay['state']}"
    return f"{overlay['overlay_id']}  place {overlay['place_id']}  {what}  {overlay['reason']}"


commands: tuple[click.Command, ...] = (reviews, overlays)
