"""What anyone sees of a merchant, and who sees its people, over HTTP."""

from __future__ import annotations

from uuid import UUID

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from app.core.db import Database
from app.core.ids import new_city_id, new_id
from app.members.types import Employment
from app.merchants import queries
from tests.app.members.people import People, token_for


def body_without_id(answer: object) -> dict[str, object]:
    body = dict(answer.json)  # type: ignore[attr-defined]
    body.pop("request_id")
    return body


def test_merchant_shows_names_and_places_by_city_but_no_people(client: FlaskClient, people: People) -> None:
    merchant_id = people.merchant(2, en="Corner Shop", **{"zh-Hans": "街角小店"})
    people.city(3, "city3")
    for city_id in (2, 2, 3):
        people.runs_place(merchant_id, city_id)
    people.runs_place(people.merchant(2), 2)
    people.works(people.member(name="Ann"), merchant_id, "owner")
    answer = client.get(f"/v1/merchants/{merchant_id}", headers={"Accept-Language": "zh-CN"})
    assert answer.json == {
        "merchant_id": str(merchant_id),
        "name": "街角小店",
        "lang": "zh-Hans",
        "names": {"en": "Corner Shop", "zh-Hans": "街角小店"},
        "home_city_id": 2,
        "place_count": 3,
        "place_counts": [{"city_id": 2, "place_count": 2}, {"city_id": 3, "place_count": 1}],
    }
    assert client.get(f"/v1/merchants/{merchant_id}").json["name"] == "Corner Shop"


@pytest.mark.parametrize("state", ["suspended", "closed"])
def test_merchant_that_is_not_active_answers_like_a_missing_one(
    client: FlaskClient, people: People, state: str
) -> None:
    merchant_id = people.merchant()
    people.run("UPDATE merchants SET state = :state", state=state)
    hidden, missing = (client.get(f"/v1/merchants/{some}") for some in (merchant_id, new_id()))
    assert hidden.status_code == missing.status_code == 404
    assert body_without_id(hidden) == body_without_id(missing)


def test_the_places_of_a_merchant_come_in_pages_over_all_cities(client: FlaskClient, people: People) -> None:
    merchant_id, other = people.merchant(), people.merchant()
    people.city(3, "city3")
    mine = [people.runs_place(merchant_id, city_id) for city_id in (2, 3, 2, 2)]
    people.runs_place(other, 2)
    seen: list[tuple[str, int]] = []
    cursor = ""
    while True:
        answer = client.get(f"/v1/merchants/{merchant_id}/places?limit=3{cursor}").json
        assert answer["total"] == {"value": 4, "relation": "eq"}
        seen += [(item["place_id"], item["city_id"]) for item in answer["items"]]
        if answer["next_cursor"] is None:
            break
        cursor = f"&cursor={answer['next_cursor']}"
    assert {place for place, _ in seen} == {str(place) for place in mine}
    assert sorted(city for _, city in seen) == [2, 2, 2, 3]
    assert len(seen) == 4
    foreign = client.get(f"/v1/merchants/{other}/places?{cursor[1:]}")
    assert (foreign.status_code, foreign.json["code"]) == (400, "invalid-cursor")
    assert client.get(f"/v1/merchants/{new_id()}/places").status_code == 404


def test_unknown_parameter_is_refused(client: FlaskClient) -> None:
    answer = client.get(f"/v1/merchants/{new_id()}?colour=red")
    assert (answer.status_code, answer.json["code"]) == (400, "unknown-parameter")


def test_owner_sees_the_people_of_the_own_merchant(client: FlaskClient, people: People) -> None:
    merchant_id, place_id = people.merchant(), new_city_id(2)
    owner, till = people.member(name="Ann"), people.member()
    people.works(owner, merchant_id, "owner")
    people.works(till, merchant_id, "staff", place_id)
    answer = client.get(f"/v1/merchants/{merchant_id}/staff", headers=token_for(client, owner, "owner")).json
    shown = {item["member_id"]: (item["role"], item["display_name"], item["place_ids"]) for item in answer["items"]}
    assert shown == {str(owner): ("owner", "Ann", []), str(till): ("staff", None, [str(place_id)])}
    assert answer["total"] == {"value": 2, "relation": "eq"}
    assert answer["next_cursor"] is None


def test_foreign_merchant_answers_exactly_like_a_missing_one(client: FlaskClient, people: People) -> None:
    mine, theirs = people.merchant(), people.merchant()
    owner, other = people.member(), people.member()
    people.works(owner, mine, "owner")
    people.works(other, theirs, "owner")
    people.works(owner, theirs, "staff")  # works there, but does not own it
    headers = token_for(client, owner, "owner")
    foreign, missing = (client.get(f"/v1/merchants/{some}/staff", headers=headers) for some in (theirs, new_id()))
    assert foreign.status_code == missing.status_code == 404
    assert body_without_id(foreign) == body_without_id(missing)
    assert client.get(f"/v1/merchants/{mine}/staff", headers=headers).status_code == 200


def test_admin_sees_every_merchants_people_and_others_none(client: FlaskClient, people: People) -> None:
    merchant_id = people.merchant()
    someone = people.member()
    people.works(someone, merchant_id, "staff", new_city_id(2))
    people.granted(someone, "admin", people.city(1, "world"))
    people.granted(someone, "operator", 2)
    people.client("shop-system", "x", merchant_id)
    path = f"/v1/merchants/{merchant_id}/staff"
    assert client.get(path).json["code"] == "missing-token"
    assert len(client.get(path, headers=token_for(client, someone, "admin")).json["items"]) == 1
    for role in ("member", "staff", "operator"):
        assert client.get(path, headers=token_for(client, someone, role)).json["code"] == "forbidden"
    assert client.get(path, headers=token_for(client, "shop-system", "partner")).json["code"] == "forbidden"
    assert client.get(f"/v1/merchants/{new_id()}/staff", headers=token_for(client, someone, "admin")).status_code == 404


def test_people_come_in_pages_that_miss_and_repeat_nobody(client: FlaskClient, people: People) -> None:
    merchant_id, owner = people.merchant(), people.member()
    people.works(owner, merchant_id, "owner")
    for _ in range(6):
        people.works(people.member(), merchant_id, "staff")
    headers, path = token_for(client, owner, "owner"), f"/v1/merchants/{merchant_id}/staff"
    seen: list[str] = []
    cursor = ""
    while True:
        answer = client.get(f"{path}?limit=3{cursor}", headers=headers).json
        seen += [item["member_id"] for item in answer["items"]]
        if answer["next_cursor"] is None:
            break
        cursor = f"&cursor={answer['next_cursor']}"
    assert len(seen) == len(set(seen)) == 7
    other = people.merchant()
    people.works(owner, other, "owner")
    answer = client.get(f"/v1/merchants/{other}/staff?{cursor[1:]}", headers=headers)
    assert (answer.status_code, answer.json["code"]) == (400, "invalid-cursor")


def test_employment_counts_active_merchants_alone(people: People, database: Database, owner: sa.Engine) -> None:
    member_id, place_ids = people.member(), sorted([new_city_id(2), new_city_id(2)])
    merchants: list[UUID] = sorted(people.merchant() for _ in range(3))
    people.works(member_id, merchants[0], "owner")
    people.works(member_id, merchants[1], "staff", *place_ids)
    people.works(member_id, merchants[2], "owner")
    people.run("UPDATE merchants SET state = 'closed' WHERE merchant_id = :id", id=merchants[2])
    with database.write() as conn:
        assert queries.employment_of(conn, member_id) == (
            Employment(merchants[0], "owner"),
            Employment(merchants[1], "staff", tuple(place_ids)),
        )
        assert queries.employment_of(conn, new_id()) == ()


def test_names_of_many_merchants_come_in_one_statement(people: People, database: Database) -> None:
    first, second = people.merchant(2, en="One"), people.merchant(2, en="Two")
    with database.read() as conn:
        found = queries.merchants_by_ids(conn, [first, second, new_id()])
    assert {merchant_id: merchant.names for merchant_id, merchant in found.items()} == {
        first: {"en": "One"},
        second: {"en": "Two"},
    }
