"""Reports, refused rows and differences over HTTP, as an operator reads them."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from app.core.clock import system_clock
from app.imports import actions
from app.imports.diff import reading
from app.imports.types import LoadRequest
from tests.app.imports.loadfiles import CITY, ORIGIN, place, region
from tests.factories.loads import KIND, Town, lines_of

STEP = 0.002


def shops(count: int, **more: Any) -> list[dict[str, Any]]:
    return [place(f"p{n}", round(179.7 + n * STEP, 7), -17.0, name=f"Shop {n}", **more) for n in range(count)]


def test_a_version_tells_what_was_found_and_what_it_changes(town: Town) -> None:
    first = town.shown(shops(60))["version"]
    told = town.loaded(shops(30))
    second, where = told["version"], f"{KIND}/versions/{told['version']}"
    assert told["gate"]["verdict"] == "second_person"
    report = town.get(f"{where}/report").get_json()
    assert (report["verdict"], report["against"], report["counts"]["stored"]) == ("second_person", first, 30)
    assert [reason["code"] for reason in report["reasons"]] == ["many-removed", "count-change"]
    diff = town.get(f"{where}/diff").get_json()
    assert (diff["from"], diff["to"], diff["counts"]["removed"], diff["counts"]["kept"]) == (first, second, 30, 30)
    exceeded = {one["code"]: one["needs"] for one in diff["thresholds"] if one["exceeded"]}
    assert exceeded == {"count-change": "note", "many-removed": "second_person"}
    assert len(diff["first"]["removed"]) == 30
    layer = town.get(f"{where}/diff.geojson?layer=removed")
    assert layer.mimetype == "application/geo+json"
    assert {one["properties"]["source_key"] for one in layer.get_json()["features"]} == {f"p{n}" for n in range(30, 60)}
    alone = town.get(f"{KIND}/versions/{first}/diff.geojson?layer=added&against={first}").get_json()["features"]
    assert [one["geometry"]["type"] for one in alone] == ["Point"] * 60
    back = town.get(f"{KIND}/versions/{first}/diff?against={second}").get_json()
    assert (back["from"], back["to"], back["counts"]["added"]) == (second, first, 30)


def test_of_a_first_version_everything_is_new_on_the_map(town: Town) -> None:
    told = town.loaded([region("a"), region("b", kind="neighbourhood", parent="a")], kind="regions")
    where = f"/v1/datasets/town/regions/versions/{told['version']}"
    diff = town.get(f"{where}/diff").get_json()
    assert (diff["from"], diff["counts"]["added"], len(diff["first"]["added"])) == (None, 2, 2)
    layer = town.get(f"{where}/diff.geojson?layer=added").get_json()["features"]
    assert {(one["properties"]["source_key"], one["geometry"]["type"]) for one in layer} == {
        ("a", "Polygon"), ("b", "Polygon"),
    }  # fmt: skip
    assert town.get(f"{where}/diff.geojson?layer=removed").get_json()["features"] == []


def test_refused_rows_are_mended_and_sent_again(town: Town) -> None:
    """The refused rows come as a file that is loaded as it is; guarded cells come back as they were."""
    bad = shops(60)
    for one in bad[:20]:
        one["properties"]["category_id"] = "wizard"
        one["properties"]["phone"] = "+679 330 0000"
    failed = town.loaded(bad)
    assert (failed["state"], failed["failure"]["code"]) == ("failed", "too-many-refused")
    where = f"{KIND}/versions/{failed['version']}"
    report = town.get(f"{where}/report").get_json()
    assert {one["check"]: one["count"] for one in report["checks"]} == {"too-many-refused": 20, "unknown-category": 20}
    assert report["counts"] == {"declared": 60, "stored": 0, "refused": 20, "created": 0}
    answer = town.get(f"{where}/refused.csv")
    name = f"town-places-{failed['version']}-refused.csv"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert len(rows) == 20
    assert rows[0]["phone"] == "'+679 330 0000"
    mended = answer.get_data(as_text=True).replace(",wizard", ",cafe")
    sent = town.send(mended.encode(), filename="refused.csv")
    assert sent.status_code == 202, sent.get_json()
    town.work()
    told = town.version(sent.get_json()["version"])
    assert (told["state"], told["counts"]["stored"]) == ("staged", 20), told
    with town.owner.connect() as conn:
        phones = conn.exec_driver_sql("SELECT DISTINCT phone FROM place_facts WHERE phone IS NOT NULL").scalars().all()
    assert phones == ["+679 330 0000"]


def test_what_blocks_a_version_blocks_it_also_when_another_is_shown_by_then(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most rows lie elsewhere; whoever accepts that they are refused keeps the others."""
    wide = [[179.5, -17.1], [180.0, -17.1], [180.0, -16.9], [179.5, -16.9], [179.5, -17.1]]
    town.shown([region("home", wide)], kind="regions")
    town.shown([*shops(40), place("x0", 179.7)])
    town.shown(shops(40))
    turned = [place(f"p{n}", round(120.0 + n * STEP, 7), -17.0, name=f"Shop {n}") for n in range(30)]
    path = town.settings.state_dir / "turned.geojsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lines_of([*shops(40)[30:], *turned]))
    with town.owner.begin() as conn:
        report = actions.load(conn, LoadRequest(CITY, "places", path, ORIGIN, max_refused_share=1.0), system_clock())
    assert report.outcome == "staged", report
    assert town.version(report.version)["gate"]["verdict"] == "blocked"
    assert town.post(f"{KIND}/rollback", {"note": "to see"}).status_code == 202
    town.work()
    where = f"{KIND}/versions/{report.version}"
    for small in (reading.SMALL, 0):
        monkeypatch.setattr(reading, "SMALL", small)
        town.run("UPDATE import_jobs SET gate = jsonb_set(gate, '{against}', '0') WHERE gate IS NOT NULL")
        agreed = town.post(f"{where}/approve", {"note": "never mind"}, by=(town.second, "operator"))
        assert agreed.status_code == 200, agreed.get_json()
        asked = town.post(f"{where}/activate", {"note": "never mind"})
        assert (asked.status_code, asked.get_json().get("code")) == (409, "approval-needed")
        assert town.version(report.version)["gate"]["verdict"] == "blocked"


def test_rows_without_a_position_come_back_with_all_that_was_said_of_them(town: Town) -> None:
    lines = [f"{n},Shop {n},cafe,-17.0,{179.5 + n / 1000}" for n in range(60)]
    lines[5], lines[6] = "5,Shop 5,cafe,,", "6,Shop 6,cafe,=1+1,179.5"
    body = "\n".join(["id,name,category_id,Latitude,Longitude", *lines]).encode()
    failed = town.version(town.send(body, filename="shops.csv").get_json()["version"])
    town.work()
    where = f"{KIND}/versions/{failed['version']}"
    report = town.get(f"{where}/report").get_json()
    assert {one["check"]: one["count"] for one in report["checks"]} == {"too-many-refused": 2, "invalid-coordinate": 2}
    content = town.get(f"{where}/refused.csv").get_data(as_text=True)
    rows = list(csv.DictReader(io.StringIO(content)))
    assert [(row["source_key"], row["name"], row["category_id"], row["lat"], row["lon"]) for row in rows] == [
        ("5", "Shop 5", "cafe", "", ""),
        ("6", "Shop 6", "cafe", "'=1+1", "179.5"),
    ]
    mended = content.replace(",,,5", ",179.5,-17,5").replace("'=1+1", "-17")
    sent = town.send(mended.encode(), filename="refused.csv").get_json()
    town.work()
    told = town.version(sent["version"])
    assert (told["state"], told["counts"]["stored"]) == ("staged", 2), told


def test_a_dry_run_leaves_its_report_and_difference(town: Town) -> None:
    town.shown(shops(60, price_level=2))
    told = town.loaded(shops(30), dry_run="true")
    assert told["dry_run"] is True
    where = f"{KIND}/versions/{told['version']}"
    assert town.get(f"{where}/report").get_json()["verdict"] == "second_person"
    diff = town.get(f"{where}/diff").get_json()
    assert (diff["counts"]["removed"], diff["impact"]["places"]) == (30, 30)
    gone = town.get(f"{where}/diff?against={told['version']}")
    assert (gone.status_code, gone.get_json()["code"]) == (409, "diff-not-ready")


def test_what_is_not_there_or_not_yours_is_missing(town: Town) -> None:
    shown = f"{KIND}/versions/{town.shown(shops(1))['version']}"
    parts = ("report", "refused.csv", "diff", "diff.geojson?layer=added")
    assert {town.get(f"{KIND}/versions/99/{part}").status_code for part in parts} == {404}
    stranger = (town.stranger, "operator")
    assert {town.get(f"{shown}/{part}", by=stranger).status_code for part in parts} == {404}
    assert town.get(f"{shown}/diff?against=99").status_code == 404
    wrong = town.get(f"{shown}/diff.geojson?layer=everything")
    assert (wrong.status_code, wrong.get_json()["errors"][0]["parameter"]) == (400, "layer")
    assert town.get(f"{shown}/diff?colour=red").status_code == 400
