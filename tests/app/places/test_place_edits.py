"""An edit is there for readers with its commit: facts, corrections, search rows, the city's box."""

from __future__ import annotations

import threading

import pytest

from app.core.ids import new_city_id
from app.imports import actions as loads
from app.places import edits
from app.places.errors import InvalidEdit, NoPlacesThere, UnknownPlace
from geo.coordinates import LonLat
from geo.grid_shift import Datum
from tests.app.places.conftest import AUTHOR, CITY, Edited
from tests.factories.worlds import NOW


def epoch(edited: Edited) -> int:
    return int(edited.one("SELECT epoch FROM dataset_epoch")[0])


def overrides(edited: Edited, place_id: object) -> dict[str, object]:
    rows = edited.world.rows(
        "SELECT field, value FROM place_overlays WHERE place_id = :p AND state = 'live'", p=place_id
    )
    return {row.field: row.value for row in rows}


def test_moved_place_is_found_there_and_no_longer_here(edited: Edited) -> None:
    place, before = edited.ids[0], epoch(edited)
    assert edited.edit(edits.Move(place, LonLat(10.50000004, 50.2))).changed == (place,)
    assert str(place) not in edited.near(10, 50)
    assert edited.near(10.5, 50.2) == [str(place)]
    assert edited.near(10.5, 50.2, category="food") == [str(place)]
    row = edited.one(
        "SELECT ST_X(location::geometry) AS x, source_lon, source_lat, source_datum FROM place_facts"
        " WHERE place_id = :p",
        p=place,
    )
    assert tuple(row) == (10.5, 10.50000004, 50.2, "wgs84")
    box = edited.one(
        "SELECT extent_west, extent_south, extent_east, extent_north FROM active_dataset WHERE city_id = 2"
    )
    assert tuple(box) == (10.0, 50.0, 10.5, 50.2)
    assert epoch(edited) == before + 1
    assert edited.rows_are_those_of_a_rebuild()


def test_move_inside_the_box_tells_nobody(edited: Edited) -> None:
    before = epoch(edited)
    edited.edit(edits.Move(edited.ids[0], LonLat(10.0015, 50.0)))
    assert epoch(edited) == before


def test_position_in_another_datum_is_kept_as_it_was_written(edited: Edited) -> None:
    edited.edit(edits.Move(edited.ids[0], LonLat(120.2, 30.3), Datum.GCJ02))
    row = edited.one(
        "SELECT source_lon, source_lat, source_datum, ST_X(location::geometry) AS x FROM place_facts"
        " WHERE place_id = :p",
        p=edited.ids[0],
    )
    assert tuple(row)[:3] == (120.2, 30.3, "gcj02")
    assert 0.003 < 120.2 - row.x < 0.006  # the shift of Hangzhou


def test_place_of_a_coupon_takes_its_lanes_along(edited: Edited) -> None:
    (coupon,) = edited.near(10, 50, "coupons")
    edited.edit(edits.Move(edited.ids[1], LonLat(10.5, 50.2)))
    assert edited.near(10, 50, "coupons") == []
    assert edited.near(10.5, 50.2, "coupons") == [coupon]
    assert edited.near(10.5, 50.2, has_coupon="true") == [str(edited.ids[1])]
    assert edited.rows_are_those_of_a_rebuild()


def test_closed_place_is_in_no_search_until_it_is_reopened(edited: Edited) -> None:
    place = edited.ids[1]
    edited.edit(edits.Close(place))
    assert edited.near(10, 50) == [str(edited.ids[0]), str(edited.ids[2])]
    assert edited.near(10, 50, "coupons") == []
    assert overrides(edited, place) == {"closed": True}
    assert edited.one("SELECT row_count FROM active_dataset WHERE city_id = 2")[0] == 2
    edited.edit(edits.Reopen(place))
    assert str(place) in edited.near(10, 50, has_coupon="true")
    assert len(edited.near(10, 50, "coupons")) == 1
    assert overrides(edited, place) == {"closed": False}
    assert edited.one("SELECT row_count FROM active_dataset WHERE city_id = 2")[0] == 3
    assert edited.rows_are_those_of_a_rebuild()


def test_changed_facts_are_searched_by_at_once(edited: Edited) -> None:
    place = edited.ids[0]
    edited.edit(
        edits.Change(
            place,
            names={"local": "Silver Fish", "en": "Silver Fish"},
            category_id="cafe",
            alternate_category_ids=("bookshop",),
            price_level=4,
            attributes={"takeaway": True},
            phone="+49 1",
        )
    )
    assert edited.near(10, 50, q="silver") == [str(place)]
    assert edited.near(10, 50, q="moon") == []
    assert edited.near(10, 50, category="hotpot") == []
    assert edited.near(10, 50, category="cafe") == [str(place), str(edited.ids[1])]
    assert edited.near(10, 50, category="shop") == [str(place), str(edited.ids[2])]
    assert edited.near(10, 50, price_min=4) == [str(place)]
    assert overrides(edited, place) == {
        "names": {"local": "Silver Fish", "en": "Silver Fish"},
        "category_id": "cafe",
        "alternate_category_ids": ["bookshop"],
        "price_level": 4,
        "attributes": {"takeaway": True},
        "phone": "+49 1",
    }
    assert edited.rows_are_those_of_a_rebuild()
    edited.edit(edits.Change(place, price_level=None, phone=None))
    assert edited.near(10, 50, price_min=1) == []
    assert overrides(edited, place)["phone"] is None


def test_new_hours_get_a_number_and_are_told_to_readers(edited: Edited) -> None:
    before = epoch(edited)
    assert edited.near(10, 50, open_now="true") == [str(edited.ids[0]), str(edited.ids[2])]  # Sunday, 10:30 in Berlin
    edited.edit(edits.ChangeHours(edited.ids[0], "Mo-Sa 08:00-20:00"))
    assert edited.near(10, 50, open_now="true") == [str(edited.ids[2])]
    assert epoch(edited) == before + 1
    edited.edit(edits.ChangeHours(edited.ids[1], "Mo-Su 10:00-22:00"), edits.ChangeHours(edited.ids[2], None))
    assert edited.near(10, 50, open_now="true") == [str(edited.ids[1])]
    assert epoch(edited) == before + 1
    numbers = edited.world.rows("SELECT hours_no, opening_hours, time_zone, parsed FROM hours_patterns ORDER BY 1")
    assert [tuple(row) for row in numbers] == [
        (1, "Mo-Su 10:00-22:00", "Europe/Berlin", True),
        (2, "Mo-Sa 08:00-20:00", "Europe/Berlin", True),
    ]
    assert edited.rows_are_those_of_a_rebuild()


def test_opened_place_is_found_and_counted(edited: Edited) -> None:
    place = new_city_id(CITY)
    edited.edit(edits.Open(place, LonLat(10.01, 50.0), {"local": "新开的店"}, "cafe", opening_hours="24/7"))
    assert edited.near(10.01, 50, q="新开", open_now="true") == [str(place)]
    assert edited.one("SELECT row_count FROM active_dataset WHERE city_id = 2")[0] == 4
    assert edited.rows_are_those_of_a_rebuild()


def test_several_edits_of_one_place_count_in_their_order(edited: Edited) -> None:
    place = edited.ids[0]
    edited.edit(
        edits.Close(place), edits.Move(place, LonLat(10.5, 50)), edits.Reopen(place), edits.Change(place, price_level=2)
    )
    assert edited.near(10.5, 50, price_max=2) == [str(place)]
    assert edited.rows_are_those_of_a_rebuild()


def test_edit_that_changes_nothing_writes_no_search_row(edited: Edited) -> None:
    marks = "SELECT place_id, facet, xmin::text FROM postings ORDER BY 1, 2"
    before = edited.world.rows(marks)
    assert edited.edit(edits.ChangeHours(edited.ids[0], "Mo-Su 10:00-22:00")).changed == ()
    assert edited.edit(edits.Change(edited.ids[0], phone="1")).changed == (edited.ids[0],)
    assert edited.world.rows(marks) == before


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda ids: edits.Change(ids[0], category_id="moon_base"), "no category is called moon_base"),
        (lambda ids: edits.Change(ids[0], brand_id="acme"), "no brand is called acme"),
        (lambda ids: edits.Change(ids[0], names={}), "names holds no name"),
        (lambda ids: edits.Change(ids[0], price_level=5), "price level 5"),
        (lambda ids: edits.Change(ids[0]), "nothing is said"),
        (lambda ids: edits.ChangeHours(ids[0], "whenever"), "can't be read"),
        (lambda ids: edits.Open(ids[0], LonLat(1, 1), {"local": "x"}, "cafe"), "is there already"),
        (lambda ids: edits.Open(new_city_id(3), LonLat(1, 1), {"local": "x"}, "cafe"), "no new id of city 2"),
    ],
)
def test_untrue_edit_is_refused_and_nothing_of_its_batch_is_kept(edited: Edited, edit, says: str) -> None:  # type: ignore[no-untyped-def]
    before = edited.rows_written()
    with pytest.raises(InvalidEdit, match=says):
        edited.edit(edits.Move(edited.ids[1], LonLat(11, 51)), edit(edited.ids))
    assert edited.rows_written() == before
    assert edited.world.rows("SELECT 1 FROM place_overlays") == []


def test_unknown_places_and_cities_are_refused(edited: Edited) -> None:
    with pytest.raises(UnknownPlace):
        edited.edit(edits.Close(new_city_id(CITY)))
    edited.world.city(3, "city-3")
    from app.coupons.search_rows import follow_places
    from app.places.actions import apply

    with edited.writer.begin() as conn, pytest.raises(NoPlacesThere):
        apply(conn, 3, [edits.Close(new_city_id(3))], AUTHOR, NOW, follow=follow_places)


def test_corrections_are_applied_to_a_version_that_is_shown_later(edited: Edited) -> None:
    """A second version was staged before the corrections were made; going back keeps them too."""
    world, ids = edited.world, edited.ids
    world.dataset(CITY, "places", 2, stored=2)
    world.hours(CITY, 2, 1, "Mo-Su 10:00-22:00", "Europe/Berlin")
    world.places(
        CITY,
        2,
        [
            {"lon": 10.0, "lat": 50.0, "name": "Blue Moon", "hours_no": 1, "place_id": ids[0]},
            {"lon": 10.001, "lat": 50.0, "name": "Red Sun", "place_id": ids[1]},
        ],
    )
    edited.edit(
        edits.Change(ids[0], names={"local": "Silver Fish"}), edits.ChangeHours(ids[0], "24/7"), edits.Close(ids[1])
    )
    with edited.writer.begin() as conn:
        loads.activate(conn, CITY, "places", 2, NOW)
    assert edited.near(10, 50, q="silver", open_now="true") == [str(ids[0])]
    assert edited.near(10, 50) == [str(ids[0])]
    edited.edit(edits.Reopen(ids[1]))
    with edited.writer.begin() as conn:
        loads.activate(conn, CITY, "places", 1, NOW)
    assert str(ids[1]) in edited.near(10, 50)
    assert edited.one("SELECT row_count FROM active_dataset WHERE city_id = 2")[0] == 3
    assert edited.rows_are_those_of_a_rebuild()


def test_edits_of_one_place_at_once_leave_the_rows_of_one_of_them(edited: Edited) -> None:
    place = edited.ids[1]
    words = ("alpha", "beta", "gamma", "delta")
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(12):
                at = LonLat(10 + number / 100, 50 + turn / 1000)
                edited.edit(edits.Move(place, at), edits.Change(place, names={"local": words[(number + turn) % 4]}))
                edited.edit(edits.Close(place))
                edited.edit(edits.Reopen(place))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert edited.rows_are_those_of_a_rebuild()


@pytest.mark.parametrize("edit", [edits.Close, lambda place: edits.Move(place, LonLat(10.0025, 50))])
def test_coupon_whose_nearest_place_went_between_pages_does_not_come_again(edited: Edited, edit) -> None:  # type: ignore[no-untyped-def]
    """The first page shows a coupon at 71 m; then that place goes, and another of its places stands at 143 m."""
    (first,) = edited.near(10, 50, "coupons")
    edited.world.run(
        "INSERT INTO coupon_places VALUES (2, :coupon, :place, NULL)", {"coupon": first, "place": edited.ids[2]}
    )
    merchant = edited.one("SELECT merchant_id FROM place_operators LIMIT 1").merchant_id
    second = edited.world.coupon(CITY, merchant, edited.ids[2:3])
    ask = {"lon": 10, "lat": 50, "radius_m": 1000, "limit": 1}
    client = edited.app.test_client()
    page = client.get("/v1/coupons/nearby", query_string=ask).get_json()
    assert [item["coupon_id"] for item in page["items"]] == [first]
    edited.edit(edit(edited.ids[1]))
    page = client.get("/v1/coupons/nearby", query_string=ask | {"cursor": page["next_cursor"]}).get_json()
    assert ([item["coupon_id"] for item in page["items"]], page["next_cursor"]) == ([str(second)], None)


def test_moves_that_no_page_asks_for_any_more_are_forgotten(edited: Edited) -> None:
    edited.edit(edits.Move(edited.ids[0], LonLat(10.0001, 50)))
    edited.edit(edits.Close(edited.ids[1]))
    edited.world.run("UPDATE place_moves SET moved_at = moved_at - interval '61 minutes'", {})
    edited.edit(edits.Move(edited.ids[2], LonLat(10.0001, 50)))
    assert [row[0] for row in edited.world.rows("SELECT place_id FROM place_moves")] == [edited.ids[2]]


def test_coupon_that_is_put_into_lanes_while_its_place_moves_stands_where_the_place_is(edited: Edited) -> None:
    from app.coupons.search_rows import put_coupon_lanes

    done = threading.Event()
    with edited.world.engine.connect() as publisher:
        publisher.exec_driver_sql("UPDATE coupons SET state = 'paused'")
        put_coupon_lanes(publisher, CITY, 1, edited.ids)
        mover = threading.Thread(target=lambda: (edited.edit(edits.Move(edited.ids[1], LonLat(10.4, 50))), done.set()))
        mover.start()
        assert not done.wait(0.5)
        publisher.commit()
        mover.join()
    assert edited.near(10.4, 50, "coupons") == []
    assert edited.rows_are_those_of_a_rebuild()
