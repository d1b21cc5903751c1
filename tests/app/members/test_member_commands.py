"""Commands about people, as an operator of the installation runs them."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.testing import FlaskClient

from app.core.ids import new_city_id
from app.members import cli
from tests.app.members.people import PASSWORD, PHONE, People, bearer, code_sent


@pytest.fixture
def fujin(app: Flask) -> Any:
    group = click.Group("fujin", commands={str(command.name): command for command in cli.commands})

    def run(*arguments: str) -> Result:
        with app.app_context():
            return CliRunner().invoke(group, list(arguments))

    return run


def plant_demo(people: People) -> dict[str, Any]:
    first, second, place_id = people.merchant(2), people.merchant(2), new_city_id(2)
    made = {name: people.member(name) for name in cli.DEMO_PEOPLE}
    people.works(made["staff1"], first, "staff", place_id)
    people.works(made["owner1"], first, "owner")
    people.works(made["owner2"], second, "owner")
    people.granted(made["operator1"], "operator", 2)
    people.granted(made["operator2"], "operator", people.city(3, "city3"))
    people.granted(made["admin"], "admin", people.city(1, "world"))
    people.client(cli.DEMO_PARTNER, "x", first)
    return {"first": str(first), "second": str(second), "place": str(place_id), **made}


def test_tokens_of_every_demo_role_work(fujin: Any, client: FlaskClient, people: People) -> None:
    made = plant_demo(people)
    printed = json.loads(fujin("tokens").output)
    assert {name: entry["role"] for name, entry in printed.items()} == cli.DEMO_PEOPLE | {"partner1": "partner"}
    for name, entry in printed.items():
        me = client.get("/v1/me", headers=bearer(entry["token"])).json
        assert (me["role"], entry["principal"]) == (entry["role"], name)
        assert me["subject"] == entry.get("member_id", entry.get("client_id"))
    assert {name: entry["merchant_id"] for name, entry in printed.items() if "merchant_id" in entry} == {
        "staff1": made["first"],
        "owner1": made["first"],
        "owner2": made["second"],
        "partner1": made["first"],
    }
    assert {name: entry["city_id"] for name, entry in printed.items() if "city_id" in entry} == {
        "operator1": 2,
        "operator2": 3,
    }
    assert printed["staff1"]["place_ids"] == [made["place"]]


def test_tokens_without_demo_data_say_what_to_do(fujin: Any, people: People) -> None:
    done = fujin("tokens")
    assert done.exit_code == 1
    assert "fujin seed" in done.output


def test_code_is_printed_alone_or_whole(fujin: Any, client: FlaskClient) -> None:
    assert fujin("otp").exit_code == 1
    code = code_sent(client)
    code_sent(client, "+4915112345678")
    assert fujin("otp", "--phone", PHONE).output == f"{code}\n"
    assert json.loads(fujin("otp", "--json", "--phone", PHONE).output)["phone"] == PHONE


def test_added_person_signs_in_and_loses_a_role_at_once(fujin: Any, client: FlaskClient, people: People) -> None:
    people.city(1, "world")
    people.city(2, "hangzhou")
    assert fujin("users", "add", "Boss", "--password", PASSWORD, "--name", "The Boss").exit_code == 0
    assert fujin("users", "grant", "boss", "operator", "--city", "hangzhou").exit_code == 0
    assert fujin("users", "grant", "boss", "admin").exit_code == 0
    body = {"grant_type": "password", "login": "boss", "password": PASSWORD}
    got = client.post("/v1/auth/token", json=body).json
    assert got["role"] == "admin"
    assert fujin("users", "revoke", "boss", "admin").exit_code == 0
    assert client.get("/v1/me", headers=bearer(got["access_token"])).status_code == 403
    assert client.post("/v1/auth/token", json=body).json["role"] == "operator"


def test_subject_of_another_issuer_gets_a_role(fujin: Any, people: People) -> None:
    people.city(1, "world")
    member_id = people.member("known")
    people.run("UPDATE login_names SET login_norm = 'oidc:https://id.example|user-7'")
    assert fujin("users", "grant", "oidc:https://id.example|user-7", "admin").exit_code == 0
    assert people.run("SELECT member_id FROM role_grants WHERE role = 'admin'").scalar_one() == member_id


@pytest.mark.parametrize(
    "arguments",
    [
        ("users", "add", "boss", "--password", "short"),
        ("users", "add", "boss", "--password", "aaaaaaaaaaaaaaaaaaaa"),
        ("users", "add", "boss", "--password", "the boss himself 123"),
        ("users", "grant", "nobody", "admin"),
        ("users", "grant", "known", "operator"),
        ("users", "grant", "known", "operator", "--city", "nowhere"),
        ("users", "grant", "known", "admin", "--city", "hangzhou"),
        ("users", "grant", "known", "admin"),
    ],
)
def test_command_that_can_not_be_done_changes_nothing(fujin: Any, people: People, arguments: tuple[str, ...]) -> None:
    people.member("known")
    assert fujin(*arguments).exit_code == 1
    assert people.run("SELECT count(*) FROM members").scalar_one() == 1
    assert people.run("SELECT count(*) FROM role_grants").scalar_one() == 0


def test_rotated_key_signs_and_the_old_one_still_verifies(fujin: Any, client: FlaskClient, people: People) -> None:
    plant_demo(people)
    old = json.loads(fujin("tokens").output)["member1"]["token"]
    kid = json.loads(fujin("keys", "rotate").output)["kid"]
    assert kid in [key["kid"] for key in client.get("/.well-known/jwks.json").json["keys"]]
    new = json.loads(fujin("tokens").output)["member1"]["token"]
    for token in (old, new):
        assert client.get("/v1/me", headers=bearer(token)).status_code == 200
