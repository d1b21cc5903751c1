"""Places that people opened by hand, over loads, activations, roll-backs and merges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Connection

from app.cities import queries as cities
from app.core.ids import new_city_id
from app.coupons.search_rows import follow_places
from app.imports import actions, search_rows
from app.imports.conflation.deciding import mark_duplicate
from app.imports.types import LoadReport
from app.places import actions as places
from app.places import edits, overlays
from app.places.queries_edits import Author
from geo.coordinates import LonLat
from tests.app.imports.loadfiles import CITY, LATER, NOW, only_row, place, region

Load = Callable[..., LoadReport]
AUTHOR = Author(UUID(int=1), "seen on the spot")
FACTS = """
    SELECT name, closed, phone, opening_hours, ST_X(location::geometry) AS lon
    FROM place_facts LEFT JOIN hours_patterns h USING (city_id, version, hours_no)
    WHERE version = :v AND place_id = :p
"""


def open_place(town: Connection, name: str = "Ours", **more: Any) -> UUID:
    own = new_city_id(CITY)
    given = {"opening_hours": "Mo 10:00-12:00", "phone": "1234"} | more
    opened = edits.Open(own, LonLat(179.91, -17.01), {"local": name}, "cafe", **given)
    places.apply(town, CITY, [opened], AUTHOR, NOW, follow=follow_places)
    return own


def found(town: Connection, version: int) -> set[Any]:
    """Search rows of a version, which are those that would be built anew."""
    rows = sa.text("SELECT place_id, facet, image, hours_no, signature FROM postings WHERE city_id = 7 AND slot = :s")
    made = {tuple(row) for row in town.execute(rows, {"s": version % 4})}
    search_rows.build(town, CITY, version, NOW)
    assert {tuple(row) for row in town.execute(rows, {"s": version % 4})} == made
    return {row[0] for row in made}


def live_count(town: Connection) -> int:
    return int(only_row(town, "SELECT row_count FROM active_dataset WHERE city_id = 7 AND kind = 'places'")[0])


def test_a_place_opened_while_a_version_waits_is_there_when_that_is_shown(town: Connection, load: Load) -> None:
    load([region("r")], "regions", activate=True)
    load([place("a")], activate=True)
    load([place("a", opening_hours="24/7"), place("b")], now=LATER)
    own = open_place(town)
    phone = overlays.correct(town, CITY, own, "phone", "5678", AUTHOR, NOW, follow_places)
    actions.activate(town, CITY, "places", 2, LATER)
    assert tuple(only_row(town, FACTS, v=2, p=own)) == ("Ours", False, "5678", "Mo 10:00-12:00", 179.91)
    assert own in found(town, 2)
    assert live_count(town) == 3
    links = "SELECT count(*) FROM place_regions WHERE places_version = 2 AND regions_version = 1 AND place_id = :p"
    assert only_row(town, links, p=own)[0] == 1
    overlays.withdraw(town, CITY, phone.overlay_id, LATER, follow_places)
    assert only_row(town, FACTS, v=2, p=own).phone == "1234"


def test_a_place_stays_when_the_version_it_was_opened_in_is_taken_back(town: Connection, load: Load) -> None:
    load([place("a")], activate=True)
    load([place("a"), place("b")], activate=True, now=LATER)
    own = open_place(town)
    actions.rollback(town, CITY, "places", LATER)
    assert tuple(only_row(town, FACTS, v=1, p=own)) == ("Ours", False, "1234", "Mo 10:00-12:00", 179.91)
    assert own in found(town, 1)
    assert live_count(town) == 2
    load([place("c")], activate=True, now=LATER)
    assert only_row(town, FACTS, v=3, p=own).name == "Ours"


def test_a_listed_place_is_shown_by_the_opened_one_that_went_into_it(town: Connection, load: Load) -> None:
    """The next file lacks the listed place: what was merged into it stands in, open as it was."""
    load([place("a", name="Blue Moon"), place("b", lon=179.95)], activate=True)
    own = open_place(town, "Blue Moon by hand")
    listed = only_row(town, "SELECT place_id FROM place_facts WHERE source_key = 'a'")[0]
    mark_duplicate(town, CITY, own, listed, AUTHOR, "operator:9", NOW)
    load([place("b", lon=179.95)], activate=True, now=LATER)
    assert tuple(only_row(town, FACTS, v=2, p=listed))[:2] == ("Blue Moon by hand", False)
    assert listed in found(town, 2)
    assert live_count(town) == 2


def test_what_a_file_says_of_a_place_is_shown_though_a_discarded_one_had_left_it_out(
    town: Connection, load: Load
) -> None:
    """What was opened by hand and merged into it stood in for it in the version that nobody saw."""
    load([place("a", name="Blue Moon"), place("b", lon=179.95)], activate=True)
    own = open_place(town, "Blue Moon by hand")
    listed = only_row(town, "SELECT place_id FROM place_facts WHERE source_key = 'a'")[0]
    mark_duplicate(town, CITY, own, listed, AUTHOR, "operator:9", NOW)
    report = load([place("b", lon=179.95)], now=LATER)
    cities.set_state(town, CITY, "places", report.version, state="discarded", only_from=("staged",), purged_at=LATER)
    report = load([place("a", name="Blue Moon", phone="7777"), place("b", lon=179.95)], activate=True, now=LATER)
    rows = town.execute(sa.text("SELECT source_key, phone FROM place_facts WHERE version = :v"), {"v": report.version})
    assert sorted(map(tuple, rows)) == [("a", "7777"), ("b", None), (f"fujin:{own}", "1234")]
    assert live_count(town) == 2
