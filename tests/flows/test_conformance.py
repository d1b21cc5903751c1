"""``fujin conformance``: green on a whole flow through a network that cuts, and each check red on a planted fault."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.core.clock import system_clock
from app.core.settings import Settings
from app.flow.cli import conformance
from app.flow.conformance.checks import CHECKS, UNSEEN, drive, open_run
from app.flow.conformance.report import as_markdown
from app.flow.wire import Client, Pool, Reply
from tests.conftest import MakeDatabase
from tests.factories.shops import Shop
from tests.faults.proxy import Cut, web_proxy
from tests.flows.conformance_faults import FAULTS, Breaking, Fault
from tests.flows.conformance_world import Copy, running_copy
from tests.servers import free_port, fujin

pytestmark = pytest.mark.timeout(
    300
)  # the green run waits for a group's deadline, and a busy machine starts servers slowly
REQUIRED = {"L4", "L5", "L6", "L7", "L8", "L9", "L11", "L12", "L13", "L15", "L16", "L17", "L18", "L22"}


@pytest.fixture(scope="module")
def copy(
    make_database: MakeDatabase,
    migrated_template: str,
    settings_for: Callable[[str], Settings],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Copy]:
    """A copy of the product, as somebody else would run it."""
    with running_copy(make_database(migrated_template), settings_for, tmp_path_factory.mktemp("copy"), "b") as found:
        _close_a_statement(found)
        yield found


def _close_a_statement(copy: Copy) -> None:
    """A sale that can't be reversed any more, in a closed statement."""
    shop = Shop(copy.loop)
    _, code = shop.claim(reversal_window_s=0, commission_bp=200)
    held = shop.used(code, mode="hold")
    shop.paid("redemption", held, shop.staff)
    until = system_clock() + timedelta(seconds=1)
    done = fujin(copy.settings, "settlements", "close", "--city", "here", "--until", until.isoformat(), "--json")
    assert json.loads(done.splitlines()[0])["state"] == "closed", done


def test_the_command_is_green_through_a_network_that_cuts(copy: Copy, tmp_path: Path) -> None:
    page, secret = tmp_path / "report.md", tmp_path / "secret"
    secret.write_text(copy.secret)
    port = free_port()
    cuts = (Cut(b"POST /v1/", 0.1), Cut(b"PUT /v1/", 0.1, after="request"), Cut(b"GET /v1/", 0.05))
    with web_proxy(port, copy.web.port, cuts=cuts, seed=random.Random(7).randrange(1000)) as proxy:
        done = _command(f"http://127.0.0.1:{port}", copy, "--json", "--markdown", str(page), secret=secret)
        assert sum(proxy.cut.values()) > 5
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    verdicts = {found["name"]: found["verdict"] for found in report["findings"]}
    assert report["green"] is True
    assert set(verdicts) == REQUIRED
    assert set(verdicts.values()) == {"held"}, verdicts
    assert {each["name"] for each in report["unseen"]} == {"L1", "L2", "L3", "L10", "L14", "L19", "L20", "L21"}
    published = page.read_text()
    assert "Not observable from outside" in published
    assert all(f"| {name} |" in published for name in REQUIRED)
    assert copy.secret not in done.stdout + done.stderr + published


def _command(url: str, copy: Copy, *more: str, secret: Path) -> Result:
    words = [url, "--as", copy.client_id, "--secret-file", str(secret), *more]
    return CliRunner().invoke(conformance, words)


def test_every_promise_is_either_checked_or_said_to_be_unseen() -> None:
    assert {name for name, _, _ in CHECKS} == REQUIRED
    assert not REQUIRED & {each.name for each in UNSEEN}
    assert {fault.check for fault in FAULTS} == REQUIRED


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.check}-{fault.name}")
def test_a_planted_fault_is_found(copy: Copy, fault: Fault) -> None:
    breaking = Breaking(Pool(), fault)
    client = Client(copy.web.address, copy.client_id, copy.secret, transport=breaking)
    run = open_run(client)
    run.settles_s = 6.0 if fault.check != "L12" else 15.0
    report = drive(run, client, [fault.check])
    found = report.findings[0]
    assert found.verdict == "broken", found
    assert fault.says in found.words, found.words
    assert breaking.broke > 0
    assert not report.green


def test_a_client_that_is_not_admitted_or_runs_no_place_is_told_so(copy: Copy, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not the secret")
    done = _command(copy.web.address, copy, secret=wrong)
    assert done.exit_code == 1
    assert "was refused a token (invalid-grant)" in done.stderr
    assert isinstance(done.exception, SystemExit)


def test_the_page_escapes_what_would_break_its_table(copy: Copy) -> None:
    client = Client(copy.web.address, copy.client_id, copy.secret)
    report = drive(open_run(client), client, ["L4"])
    broken = replace(report, findings=(replace(report.findings[0], words="a|b\nc"),))
    assert "a\\|b c |" in as_markdown(broken)


def test_what_lacks_what_the_contract_says_is_broken_and_no_crash(copy: Copy) -> None:
    def bare(_method: str, path: str, _sent: Any, reply: Reply, _memory: dict[str, Any]) -> Reply:
        return replace(reply, body=b"{}") if path == "/v1/claims" and reply.status == 201 else reply

    shape: Mapping[str, Any] = {"check": "L7", "name": "no claim_id", "says": "lacks what the contract says"}
    breaking = Breaking(Pool(), Fault(**shape, breaks=bare))
    client = Client(copy.web.address, copy.client_id, copy.secret, transport=breaking)
    report = drive(open_run(client), client, ["L7"])
    assert (report.findings[0].verdict, report.green) == ("broken", False)
