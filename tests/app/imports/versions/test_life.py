"""A version from the upload to the rollback, over HTTP."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from app.core.clock import system_clock
from app.imports import purging
from app.imports.uploads import folder_of
from tests.app.imports.loadfiles import CITY, place
from tests.factories.loads import KIND, Town, lines_of


def places(*keys: str, **more: Any) -> list[dict[str, Any]]:
    """Places with these source keys."""
    return [place(key, **more) for key in keys]


def seen(town: Town) -> list[str]:
    """Names of the places that a search around the town's middle finds, nearest first."""
    answer = town.app.test_client().get("/v1/places/nearby?lat=-17&lon=179.9&radius_m=5000&limit=100")
    assert answer.status_code == 200, answer.get_json()
    return sorted(item["name"] for item in answer.get_json()["items"])


def test_a_file_becomes_a_version_that_readers_see_once_it_is_activated(town: Town) -> None:
    body = lines_of(places("a", "b", "c"))
    sent = town.send(body, retrieved_on="2026-11-01", source_url="https://example.org/x")
    assert sent.status_code == 202, sent.get_json()
    told = sent.get_json()
    number = told["version"]
    assert (told["state"], told["outcome"], told["progress"]["task"]) == ("validating", None, "load")
    assert sent.headers["Location"] == f"{KIND}/versions/{number}"
    assert sent.headers["Retry-After"] == "1"
    assert told["file"]["sha256"] == hashlib.sha256(body).hexdigest()
    assert (told["file"]["name"], told["file"]["bytes"]) == ("places.geojsonl", len(body))
    assert told["origin"]["retrieved_on"] == "2026-11-01"
    assert town.work() == ["staged"]
    staged = town.version(number)
    assert (staged["state"], staged["outcome"]) == ("staged", "staged")
    assert staged["counts"] == {"declared": 3, "stored": 3, "refused": 0, "created": 3}
    assert staged["gate"] == {"verdict": "open", "reasons": []}
    assert staged["progress"]["stage"] == "done"
    assert staged["remarks"] == ["town has no regions yet: nobody checked whether the points lie in it"]
    asked = town.post(f"{KIND}/versions/{number}/activate", {"note": "first load"})
    assert (asked.status_code, asked.get_json()["progress"]["task"]) == (202, "activate")
    assert town.work() == ["active"]
    active = town.version(number)
    assert (active["state"], active["active"]) == ("active", True)
    assert [(each["step"], each["note"]) for each in active["history"]] == [
        ("loaded", None),
        ("staged", None),
        ("activation_asked", "first load"),
        ("activated", "first load"),
    ]
    assert {each["by"] for each in active["history"] if each["step"] != "staged"} == {f"operator:{town.operator}"}
    assert seen(town) == ["Place a", "Place b", "Place c"]
    again = town.send(body)
    assert (again.status_code, again.get_json()["outcome"], again.get_json()["version"]) == (200, "unchanged", number)


def test_a_loss_needs_a_second_person_and_a_rollback_brings_all_back(town: Town) -> None:
    first = town.shown(places(*(f"p{n}" for n in range(30))))
    lossy = town.loaded(places("p1", "p2"))
    assert lossy["gate"]["verdict"] == "second_person"
    assert {"part-missing", "many-removed"} <= {reason["code"] for reason in lossy["gate"]["reasons"]}
    where = f"{KIND}/versions/{lossy['version']}"
    refused = town.post(f"{where}/activate", {"note": "I am sure"})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "approval-needed")
    assert "another operator has to approve it first" in refused.get_json()["detail"]
    assert refused.get_json()["gate"]["verdict"] == "second_person"
    own = town.post(f"{where}/approve", {"note": "I am sure"})
    assert (own.status_code, own.get_json()["code"]) == (409, "second-person-needed")
    assert town.post(f"{where}/approve", {}, by=(town.second, "operator")).status_code == 422
    agreed = town.post(f"{where}/approve", {"note": "the survey was halved"}, by=(town.second, "operator"))
    assert agreed.status_code == 200
    assert agreed.get_json()["approvals"][0] | {"at": None} == {
        "by": f"operator:{town.second}",
        "note": "the survey was halved",
        "at": None,
    }
    assert town.post(f"{where}/activate").status_code == 202
    town.work()
    assert seen(town) == ["Place p1", "Place p2"]
    back = town.post(f"{KIND}/rollback", {"note": "it was a mistake"})
    assert (back.status_code, back.get_json()["version"]) == (202, first["version"])
    town.work()
    assert len(seen(town)) == 30
    steps = [(each["step"], each["note"]) for each in town.version(first["version"])["history"]][-2:]
    assert steps == [("rollback_asked", "it was a mistake"), ("rolled_back", "it was a mistake")]
    assert town.version(lossy["version"])["state"] == "retired"


def test_one_version_of_a_kind_is_under_way_at_a_time(town: Town) -> None:
    sent = town.send(places("n1")).get_json()
    other = town.send(places("n2"))
    assert (other.status_code, other.get_json()["code"]) == (409, "load-in-progress")
    assert other.get_json()["version"] == sent["version"]
    assert f"version {sent['version']} of places is validating" in other.get_json()["detail"]
    town.work()
    waiting = town.send(places("n2")).get_json()
    assert waiting["code"] == "load-in-progress"
    assert "discard" in waiting["detail"]
    gone = town.post(f"{KIND}/versions/{sent['version']}/discard", {"note": "wrong file"})
    assert (gone.status_code, gone.get_json()["state"], gone.get_json()["outcome"]) == (200, "discarded", "discarded")
    assert town.send(places("n2")).status_code == 202
    town.work()
    left = town.rows("SELECT count(*) FROM place_facts WHERE city_id = :c AND version = :v", c=CITY, v=sent["version"])
    assert left[0][0] == 0


def test_a_failed_file_keeps_nothing_and_is_loaded_again_from_where_it_lies(town: Town) -> None:
    before = seen(town)
    failed = town.loaded(places("x1", "x2", category_id="spaceport"))
    assert (failed["state"], failed["failure"]["code"]) == ("failed", "nothing-stored")
    assert failed["counts"] == {"declared": 2, "stored": 0, "refused": 2, "created": 0}
    assert failed["file"]["kept"]
    assert seen(town) == before
    none = town.rows(
        "SELECT count(*) FROM place_facts WHERE city_id = :c AND version = :v", c=CITY, v=failed["version"]
    )
    assert none[0][0] == 0
    again = town.post(f"{KIND}/versions/{failed['version']}/reload", {"datum": "gcj02"})
    assert again.status_code == 202, again.get_json()
    number = again.get_json()["version"]
    assert number > failed["version"]
    assert again.get_json()["file"]["datum"] == "gcj02"
    town.work()
    assert town.version(number)["failure"]["code"] == "nothing-stored"
    gone = town.post(f"{KIND}/versions/{failed['version']}/reload", {})
    assert (gone.status_code, gone.get_json()["code"]) == (410, "file-gone")


def test_a_file_that_cannot_be_read_fails_with_its_reason(town: Town) -> None:
    failed = town.loaded(b'{"type": "FeatureCollection", "features": [', filename="cut.geojson")
    assert (failed["state"], failed["outcome"]) == ("failed", "failed")
    assert failed["failure"]["detail"]
    assert failed["failure"]["hint"]


def test_what_is_surely_none_of_the_forms_is_refused_before_a_version_is_made(town: Town) -> None:
    before = len(town.get(f"{KIND}/versions").get_json()["items"])
    answer = town.send(b"<?xml version='1.0'?><kml/>", filename="places.kml")
    told = answer.get_json()
    assert (answer.status_code, told["code"]) == (415, "unsupported-format")
    assert told["title"] == "The file's form is not one that is read"
    assert "send GeoJSON, a GeoPackage or a zipped Shapefile" in told["detail"]
    assert len(town.get(f"{KIND}/versions").get_json()["items"]) == before


def test_a_dry_run_tells_everything_and_keeps_nothing(town: Town) -> None:
    told = town.loaded(places("d1", "d2"), dry_run="true")
    assert (told["state"], told["outcome"], told["dry_run"]) == ("discarded", "dry_run", True)
    assert told["counts"] == {"declared": 2, "stored": 2, "refused": 0, "created": 2}
    assert town.rows("SELECT 1 FROM place_facts WHERE city_id = 7 AND version = :v", v=told["version"]) == []
    assert town.rows("SELECT 1 FROM place_sources WHERE source_key = 'd1'") == []
    refused = town.post(f"{KIND}/versions/{told['version']}/activate")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "version-not-ready")


def test_a_retried_upload_is_answered_as_the_first_one(town: Town) -> None:
    body = lines_of(places("k1"))
    first = town.send(body, key="the-key")
    second = town.send(body, key="the-key")
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.get_json() == first.get_json()
    assert second.headers["Idempotency-Replayed"] == "true"
    other = town.send(lines_of(places("k2")), key="the-key")
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency-key-mismatch")
    kept = sorted(path.name for path in folder_of(town.settings).iterdir())
    named = town.rows("SELECT file_key FROM import_jobs WHERE file_key IS NOT NULL")
    assert len(kept) == len(named)


def test_the_same_file_read_in_another_way_is_another_version(town: Town) -> None:
    """Whoever declared the wrong datum, and showed what came of it, sends the file again with the right one."""
    body = lines_of(places("w1", url="https://a.test", page="https://b.test"))
    town.shown(body, mapping='{"website": "url"}')
    same = town.send(body, mapping='{"website": "url"}', datum="wgs84")
    assert (same.status_code, same.get_json()["outcome"]) == (200, "unchanged")
    for more in ({"mapping": '{"website": "page"}'}, {}, {"mapping": '{"website": "url"}', "datum": "gcj02"}):
        sent = town.send(body, **more)
        assert sent.status_code == 202, (more, sent.get_json())
        town.post(f"{KIND}/versions/{sent.get_json()['version']}/discard")
        town.work()


def test_who_may_not_load_finds_nothing(town: Town) -> None:
    body = lines_of(places("f1"))
    foreign = town.send(body, by=(town.stranger, "operator"))
    missing = town.send(body, city="atlantis")
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert foreign.get_json() | {"request_id": ""} == missing.get_json() | {"request_id": ""}
    assert town.send(body, kind="brands").status_code == 404
    assert town.send(b"[]", city="world", kind="brands").status_code == 404
    assert town.send(b"[]", city="world", kind="brands", by=(town.admin, "admin")).status_code == 202
    assert town.send(body, by=(town.admin, "admin")).status_code == 202
    member = town.send(body, by=(town.operator, "member"))
    assert member.status_code == 403
    nobody = town.app.test_client().post(f"{KIND}/versions")
    assert nobody.status_code == 401


@pytest.mark.parametrize(
    ("query", "parameter", "code"),
    [
        ({"filename": ""}, "filename", None),
        ({"datum": "mars"}, "datum", None),
        ({"mapping": "name"}, "mapping", None),
        ({"mapping": '{"name": 3}'}, "mapping", None),
        ({"retrieved_on": "yesterday"}, "retrieved_on", None),
        ({"colour": "red"}, "colour", "unknown-parameter"),
    ],
)
def test_a_wrong_declaration_is_refused_by_name(
    town: Town, query: dict[str, str], parameter: str, code: str | None
) -> None:
    refused = town.send(places("q"), **query)
    assert refused.status_code == 400
    (fault,) = refused.get_json()["errors"]
    assert fault["parameter"] == parameter
    assert code is None or fault["code"] == code


def test_old_versions_lose_their_rows_but_never_the_active_one_and_the_one_before(town: Town) -> None:
    numbers = [town.shown(places("o", *(f"o{round_}-{n}" for n in range(3))))["version"] for round_ in range(5)]
    early = system_clock() + timedelta(minutes=29)
    late = system_clock() + timedelta(minutes=31)

    def marked(now: Any) -> int:
        with town.owner.begin() as conn:
            return purging.retire_old(conn, CITY, now, 3)

    assert marked(early) == 0
    assert marked(late) > 0
    town.work(at=late)
    held = {row[0] for row in town.rows("SELECT DISTINCT version FROM place_facts WHERE city_id = :c", c=CITY)}
    assert held == set(numbers[-3:])
    assert town.version(numbers[1])["purged_at"] is not None
    refused = town.post(f"{KIND}/versions/{numbers[1]}/activate")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "version-not-ready")
    assert town.rows("SELECT 1 FROM hours_patterns WHERE city_id = :c AND version = :v", c=CITY, v=numbers[1]) == []
    drawn = town.rows("SELECT DISTINCT version, against FROM dataset_diff_items WHERE kind = 'places' AND city_id = 7")
    assert not {number for row in drawn for number in row} & {*numbers[:2]}
