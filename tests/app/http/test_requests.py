"""What stands around every request: log lines, counters, and whether an answer may be kept."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import REGISTRY


def test_an_invented_method_makes_no_series_of_its_own(client: FlaskClient) -> None:
    for method in ("INVENTED1", "INVENTED2"):
        assert client.open("/v1/categories", method=method).status_code == 405
    methods = {s.labels["method"] for m in REGISTRY.collect() for s in m.samples if "method" in s.labels}
    assert "(other)" in methods
    assert not any(method.startswith("INVENTED") for method in methods)


def test_an_answer_that_says_nothing_of_keeping_is_not_kept(client: FlaskClient) -> None:
    assert client.get("/v1/places/nearby?lat=30.25&lon=120.16").headers["Cache-Control"] == "no-store"
    assert client.get("/v1/categories").headers["Cache-Control"] == "public, max-age=60"


def test_the_line_of_an_unexpected_error_names_the_request(
    app: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise LookupError("nobody foresaw this")

    monkeypatch.setitem(app.view_functions, "catalogue.categories", fail)
    answer = app.test_client().get("/v1/categories", headers={"X-Request-Id": "looked-for-1"})
    assert answer.status_code == 500
    records = [record for record in caplog.records if record.getMessage() == "unexpected error"]
    assert [record.__dict__["request_id"] for record in records] == ["looked-for-1"]
