"""A bound process gets no more memory, time, room or network than it was allowed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.imports.reading.limits import ENVIRONMENT, Allowance

START = (
    "import resource, socket, sys\n"
    "from app.imports.reading.limits import Allowance, apply_limits\n"
    "undone = apply_limits(Allowance(memory_bytes=600_000_000, cpu_s=1, file_bytes=1_000_000))\n"
)


def bound(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START + code],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={**os.environ, **ENVIRONMENT, "PYTHONPATH": "."},
    )


def test_memory_is_refused_beyond_the_allowance() -> None:
    told = bound("try:\n    bytearray(700_000_000)\nexcept MemoryError:\n    print('refused')")
    assert told.stdout == "refused\n", told.stderr


def test_endless_loop_is_ended() -> None:
    assert bound("while True: pass").returncode in (-9, -24)


def test_too_large_file_is_cut_off(tmp_path: Path) -> None:
    target = tmp_path / "large"
    bound(f"open({str(target)!r}, 'wb').write(b'x' * 3_000_000)")
    assert target.stat().st_size <= 1_000_000


def test_network_is_gone() -> None:
    told = bound(
        "try:\n    socket.create_connection(('127.0.0.1', 1), 1)\n"
        "except ConnectionRefusedError:\n    print('there')\nexcept OSError:\n    print('gone')\n"
        "print(undone)"
    )
    if "could not be cut off" in told.stdout:
        pytest.skip("this machine has no network namespaces for us")
    assert told.stdout == "gone\n()\n", told.stderr


@pytest.mark.parametrize(
    ("modules", "strange"),
    [
        ("app.factory", {"pyogrio", "pyarrow", "osmium"}),
        ("app.imports.frames, app.imports.reader", {"sqlalchemy", "geoalchemy2", "psycopg2", "flask"}),
    ],
)
def test_what_reads_files_and_what_asks_the_database_are_strangers(modules: str, strange: set[str]) -> None:
    code = f"import sys, {modules}; print(sorted({strange} & set(sys.modules)))"
    told = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert told.stdout == "[]\n"


def test_allowance_grows_with_the_file() -> None:
    assert [Allowance.of_file(size).cpu_s for size in (0, 99_999_999, 250_000_000)] == [60, 60, 180]
