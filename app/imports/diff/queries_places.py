"""Two versions of a city's places side by side: counts, moves, and the things that differ, set by set.

Closed places are not seen by readers and don't count. A place is the same one as long as its id is.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    CTE,
    Boolean,
    ColumnElement,
    Connection,
    Double,
    FromClause,
    Integer,
    Numeric,
    Subquery,
    Text,
    and_,
    case,
    cast,
    func,
    insert,
    literal,
    literal_column,
    null,
    or_,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB, array
from sqlalchemy.types import NullType

from app.core import spatial
from app.imports.diff.tables import dataset_diff_items
from app.imports.diff.types import MAX_ITEMS, MOVED_M, STEPS_M, Item, Moves
from app.places.tables import hours_patterns, place_facts
from geo.units import METRES_PER_DEGREE

COMPARED: Final = (
    "names", "category_id", "alternate_category_ids", "brand_id", "address", "phone", "website", "opening_hours",
    "price_level", "attributes",
)  # fmt: skip
"""What else than name and position a place may have changed in; ``changed_fields`` counts each."""


def _side(city_id: int, version: int, name: str) -> Subquery:
    """The live places of a version, each with its opening hours as text."""
    facts = place_facts
    hours = hours_patterns.alias()
    return (
        select(
            facts.c.place_id,
            type_coerce(facts.c.location, NullType).label("location"),
            spatial.longitude(facts.c.location).label("lon"),
            spatial.latitude(facts.c.location).label("lat"),
            facts.c.name,
            facts.c.names,
            facts.c.category_id,
            facts.c.alternate_category_ids,
            facts.c.brand_id,
            facts.c.address,
            facts.c.phone,
            facts.c.website,
            hours.c.opening_hours,
            facts.c.price_level,
            facts.c.attributes,
            facts.c.source_key,
            literal_column("true", Boolean).label("there"),
        )
        .outerjoin(
            hours,
            and_(
                hours.c.city_id == facts.c.city_id,
                hours.c.version == facts.c.version,
                hours.c.hours_no == facts.c.hours_no,
            ),
        )
        .where(facts.c.city_id == city_id, facts.c.version == version, facts.c.closed.is_(False))
        .subquery(name)
    )


class Pairs:
    """Old and new side by side, joined by id; one row a place that either holds."""

    def __init__(self, city_id: int, version: int, against: int) -> None:
        self.new, self.old = _side(city_id, version, "n"), _side(city_id, against, "o")
        new, old = self.new.c, self.old.c
        self.joined: FromClause = self.new.outerjoin(self.old, new.place_id == old.place_id, full=True)
        self.kept: ColumnElement[bool] = and_(new.there, old.there)
        self.added: ColumnElement[bool] = old.there.is_(None)
        self.removed: ColumnElement[bool] = new.there.is_(None)
        turn = new.lon - old.lon
        self.east_m = (turn - 360.0 * func.round(turn / 360.0)) * func.cos(func.radians(old.lat)) * METRES_PER_DEGREE
        self.north_m = (new.lat - old.lat) * METRES_PER_DEGREE
        still = spatial.same_point(new.location, old.location)
        length = func.sqrt(self.east_m * self.east_m + self.north_m * self.north_m, type_=Double)
        self.distance_m = case((still, 0.0), else_=length)
        self.moved: ColumnElement[bool] = self.distance_m > MOVED_M
        self.renamed: ColumnElement[bool] = new.name != old.name
        self.fields = {name: new[name].is_distinct_from(old[name]) for name in COMPARED}
        self.changed: ColumnElement[bool] = or_(*self.fields.values())


def summary(
    conn: Connection, city_id: int, version: int, against: int, far_m: float, *, keep: bool = False
) -> tuple[dict[str, int], Moves]:
    """Counts by layer and by field, and the moves, in one pass over both versions.

    ``keep`` writes the first things of each layer, by id, into ``dataset_diff_items`` on the way.
    """
    pairs = Pairs(city_id, version, against)
    differing = _differing(pairs)
    found = differing.c
    moved = found.is_moved
    edges = list(zip(STEPS_M, (*STEPS_M[1:], None), strict=True))
    bars = [
        func.count()
        .filter(moved, found.distance_m > low, *([found.distance_m <= high] if high is not None else []))
        .label(f"bar_{index}")
        for index, (low, high) in enumerate(edges)
    ]
    layers = ("added", "removed", "moved", "renamed", "changed")
    statement = select(
        *(func.count().filter(found[f"is_{layer}"]).label(layer) for layer in layers),
        *(func.count().filter(found.is_changed, found[f"is_{name}"]).label(name) for name in COMPARED),
        func.count().filter(moved, found.distance_m > far_m).label("far"),
        *bars,
        func.percentile_cont(0.5).within_group(found.east_m).filter(moved).label("east_m"),
        func.percentile_cont(0.5).within_group(found.north_m).filter(moved).label("north_m"),
        select(func.count())
        .select_from(place_facts)
        .where(place_facts.c.city_id == city_id, place_facts.c.version == version, place_facts.c.closed.is_(False))
        .scalar_subquery()
        .label("after"),
    )
    if keep:
        statement = statement.add_cte(_kept(differing, city_id, version, against).cte("kept"))
    row = conn.execute(statement).one()._mapping
    counts = {name: row[name] for name in (*layers, *COMPARED, "after")}
    counts["kept"] = counts["after"] - counts["added"]
    counts["before"] = counts["kept"] + counts["removed"]
    moves = Moves(
        tuple((low, high, row[f"bar_{index}"]) for index, (low, high) in enumerate(edges)),
        _median(conn, pairs, counts["kept"], counts["moved"]),
        row["east_m"] or 0.0,
        row["north_m"] or 0.0,
        row["far"],
    )
    return counts, moves


def _median(conn: Connection, pairs: Pairs, kept: int, moved: int) -> float:
    """The median move of all that stay: nothing while fewer than half of them moved, so it is seldom asked for."""
    if moved * 2 <= kept:
        return 0.0
    middle = func.percentile_cont(0.5).within_group(pairs.distance_m)
    joined = pairs.new.join(pairs.old, pairs.new.c.place_id == pairs.old.c.place_id)
    return float(conn.execute(select(middle).select_from(joined)).scalar_one() or 0.0)


def _kept(differing: CTE, city_id: int, version: int, against: int) -> Any:
    layers = ("added", "removed", "moved", "renamed", "changed")
    rows = union_all(*(_layer(differing, layer, MAX_ITEMS) for layer in layers)).subquery("rows")
    columns = (rows.c.layer, rows.c.item_no, rows.c.thing_id, rows.c.source_key, rows.c.name, rows.c.lon, rows.c.lat)
    return insert(dataset_diff_items).from_select(
        ["city_id", "kind", "version", "against", *(c.name for c in columns), "more"],
        select(
            literal(city_id, Integer),
            literal("places", Text),
            literal(version, Integer),
            literal(against, Integer),
            *columns,
            rows.c.more,
        ),
    )


def layer_items(conn: Connection, city_id: int, version: int, against: int, layer: str, limit: int) -> tuple[Item, ...]:
    """The first things of one layer, by id, worked out at once."""
    pairs = Pairs(city_id, version, against)
    if layer not in _conditions(pairs):
        return ()
    rows = conn.execute(_layer(_differing(pairs), layer, limit))
    return tuple(Item(layer, row.thing_id, row.source_key, row.name, row.lon, row.lat, row.more) for row in rows)


def first_places(conn: Connection, city_id: int, version: int, limit: int) -> tuple[Item, ...]:
    """The first live places of a version by id, as all of them are new before readers see any."""
    rows = conn.execute(
        select(
            place_facts.c.place_id,
            place_facts.c.source_key,
            place_facts.c.name,
            spatial.longitude(place_facts.c.location).label("lon"),
            spatial.latitude(place_facts.c.location).label("lat"),
        )
        .where(place_facts.c.city_id == city_id, place_facts.c.version == version, place_facts.c.closed.is_(False))
        .order_by(place_facts.c.place_id)
        .limit(limit)
    )
    return tuple(Item("added", row.place_id, row.source_key, row.name, row.lon, row.lat) for row in rows)


def _conditions(pairs: Pairs) -> dict[str, ColumnElement[bool]]:
    return {
        "added": pairs.added,
        "removed": pairs.removed,
        "moved": and_(pairs.kept, pairs.moved),
        "renamed": and_(pairs.kept, pairs.renamed),
        "changed": and_(pairs.kept, pairs.changed),
    }


def _differing(pairs: Pairs) -> CTE:
    """Every place that differs, with a flag and what there is to say for each layer."""
    new, old = pairs.new.c, pairs.old.c
    fields = array([case((differs, literal(name, Text)), else_=null()) for name, differs in pairs.fields.items()])
    nothing = func.jsonb_build_object()
    more = {
        "added": nothing,
        "removed": nothing,
        "moved": func.jsonb_build_object(
            "distance_m", func.round(cast(pairs.distance_m, Numeric), 1), "from_lon", old.lon, "from_lat", old.lat
        ),
        "renamed": func.jsonb_build_object("old_name", old.name),
        "changed": func.jsonb_build_object("fields", func.to_jsonb(func.array_remove(fields, null()))),
    }
    conditions = _conditions(pairs)
    return (
        select(
            func.coalesce(new.place_id, old.place_id).label("thing_id"),
            func.coalesce(new.source_key, old.source_key).label("source_key"),
            func.coalesce(new.name, old.name).label("name"),
            func.coalesce(new.lon, old.lon).label("lon"),
            func.coalesce(new.lat, old.lat).label("lat"),
            pairs.east_m.label("east_m"),
            pairs.north_m.label("north_m"),
            pairs.distance_m.label("distance_m"),
            *(condition.label(f"is_{layer}") for layer, condition in conditions.items()),
            *(condition.label(f"is_{name}") for name, condition in pairs.fields.items()),
            *(case((conditions[layer], said), else_=null()).label(f"more_{layer}") for layer, said in more.items()),
        )
        .select_from(pairs.joined)
        .where(or_(*conditions.values()))
        .cte("differing")
    )


def _layer(differing: CTE, layer: str, limit: int) -> Any:
    chosen = (
        select(differing)
        .where(differing.c[f"is_{layer}"])
        .order_by(differing.c.thing_id)
        .limit(limit)
        .subquery(f"l_{layer}")
    )
    return select(
        literal(layer, Text).label("layer"),
        cast(func.row_number().over(order_by=chosen.c.thing_id), Integer).label("item_no"),
        chosen.c.thing_id,
        chosen.c.source_key,
        chosen.c.name,
        chosen.c.lon,
        chosen.c.lat,
        cast(chosen.c[f"more_{layer}"], JSONB).label("more"),
    )
