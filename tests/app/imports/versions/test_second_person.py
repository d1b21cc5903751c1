"""Who may be the second person, and for what an approval holds."""

from __future__ import annotations

from app.core.clock import system_clock
from tests.app.imports.loadfiles import place
from tests.factories.loads import KIND, Town

MANY = [place(f"p{number}") for number in range(40)]


def test_one_person_in_two_roles_is_no_second_person(town: Town) -> None:
    grant = "INSERT INTO role_grants VALUES (:id, 'admin', 1, :now)"
    town.run(grant, id=town.operator, now=system_clock())
    town.shown(MANY)
    for loads, approves in (("operator", "admin"), ("admin", "operator")):
        sent = town.send(MANY[:3], by=(town.operator, loads))
        assert sent.status_code == 202, sent.get_json()
        town.work()
        where = f"{KIND}/versions/{sent.get_json()['version']}"
        own = town.post(f"{where}/approve", {"note": "I am sure"}, by=(town.operator, approves))
        assert (own.status_code, own.get_json().get("code")) == (409, "second-person-needed")
        asked = town.post(f"{where}/activate", {"note": "I am sure"}, by=(town.operator, approves))
        assert (asked.status_code, asked.get_json().get("code")) == (409, "approval-needed")
        assert town.post(f"{where}/discard").status_code == 200
        town.work()


def test_an_approval_holds_against_what_readers_saw_when_it_was_given(town: Town) -> None:
    """What loses nothing against the version of today may lose most of the one that is shown again tomorrow."""
    town.shown([*MANY, place("more")])
    town.shown(MANY[:8])
    waiting = town.loaded(MANY[1:9])
    assert waiting["gate"]["verdict"] == "open"
    where = f"{KIND}/versions/{waiting['version']}"
    second = (town.second, "operator")
    assert town.post(f"{where}/approve", {"note": "nothing is lost"}, by=second).status_code == 200
    assert town.post(f"{KIND}/rollback", {"note": "too few"}).status_code == 202
    assert town.work() == ["active"]
    asked = town.post(f"{where}/activate", {"note": "go on"})
    assert (asked.status_code, asked.get_json().get("code")) == (409, "approval-needed")
    assert asked.get_json()["gate"]["verdict"] == "second_person"
    assert town.post(f"{where}/approve", {"note": "33 are lost, rightly"}, by=second).status_code == 200
    assert town.post(f"{where}/activate").status_code == 202
    assert town.work() == ["active"]
