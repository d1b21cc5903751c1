"""What readers are told of a city when merges change names of facts, and merges beside the removal of old versions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from app.coupons.search_rows import follow_places
from app.imports import actions, purging
from app.imports.conflation.deciding import decide
from app.imports.types import LoadReport
from app.places import overlays
from tests.app.imports.conflation.test_one_place_once import AUTHOR, by, ids, live, reviews
from tests.app.imports.loadfiles import CITY, LATER, NOW, place

Load = Callable[..., LoadReport]


def counted(town: Connection) -> int:
    """How many places readers are told of."""
    row = "SELECT row_count FROM active_dataset WHERE city_id = 7 AND kind = 'places'"
    return int(town.execute(sa.text(row)).scalar_one())


def over_a_change_of_source(town: Connection, load: Load) -> UUID:
    """The review of a place that has gone and a new one that may be it."""
    load([place("osm:1", name="Blue Moon"), place("x", lon=179.95)], activate=True)
    load([place("ov:1", lat=-17.0008, name="Blue Moon"), place("x", lon=179.95)], activate=True, now=LATER)
    (review,) = reviews(town, "open")
    return UUID(str(review.review_id))


def test_a_place_that_comes_back_under_its_old_name_is_counted(town: Connection, load: Load) -> None:
    review = over_a_change_of_source(town, load)
    overlays.correct(town, CITY, ids(town, 2)["ov:1"], "closed", True, AUTHOR, NOW, follow_places)
    assert counted(town) == len(live(town, 2)) == 1
    decide(town, CITY, review, by("merge"), LATER)
    assert counted(town) == len(live(town, 2)) == 2
    decide(town, CITY, review, by("undo"), LATER)
    assert counted(town) == len(live(town, 2)) == 1


def test_a_merge_is_undone_while_an_old_version_loses_its_rows(town: Connection, owner: Engine, load: Load) -> None:
    review = over_a_change_of_source(town, load)
    decide(town, CITY, review, by("merge"), LATER)
    for number in range(2):
        load([place("ov:1", lat=-17.0008, name="Blue Moon", price_level=number + 1)], activate=True, now=LATER)
    town.commit()
    failed: list[BaseException] = []

    def undo() -> None:
        try:
            with owner.begin() as own:
                decide(own, CITY, review, by("undo"), LATER)
        except BaseException as error:
            failed.append(error)

    with owner.begin() as other:
        assert purging.purge(other, CITY, "places", 2, LATER)
    with owner.begin() as other:
        purging.remove_rows(other, CITY, "places", 2, lambda _: None)
        person = threading.Thread(target=undo)
        person.start()
        person.join(2.0)
    person.join()
    assert failed == []
    assert len(live(town, 4)) == 1
    assert actions.active_number(town, CITY, "places") == 4
