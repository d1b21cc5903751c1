"""What bad input gets: a clear problem with its own code, and never an error of ours."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.core.ids import new_city_id
from app.http.problems import PROBLEMS

NEARBY = ["/v1/places/nearby", "/v1/coupons/nearby"]
POINTS = [*NEARBY, "/v1/regions/lookup", "/v1/service-areas/containing"]
BAD_NUMBERS = [
    "nan",
    "NaN",
    "inf",
    "-Infinity",
    "1e400",
    "9" * 400,
    "1e5",
    "0x10",
    "1_0",
    "٣٠",
    "",
    " 30",
    "30,1",
    "abc",
    "\x00",
]


def problem(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    """The problem document, after holding it to RFC 9457 and to our table."""
    assert response.mimetype == "application/problem+json", response.data
    body: dict[str, Any] = response.get_json()
    assert (response.status_code, body["code"]) == (status, code), body
    assert body["status"] == status == PROBLEMS[code].status
    assert body["title"] == PROBLEMS[code].title
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert response.headers["Cache-Control"] == "no-store"
    return body


@pytest.mark.parametrize("path", POINTS)
@pytest.mark.parametrize("bad", ["90.0000001", "-91", *BAD_NUMBERS])
def test_a_latitude_that_is_no_latitude(seeded_client: FlaskClient, path: str, bad: str) -> None:
    body = problem(seeded_client.get(f"{path}?lon=120.16&lat={quote(bad)}"), 400, "invalid-coordinate")
    assert [fault["parameter"] for fault in body["errors"]] == ["lat"]


@pytest.mark.parametrize("path", POINTS)
@pytest.mark.parametrize("bad", ["180.0000001", "-181", *BAD_NUMBERS])
def test_a_longitude_that_is_no_longitude(seeded_client: FlaskClient, path: str, bad: str) -> None:
    body = problem(seeded_client.get(f"{path}?lat=30.25&lon={quote(bad)}"), 400, "invalid-coordinate")
    assert [fault["parameter"] for fault in body["errors"]] == ["lon"]


def test_swapped_coordinates_are_told_so(seeded_client: FlaskClient) -> None:
    body = problem(seeded_client.get("/v1/places/nearby?lat=120.16&lon=30.25"), 400, "invalid-coordinate")
    assert [fault["hint"] for fault in body["errors"]] == ["swapped"]


@pytest.mark.parametrize("path", NEARBY)
@pytest.mark.parametrize("bad", ["0", "0.999", "-1", "50000.001", "50001", *BAD_NUMBERS])
def test_a_radius_out_of_its_range(seeded_client: FlaskClient, path: str, bad: str) -> None:
    body = problem(seeded_client.get(f"{path}?lat=30.25&lon=120.16&radius_m={quote(bad)}"), 400, "invalid-radius")
    assert [fault["parameter"] for fault in body["errors"]] == ["radius_m"]


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("lat=30.25&lon=120.16&raduis_m=5", "unknown-parameter", "raduis_m"),
        ("lat=30.25&lon=120.16&lat=31", "repeated-parameter", "lat"),
        ("lon=120.16", "missing-parameter", "lat"),
        ("lat=30.25&lon=120.16&limit=0", "invalid-parameter", "limit"),
        ("lat=30.25&lon=120.16&limit=101", "invalid-parameter", "limit"),
        ("lat=30.25&lon=120.16&limit=7.5", "invalid-parameter", "limit"),
        ("lat=30.25&lon=120.16&category=no_such_thing", "unknown-category", "category"),
        ("lat=30.25&lon=120.16&category=%00", "invalid-parameter", "category"),
        (f"lat=30.25&lon=120.16&region={UUID(int=5)}", "unknown-region", "region"),
        ("lat=30.25&lon=120.16&region=x", "invalid-parameter", "region"),
        ("lat=30.25&lon=120.16&datum=mars2000", "invalid-parameter", "datum"),
        ("lat=30.25&lon=120.16&cursor=abc", "invalid-cursor", "cursor"),
        ("lat=30.25&lon=120.16&cursor=", "invalid-cursor", "cursor"),
    ],
)
@pytest.mark.parametrize("path", NEARBY)
def test_a_query_that_makes_no_sense(
    seeded_client: FlaskClient, path: str, query: str, code: str, parameter: str
) -> None:
    body = problem(seeded_client.get(f"{path}?{query}"), 400, code)
    assert parameter in [fault["parameter"] for fault in body["errors"]]


def test_all_faults_are_told_together(seeded_client: FlaskClient) -> None:
    body = problem(seeded_client.get("/v1/places/nearby?lat=95&radius_m=0&colour=red"), 400, "invalid-parameter")
    assert {fault["parameter"] for fault in body["errors"]} == {"lat", "lon", "radius_m", "colour"}


@pytest.mark.parametrize("path", NEARBY)
def test_a_cursor_of_another_query_or_edited(seeded_client: FlaskClient, path: str) -> None:
    first = seeded_client.get(f"{path}?lat=30.25&lon=120.16&radius_m=20000&limit=1").get_json()
    cursor = first["next_cursor"]
    assert cursor
    assert seeded_client.get(f"{path}?lat=30.25&lon=120.16&radius_m=20000&limit=2&cursor={cursor}").status_code == 200
    other = next(each for each in NEARBY if each != path)
    edited = ("A" if cursor[40] != "A" else "B").join((cursor[:40], cursor[41:]))
    for asked in (
        f"{path}?lat=30.26&lon=120.16&radius_m=20000&cursor={cursor}",
        f"{path}?lat=30.25&lon=120.16&radius_m=20000&category=food&cursor={cursor}",
        f"{other}?lat=30.25&lon=120.16&radius_m=20000&cursor={cursor}",
        f"{path}?lat=30.25&lon=120.16&radius_m=20000&cursor={edited}",
        f"{path}?lat=30.25&lon=120.16&radius_m=20000&cursor={cursor}A",
    ):
        problem(seeded_client.get(asked), 400, "invalid-cursor")


@pytest.mark.parametrize("path", ["/v1/places/", "/v1/coupons/", "/v1/regions/", "/v1/merchants/"])
def test_ids_that_are_unknown_or_no_ids(seeded_client: FlaskClient, path: str) -> None:
    for unknown in (new_city_id(2), new_city_id(999_999), UUID(int=0), UUID(int=2**128 - 1)):
        problem(seeded_client.get(f"{path}{unknown}"), 404, "not-found")
    for rubbish in ("1", "x", "%00", "' OR 1=1 --", "9" * 5000):
        problem(seeded_client.get(f"{path}{quote(rubbish)}"), 404, "no-such-route")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "no-such-route"),
        ("GET", "//v1/cities", 404, "no-such-route"),
        ("POST", "/v1/cities", 405, "method-not-allowed"),
        ("TRACE", "/v1/cities", 405, "method-not-allowed"),
        ("GET", "/v1/auth/token", 405, "method-not-allowed"),
        ("GET", "/v1/tiles/places/3/8/0.mvt", 404, "tile-out-of-range"),
        ("GET", "/v1/tiles/places/30/0/0.mvt", 404, "tile-out-of-range"),
    ],
)
def test_routes_and_methods_that_do_not_exist(
    seeded_client: FlaskClient, method: str, path: str, status: int, code: str
) -> None:
    response = seeded_client.open(path, method=method)
    problem(response, status, code)
    assert ("Allow" in response.headers) == (status == 405)


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"{", 400, "malformed-json"),
        (b'{"phone": "+8613800138000", "phone": "+8613800138001"}', 400, "json-duplicate-member"),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, 400, "json-too-deep"),
        (b'{"phone": "\\u0000"}', 400, "json-text"),
        (b'{"phone": "\\ud800"}', 400, "json-text"),
        (b'{"phone": NaN}', 400, "json-number"),
        (b'{"phone": "+8613800138000", "colour": "red"}', 422, "invalid-body"),
        (b"{}", 422, "invalid-body"),
        (b"[]", 422, "invalid-body"),
        (b'{"phone": 5}', 422, "invalid-body"),
    ],
)
def test_bodies_that_are_not_what_the_route_takes(
    seeded_client: FlaskClient, raw: bytes, status: int, code: str
) -> None:
    body = problem(seeded_client.post("/v1/auth/otp", data=raw, content_type="application/json"), status, code)
    assert all("pointer" in fault for fault in body["errors"])


def test_bodies_of_another_type_or_too_large(seeded_client: FlaskClient) -> None:
    good = json.dumps({"phone": "+8613800138000"})
    for media in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        problem(seeded_client.post("/v1/auth/otp", data=good, content_type=media), 415, "unsupported-media-type")
    huge = b'{"phone": "' + b"1" * 1_100_000 + b'"}'
    problem(seeded_client.post("/v1/auth/otp", data=huge, content_type="application/json"), 413, "body-too-large")


def test_nothing_acceptable_is_told_so(seeded_client: FlaskClient) -> None:
    response = seeded_client.get("/v1/places/nearby?lat=30.25&lon=120.16", headers={"Accept": "text/csv"})
    problem(response, 406, "not-acceptable")


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "Bearer a b", "Bearer é", "token x"])
def test_an_authorization_header_that_is_no_bearer_token(seeded_client: FlaskClient, header: str) -> None:
    response = seeded_client.get("/v1/cities", headers={"Authorization": header})
    problem(response, 401, "invalid-token")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_repeated_parameter_hides_no_other_fault(seeded_client: FlaskClient) -> None:
    asked = "/v1/places/nearby?lat=30.25&lat=31&lon=120.16&radius_m=0&limit=0&colour=red"
    body = problem(seeded_client.get(asked), 400, "invalid-parameter")
    assert {fault["parameter"] for fault in body["errors"]} == {"lat", "radius_m", "limit", "colour"}
    assert body["detail"] == "lat: give this once (and 3 more)"


def test_a_thousand_faults_are_counted_and_fifty_told(seeded_client: FlaskClient) -> None:
    asked = "/v1/places/nearby?lat=30.25&lon=120.16&" + "&".join(f"x{number}=1" for number in range(1000))
    body = problem(seeded_client.get(asked), 400, "unknown-parameter")
    assert len(body["errors"]) == 50
    assert body["detail"].endswith("(and 999 more)")
