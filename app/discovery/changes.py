"""The feed of changes: what a copy of the places and areas lacks, told from where its holder stopped.

A token says of each city which versions the copy holds, and up to which position the edits of that version. When
readers see another version by now, the difference of the two is worked out window by window, in order of ids, with
what was edited in the old one since; then the edits of the new one are told by position. Nothing is stored for it but
the last position of each edited place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import Connection

from app.cities.queries import everything_active
from app.cities.types import ActiveCity, ActiveDatasets
from app.core.errors import Fault, InvalidParameter
from app.core.paging import ExpiredCursor
from app.discovery import queries_changes as queries
from app.discovery.errors import UnknownCity
from app.discovery.search import Reading

Json = dict[str, Any]
KINDS: Final = ("regions", "places")
NIL: Final = UUID(int=0)
MOST_WINDOWS: Final = 10
MOST_CITIES: Final = 60


class StaleCopy(ExpiredCursor):
    """The version that a copy holds is gone: what it lacks can't be told any more."""

    code: ClassVar[str] = "expired-cursor"


@dataclass(frozen=True, slots=True)
class Held:
    """What a copy holds of one kind of a city: a version (0: nothing) and its edits up to a position and an id.

    While ``target`` is set, the difference to that version is being told: ``after`` is how far, ``position`` from where
    on edits of the old version count as differences, and ``target_position`` where the target's edits go on.
    """

    version: int = 0
    position: int = 0
    after: UUID = NIL
    target: int | None = None
    target_position: int = 0

    def packed(self) -> list[Any]:
        """As the token carries it."""
        after = "" if self.after == NIL else self.after.hex
        if self.target is None:
            return [self.version, self.position, after]
        return [self.version, self.position, after, self.target, self.target_position]

    @classmethod
    def unpacked(cls, said: Sequence[Any]) -> Held:
        """Back from the token."""
        version, position, after, *more = said
        target, target_position = more or (None, 0)
        return cls(version, position, UUID(hex=after) if after else NIL, target, target_position)


Copy = dict[int, dict[str, Held]]


def changes(reading: Reading, since: str | None, city: str | None, limit: int) -> Json:
    """The next changes, at most ``limit``, and the token to go on from; ``more`` when asking at once makes sense."""
    active = everything_active(reading.conn)
    cities = _cities(active, city)
    query = {"city": city}
    copy = _unpacked(reading.cursors.decode("changes", query, since, reading.now, parameter="since")) if since else {}
    room, windows, items = limit, MOST_WINDOWS, []
    more = False
    for one in cities:
        for kind in KINDS:
            held = copy.get(one.city_id, {}).get(kind, Held())
            while room and windows:
                told, after, done = _step(reading.conn, one, kind, held, room)
                windows -= 1
                items += [_item(one, kind, each) for each in told]
                room -= len(told)
                held = after
                if done:
                    break
            else:
                more = True
            copy.setdefault(one.city_id, {})[kind] = held
    token = reading.cursors.encode("changes", query, _packed(copy), reading.now, lasting=True)
    return {"items": items, "next_since": token, "more": more}


def _cities(active: ActiveDatasets, city: str | None) -> Sequence[ActiveCity]:
    if city is not None:
        found = active.named(city)
        if found is None:
            raise UnknownCity
        return (found,)
    if len(active.cities) > MOST_CITIES:
        said = f"there are more than {MOST_CITIES} cities; follow them one by one"
        raise InvalidParameter(said, faults=[Fault(said, parameter="city", code="missing-parameter")])
    return active.cities


@dataclass(frozen=True, slots=True)
class _Told:
    thing_id: UUID
    version: int
    row: Any
    moved_to: UUID | None


def _step(conn: Connection, city: ActiveCity, kind: str, held: Held, room: int) -> tuple[list[_Told], Held, bool]:
    """What comes next of one kind of a city, what the copy holds then, and whether that is all for now."""
    seen = city.versions.get(kind, 0)
    if held.target is None and held.version != seen:
        position = queries.position_of(conn, city.city_id) if kind == "places" else 0
        begin = held.position if held.after != NIL else held.position + 1  # cut within a position: it is told again
        held = replace(held, position=begin, target=seen, target_position=position, after=NIL)
    if held.target is None:
        return _edits(conn, city.city_id, kind, held, room)
    for version in (held.version, held.target):
        if version and not queries.still_kept(conn, city.city_id, kind, version):
            raise StaleCopy("the version that your copy holds is gone; drop the copy and begin without since")
    window = queries.differing(conn, kind, city.city_id, held.version, held.target, held.after, held.position, room)
    told = _told(conn, city.city_id, kind, held.target, window.ids)
    if window.last:
        return told, Held(held.target, held.target_position), False
    return told, replace(held, after=window.upto), False


def _edits(conn: Connection, city_id: int, kind: str, held: Held, room: int) -> tuple[list[_Told], Held, bool]:
    if kind != "places" or not held.version:
        return [], held, True
    last = queries.position_of(conn, city_id)
    behind = held.after if held.after != NIL else queries.LAST  # all of the position was told
    found = queries.edited(conn, city_id, held.version, held.position, behind, room)
    told = _told(conn, city_id, kind, held.version, [place_id for _, place_id in found])
    if len(found) < room:
        return told, Held(held.version, max(last, held.position)), True
    position, place_id = found[-1]
    return told, Held(held.version, position, place_id), False


def _told(conn: Connection, city_id: int, kind: str, version: int, ids: Sequence[UUID]) -> list[_Told]:
    rows = queries.stated(conn, kind, city_id, version, ids)
    gone = [thing_id for thing_id in ids if thing_id not in rows]
    moved = queries.moved(conn, city_id, gone) if kind == "places" else {}
    return [_Told(thing_id, version, rows.get(thing_id), moved.get(thing_id)) for thing_id in ids]


def _item(city: ActiveCity, kind: str, told: _Told) -> Json:
    item: Json = {
        "id": str(told.thing_id),
        "op": "delete" if told.row is None else "upsert",
        "type": kind.removesuffix("s"),
        "city": city.slug,
        "city_id": city.city_id,
        "version": told.version,
    }
    if told.row is None:
        return item | ({"moved_to": str(told.moved_to)} if told.moved_to else {})
    return item | {item["type"]: _place(told.row) if kind == "places" else _region(told.row)}


def _place(row: Any) -> Json:
    return {
        "name": row.name,
        "names": row.names,
        "location": {"lon": row.lon, "lat": row.lat},
        "category_id": row.category_id,
        "alternate_category_ids": list(row.alternate_category_ids),
        "brand_id": row.brand_id,
        "address": row.address,
        "phone": row.phone,
        "website": row.website,
        "opening_hours": row.opening_hours,
        "price_level": row.price_level,
        "attributes": row.attributes,
    }


def _region(row: Any) -> Json:
    return {
        "kind": row.kind,
        "admin_level": row.admin_level,
        "region_code": row.region_code,
        "names": row.names,
        "parent_id": None if row.parent_id is None else str(row.parent_id),
        "area_m2": row.area_m2,
        "extend_m": row.extend_m,
        "note": row.note,
        "demo": row.demo,
    }


def _packed(copy: Copy) -> Mapping[str, Any]:
    return {str(city_id): [kinds[kind].packed() for kind in KINDS] for city_id, kinds in copy.items()}


def _unpacked(said: Mapping[str, Any]) -> Copy:
    return {int(city_id): dict(zip(KINDS, map(Held.unpacked, kinds), strict=True)) for city_id, kinds in said.items()}
