"""./dev without a cluster: names, stamps, what is on the machine, and what the messages say."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from devtools import (
    checks,
    cluster,
    commands,
    database,
    frontend,
    packages,
    python_env,
    state,
)
from devtools.packages import Postgres
from devtools.state import ROOT, State
from devtools.terminal import Trouble, failure, span, tail

SERVER_15 = Postgres(15, Path("/a"), postgis=True)


def dev(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ./dev as a person does."""
    env = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(
        [sys.executable, str(ROOT / "dev"), *arguments], env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture
def own_state(tmp_path: Path) -> State:
    """A state directory as open_state makes it."""
    base = tmp_path / "state"
    (base / "logs").mkdir(parents=True)
    (base / "stamps").mkdir()
    return State(base)


# Names and places.


def test_two_checkouts_and_two_accounts_have_different_directories() -> None:
    names = {state.state_name(uid, Path(path)) for uid in (0, 1000) for path in ("/srv/a", "/srv/b")}
    assert len(names) == 4


def test_a_link_to_a_checkout_leads_to_the_same_directory(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert state.state_name(0, tmp_path / "link") == state.state_name(0, tmp_path / "real")


def test_the_longest_usual_socket_path_fits_the_kernels_limit() -> None:
    name = state.state_name(2**32 - 2, Path("/" + "deep/" * 200))
    state.check_socket_path(Path("/var/tmp") / name / "demo" / "s")


def test_a_socket_path_that_is_too_long_is_refused_with_its_length() -> None:
    with pytest.raises(Trouble, match=r"has 1\d\d bytes; 103 is the limit") as caught:
        state.check_socket_path(Path("/var/tmp") / ("x" * 90))
    assert "FUJIN_DEV_DIR" in caught.value.mend


def test_a_directory_that_others_may_write_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUJIN_DEV_DIR", str(tmp_path))
    state.state_path().mkdir()
    state.state_path().chmod(0o777)
    with pytest.raises(Trouble, match="not this account's own"):
        state.open_state()


def test_a_link_in_place_of_the_directory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUJIN_DEV_DIR", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    state.state_path().symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Trouble, match="not this account's own"):
        state.open_state()


def test_secrets_are_made_once_and_readable_by_their_owner_alone(own_state: State) -> None:
    first = state.secrets_of(own_state, ["A", "B"])
    assert state.secrets_of(own_state, ["B", "A", "C"]) | {"C": ""} == first | {"C": ""}
    assert own_state.secrets.stat().st_mode & 0o777 == 0o600
    assert len(first["A"]) >= 43
    assert first["A"] != first["B"]


# Stamps.


def test_a_stamp_changes_with_a_files_content_its_absence_and_the_words(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    seen = {state.digest_of([file], "dev")}
    for text in ("flask==3.1.3\n", "flask==3.1.4\n"):
        file.write_text(text)
        seen |= {state.digest_of([file], "dev"), state.digest_of([file], "runtime")}
    assert len(seen) == 5


def test_the_same_files_in_another_order_have_the_same_stamp(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")
    assert state.digest_of([one, two]) == state.digest_of([two, one])


def test_the_pages_sources_leave_out_what_is_installed_or_built(tmp_path: Path) -> None:
    for name in ("src/main.ts", "node_modules/ol/index.js", "static/build/main.js", "templates/page.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert state.files_below(tmp_path, frontend.NO_SOURCE) == [tmp_path / "src/main.ts"]


def test_pip_settings_are_seen_in_the_environment_and_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in python_env.INDEX_KEYS:
        monkeypatch.delenv("PIP_" + key.upper().replace("-", "_"), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    config = tmp_path / ".config/pip/pip.conf"
    config.parent.mkdir(parents=True)
    config.write_text("[global]\nindex-url = https://packages.example/simple\n")
    assert python_env.pip_is_configured()
    config.write_text("[global]\ntimeout = 60\n")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://packages.example/simple")
    assert python_env.pip_is_configured()


# What is on the machine.


def test_the_best_server_is_chosen_unless_data_wants_its_own_version() -> None:
    found = [Postgres(17, Path("/c"), postgis=True), SERVER_15, Postgres(18, Path("/b"), postgis=False)]
    assert packages.choose(found, None) == found[0]
    assert packages.choose(found, 15) == SERVER_15
    assert packages.choose(found, 16) is None


@pytest.mark.parametrize(
    ("words", "version"),
    [
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", 15),
        ("postgres (PostgreSQL) 18beta1", 18),
        ("", 0),
        ("postgres: command not found", 0),
    ],
)
def test_the_servers_version_is_read_from_its_words(words: str, version: int) -> None:
    assert packages.major_version(words) == version


def test_without_rights_the_message_holds_the_command(own_state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "privilege", lambda: None)
    monkeypatch.setattr(packages, "venv_works", lambda: True)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Trouble, match="may not do it") as caught:
        packages.Apt(own_state, "PostGIS", ["postgresql-15-postgis-3"]).refresh()
    assert "sudo sh -c 'apt-get update && apt-get install -y postgresql-15-postgis-3'" in caught.value.mend


def test_the_oldest_node_is_known_by_its_words() -> None:
    assert [frontend.node_major(words) for words in ("v20.20.2\n", "v8.1.0", "20.1", "")] == [20, 8, 0, 0]


# Databases.


def test_a_url_is_written_for_libpq_and_for_the_app() -> None:
    for scheme in ("postgres", "postgresql", "postgresql+psycopg2", "postgresql+psycopg"):
        assert database.libpq_url(f"{scheme}://u:p@h/d") == "postgresql://u:p@h/d"
        assert database.sqlalchemy_url(f"{scheme}://u:p@h/d") == "postgresql+psycopg2://u:p@h/d"


@pytest.mark.parametrize("url", ["mysql://h/d", "host=h dbname=d", "/var/run/postgresql"])
def test_another_kind_of_url_is_refused(url: str) -> None:
    with pytest.raises(Trouble, match="not a PostgreSQL URL"):
        database.libpq_url(url)


def test_a_shown_url_holds_no_password() -> None:
    assert database.shown("postgresql://user:secret@db.example:5432/fujin") == "db.example:5432/fujin"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("postgresql://u:p%40q@h:5/d?sslmode=require", "postgresql://r:p%40q@h:5/d?sslmode=require"),
        ("postgresql://u@h/d", "postgresql://r@h/d"),
        ("postgresql:///d?host=/run/pg", "postgresql://r@/d?host=/run/pg"),
    ],
)
def test_a_role_takes_the_place_of_the_given_user(given: str, wanted: str) -> None:
    assert database.for_role(given, "r") == wanted


def test_the_private_server_never_uses_the_usual_port_or_the_network(
    own_state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "SOCKET_PATH_MAX", 1000)
    assert cluster.SETTINGS["listen_addresses"] == ""
    assert "port=54329" in cluster.Cluster(own_state, "demo", SERVER_15).url("fujin_app", "fujin")


def test_only_the_tests_server_may_lose_data() -> None:
    assert not {"fsync", "synchronous_commit", "full_page_writes"} & set(cluster.SETTINGS)
    assert {"fsync", "synchronous_commit", "full_page_writes"} <= set(cluster.RELAXED)


@pytest.mark.parametrize(("room", "uid", "kept"), [(0, 999, True), (1 << 60, 999, False), (0, 1000, False)])
def test_only_the_tests_server_lives_in_memory_and_only_where_there_is_room(
    own_state: State, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, room: int, uid: int, kept: bool
) -> None:
    monkeypatch.setattr(state, "SOCKET_PATH_MAX", 1000)
    monkeypatch.setattr(cluster, "MEMORY_DISK", tmp_path)
    monkeypatch.setattr(cluster, "ROOM_IN_MEMORY", room)
    monkeypatch.setattr(os, "chown", lambda *_args: None)
    monkeypatch.setattr(cluster.Cluster, "_run", lambda _self, _title, argv, _log: Path(argv[2]).mkdir())
    for name in ("demo", "test"):
        server = cluster.Cluster(own_state, name, SERVER_15)
        server.account = cluster.Account(uid, uid, {})
        server._make()
        assert server.data.is_symlink() is (kept and name == "test")
        assert server.data.is_dir()
        server.forget()
        assert server.data.exists() is not (kept and name == "test")
    assert list(tmp_path.glob(f"{own_state.base.name}-*")) == []


# Messages.


def test_a_full_disk_is_named_whatever_the_command_made_of_it(tmp_path: Path) -> None:
    log = tmp_path / "pip.log"
    log.write_text(
        "$ pip install\nERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"
    )
    told = failure("Installing Python packages failed.", "look at the log.", log).text()
    assert "The disk is full." in told
    assert "free at least 1 GB" in told
    assert str(log) in told


def test_set_up_refuses_to_begin_on_a_nearly_full_disk(own_state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "ROOM_NEEDED", 10**18)
    with pytest.raises(Trouble, match="MB left"):
        state.need_room(own_state)


def test_a_full_disk_met_by_ourselves_is_no_traceback() -> None:
    what, mend = commands._of_system(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/var/tmp/x"))
    assert "/var/tmp/x" in what
    assert "free at least 1 GB" in mend


def test_a_progress_bar_in_a_log_shows_its_last_state(tmp_path: Path) -> None:
    log = tmp_path / "seed.log"
    log.write_bytes(b"start\n 10 %\r 20 %\r 30 %\n\n\xff\n")
    assert tail(log, 5) == ["start", " 30 %", "\N{REPLACEMENT CHARACTER}"]


def test_durations_are_said_as_people_say_them() -> None:
    assert [span(0.04), span(12.34), span(125)] == ["0.0 s", "12.3 s", "2 min 5 s"]


def test_help_names_every_command() -> None:
    told = dev("--help")
    assert told.returncode == 0
    for name in commands.COMMANDS:
        assert f"\n  {name} " in told.stdout


def test_an_unknown_command_is_refused_without_a_traceback() -> None:
    told = dev("dmeo")
    assert told.returncode == 1
    assert "There is no command 'dmeo'" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_wrong_port_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    told = dev("demo", "--port", "http", FUJIN_DEV_DIR=str(tmp_path))
    assert told.returncode == 1
    assert "'http' is not a port" in told.stderr
    assert list(tmp_path.iterdir()) == []


def test_stopping_nothing_is_no_error(tmp_path: Path) -> None:
    told = dev("stop", FUJIN_DEV_DIR=str(tmp_path))
    assert told.returncode == 0
    assert "No copy of this checkout is running" in told.stderr


# Tests of tests.
PARALLEL = ["-n", "3", "--dist", "loadscope", "--no-loadscope-reorder"]


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], PARALLEL),
        (["-k", "claims"], PARALLEL),
        (["tests/geo"], PARALLEL),
        (["tests/geo/test_cells.py::test_one"], []),
        (["-n0"], []),
        (["--pdb"], []),
        (["--numprocesses=3"], []),
    ],
)
def test_two_processes_unless_the_person_chose_otherwise(arguments: list[str], options: list[str]) -> None:
    assert checks.pytest_options(arguments) == options


def test_the_summary_counts_come_from_the_report(tmp_path: Path) -> None:
    report = tmp_path / "pytest.xml"
    assert checks.counts(report) == ""
    report.write_text('<testsuites><testsuite tests="9" failures="1" errors="0" skipped="2"/></testsuites>')
    assert checks.counts(report) == "6 passed, 1 failed, 2 skipped"


def test_tests_do_not_see_the_persons_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FUJIN_PORT", "DATABASE_URL", "PGHOST", "FLASK_APP", "PYTHONPATH"):
        monkeypatch.setenv(name, "x")
    kept = checks.clean_env()
    assert not [name for name in kept if name.startswith(("FUJIN_", "DATABASE_", "PG", "FLASK_", "PYTHONPATH"))]
    assert kept["PATH"] == os.environ["PATH"]
