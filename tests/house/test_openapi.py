"""The published document: valid OpenAPI 3.1, and every operation says who may call it and what can go wrong."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.core.settings import Settings, load_settings
from app.factory import create_app
from app.http.problems import MEDIA_TYPE, PROBLEMS
from tests.flows.api_campaign import operations_of

NAMED = re.compile(r"`([a-z0-9-]+)`: ")
PATH_VALUE = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")


def _braced(found: re.Match[str]) -> str:
    return "{" + found[1] + "}"


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The application; the document needs no database, so none is there."""
    settings: Settings = load_settings(
        {
            "DATABASE_URL": "postgresql+psycopg2://nobody@127.0.0.1:9/none",
            "FUJIN_SECRET_KEY": "tests-sign-with-this-0123456789abcdef",
            "FUJIN_CODE_PEPPER": "tests-hash-with-this-0123456789abcdef",
            "FUJIN_STATE_DIR": str(tmp_path_factory.mktemp("state")),
            "FUJIN_DATABASE_DEADLINE_S": "0",  # it is global to the process, and other tests copy
            "FUJIN_DEMO": "1",
            "FUJIN_LOG_LEVEL": "WARNING",
        }
    )
    return create_app(settings)


@pytest.fixture(scope="module")
def document(application: Flask) -> dict[str, Any]:
    found: dict[str, Any] = application.test_client().get("/openapi.json").get_json()
    return found


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return operations_of(document)


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert [f"{error.message} at {list(error.path)}" for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_route_of_the_api_is_in_it_and_nothing_else(
    application: Flask, operations: dict[str, dict[str, Any]]
) -> None:
    pages = f"{application.config['PAGES']}."
    routes = {
        f"{method} {PATH_VALUE.sub(_braced, rule.rule)}"
        for rule in application.url_map.iter_rules()
        if not rule.endpoint.startswith(pages)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == set(operations)


def test_every_operation_has_an_id_a_summary_and_a_security_of_its_own(operations: dict[str, dict[str, Any]]) -> None:
    ids = Counter(one.get("operationId") for one in operations.values())
    assert None not in ids
    assert ids.most_common(1)[0][1] == 1, ids.most_common(3)
    for label, one in operations.items():
        assert one.get("summary"), label
        assert one["security"] in ([{"bearer": []}], [{"bearer": []}, {}]), label
        assert one["x-owner"], label
        assert one["x-roles"], label


def test_every_refusal_is_a_problem_that_the_table_knows(operations: dict[str, dict[str, Any]]) -> None:
    for label, one in operations.items():
        refusals = {int(status): said for status, said in one["responses"].items() if int(status) >= 400}
        assert {400, 401, 429, 500, 503} <= set(refusals), label
        for status, said in refusals.items():
            assert list(said["content"]) == [MEDIA_TYPE], f"{label} {status}"
            assert said["content"][MEDIA_TYPE]["schema"] == {"$ref": "#/components/schemas/Problem"}, (
                f"{label} {status}"
            )
            codes = NAMED.findall(said["description"])
            assert codes, f"{label} {status}"
            assert {PROBLEMS[code].status for code in codes} == {status}, f"{label} {status}"


def test_every_success_shows_its_shape(operations: dict[str, dict[str, Any]]) -> None:
    bare = {"GET /metrics", "GET /openapi.json"}  # not JSON of ours
    bare |= {"GET /v1/tiles/{layer}/{z}/{x}/{y}.mvt", "GET /v1/claims/{claim_id}/qr.svg"}
    bare |= {"GET /v1/settlements/{settlement_id}/lines.csv"}
    bare |= {"GET /v1/datasets/{city}/{kind}/versions/{version}/refused.csv"}
    bare |= {"GET /v1/datasets/{city}/{kind}/versions/{version}/diff.geojson"}  # RFC 7946 says its shape
    bare |= {"POST /v1/providers/{provider}/notify"}  # the one word that a provider waits for
    for label, one in operations.items():
        for status, said in one["responses"].items():
            if status in ("200", "201", "202") and label not in bare:
                assert all(shape.get("schema") for shape in said["content"].values()), f"{label} {status}"


def test_query_parameters_are_never_null_and_bodies_refuse_unknown_members(
    document: dict[str, Any], operations: dict[str, dict[str, Any]]
) -> None:
    for label, one in operations.items():
        for parameter in one.get("parameters", []):
            schema = parameter["schema"]
            assert isinstance(schema["type"], str), f"{label} {parameter['name']}"
            assert None not in schema.get("enum", []), f"{label} {parameter['name']}"
            assert schema.get("default", 0) is not None, f"{label} {parameter['name']}"
        bodies = one.get("requestBody", {}).get("content", {})
        for shape in (bodies[media] for media in bodies if media == "application/json"):
            named = shape["schema"]["$ref"].rsplit("/", 1)[1]
            body = document["components"]["schemas"][named]
            assert all(each["additionalProperties"] is False for each in body.get("oneOf", [body])), f"{label} {named}"


def test_answers_may_grow_and_bodies_may_not(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert "additionalProperties" not in schemas["Problem"]
    assert "additionalProperties" not in schemas["Fault"]  # reached through Problem
    assert [name for name, schema in schemas.items() if schema.get("additionalProperties") is False]
