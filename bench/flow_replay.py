"""Records what a piece of the application sends to the database, and sends it again by pgbench, as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import make_url

BEGUN = "bench begun"


class Recorder:
    """Statements with their values written in, transaction by transaction, of everything that some engines send."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.statements = 0

    @contextmanager
    def on(self, *engines: sa.Engine) -> Iterator[list[str]]:
        """Records for a while; what was recorded is left in the list that is given."""
        listeners = (
            ("before_cursor_execute", self._sent),
            ("commit", self._committed),
            ("rollback", self._rolled_back),
        )
        for engine in engines:
            for name, listener in listeners:
                event.listen(engine, name, listener)
        try:
            yield self.lines
        finally:
            for engine in engines:
                for name, listener in listeners:
                    event.remove(engine, name, listener)

    def _sent(self, conn: sa.Connection, cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        begun: list[str] = conn.info.setdefault(BEGUN, [])
        for each in values if many and isinstance(values, list) else [values]:
            text = cursor.mogrify(statement, each or None).decode()
            begun.append(" ".join(text.split("\n")).rstrip("; ") + ";")
            self.statements += 1

    def _committed(self, conn: sa.Connection) -> None:
        self._ended(conn, "COMMIT;")

    def _rolled_back(self, conn: sa.Connection) -> None:
        self._ended(conn, "ROLLBACK;")

    def _ended(self, conn: sa.Connection, word: str) -> None:
        """Transactions of several connections at once follow each other in the order in which they ended."""
        begun = conn.info.pop(BEGUN, None)
        if begun:
            self.lines += ["BEGIN;", *begun, word]


def replay(url: str, scripts: Sequence[Sequence[str]], folder: Path) -> float:
    """Seconds that pgbench takes for all of them, a connection each, begun together."""
    program = shutil.which("pgbench")
    if program is None:
        raise SystemExit("bench: pgbench is missing; it comes with PostgreSQL (Debian: postgresql-contrib)")
    place = make_url(url)
    environment = {
        **os.environ,
        "PGHOST": str(place.query["host"]),
        "PGPORT": str(place.query["port"]),
        "PGUSER": str(place.username),
    }
    commands = []
    for number, lines in enumerate(scripts):
        file = folder / f"replay{number}.sql"
        file.write_text("\n".join(lines) + "\n")
        commands.append([program, "-n", "-c", "1", "-t", "1", "-f", str(file), str(place.database)])
    began = time.monotonic()
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for command in commands
    ]
    for process in running:
        said, wrong = process.communicate()
        if process.returncode or "aborted" in wrong:
            raise SystemExit(f"bench: pgbench failed\n{said[-500:]}{wrong[-1500:]}")
    return time.monotonic() - began
