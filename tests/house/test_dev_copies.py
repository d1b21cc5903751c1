"""Two copies of ./dev never meet: who has which port, and whose process a pid is."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools import ports, processes, server
from devtools.processes import Running
from devtools.state import State
from devtools.terminal import Trouble


@pytest.fixture
def own_state(tmp_path: Path) -> State:
    """A state directory as open_state makes it."""
    base = tmp_path / "state"
    (base / "logs").mkdir(parents=True)
    (base / "stamps").mkdir()
    return State(base)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Another program's port on the loopback address."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits for its standard input to end, in a session of its own."""
    child = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdin
    assert child.stdout
    child.stdout.readline()
    yield child
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()


# Ports.


def test_a_taken_port_that_was_asked_for_is_refused_with_a_way_out(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(Trouble, match=f"Port {port} is taken") as caught:
        ports.reserve(port)
    assert f"--port {port + 1}" in caught.value.mend


def test_without_a_wish_the_next_free_port_is_taken(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    port = listener.getsockname()[1]
    monkeypatch.setattr(ports, "DEFAULT", port)
    held = ports.reserve(None)
    assert port < held.port < port + ports.TRIES
    held.release()


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")
def test_a_port_held_by_one_copy_is_not_given_to_another(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    first, second = ports.Reservation(port), ports.Reservation(port)
    assert first.hold()
    assert not second.hold()
    first.release()
    assert second.hold()
    second.release()


@pytest.mark.parametrize("text", ["0", "65536", "-1", "8e3", "٨٠٠٠", "1000000", "80 80"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(Trouble, match="is not a port"):
        ports.wanted(text)


def test_the_argument_wins_over_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUJIN_PORT", "9001")
    assert ports.wanted(None) == 9001
    assert ports.wanted("9002") == 9002


# Processes.


def test_a_pid_counts_only_with_the_moment_it_began(sleeper: subprocess.Popen[bytes]) -> None:
    mark = processes.began(sleeper.pid)
    assert processes.same(sleeper.pid, mark)
    assert not processes.same(sleeper.pid, mark + "1")
    assert not processes.same(sleeper.pid, "")
    assert not processes.same(1, processes.began(1))


def test_a_process_with_another_mark_is_left_alone(sleeper: subprocess.Popen[bytes]) -> None:
    assert processes.end(sleeper.pid, "another boot:1", grace_s=0.1)
    assert processes.end_session(sleeper.pid, "another boot:1", sys.executable, grace_s=0.1) == 0
    assert sleeper.poll() is None


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_sessions_rest_is_ended_only_if_it_runs_our_program(sleeper: subprocess.Popen[bytes]) -> None:
    mark = processes.began(sleeper.pid)
    assert processes.end_session(sleeper.pid, mark, "/another/.venv", grace_s=0.1) == 0
    assert processes.end_session(sleeper.pid, mark, sys.executable, grace_s=10) == 1
    assert sleeper.wait(10) != 0


def test_a_pid_file_comes_back_as_it_was_written(own_state: State) -> None:
    path = server.copy_file(own_state, "demo")
    copy = Running("demo", "http://127.0.0.1:8000", os.getpid(), processes.began(os.getpid()), 0, "")
    processes.write_running(path, copy)
    assert processes.read_running(path) == copy
    assert server.running(own_state, "demo") == copy


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', "null"])
def test_a_damaged_pid_file_names_no_copy(own_state: State, text: str) -> None:
    server.copy_file(own_state, "demo").write_text(text)
    assert processes.read_running(server.copy_file(own_state, "demo")) is None
    assert not server.stop(own_state, "demo")


def test_only_one_copy_of_a_kind_runs(own_state: State) -> None:
    with server.only_copy(own_state, "demo") as first, server.only_copy(own_state, "run") as other_kind:
        assert (first, other_kind) == (True, True)
        with server.only_copy(own_state, "demo") as second:
            assert not second
        assert server.copy_file(own_state, "demo").exists()
    assert not server.copy_file(own_state, "demo").exists()
