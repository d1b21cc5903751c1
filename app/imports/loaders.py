"""The worker's side of work on versions: finds what is due and lets a process of its own do it.

COPY is refused in the worker (its waits for the database have a deadline), and a reader that runs wild must not take
the worker along. One process at a time a loop; it ends with the worker.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from app.http.services import Services
from app.imports import purging, queries_jobs, scratch, uploads

log = logging.getLogger("fujin.loads")

ROOT: Final = Path(__file__).parent.parent.parent
LOOKED_AFTER_S: Final = 0.1
EVERY_CITY: Final = 10_000


@dataclass(frozen=True, slots=True)
class Loaders:
    """Starts processes for due work of some tasks and waits for them, until ``stopping``."""

    services: Services
    stopping: threading.Event

    def turn(self, tasks: Sequence[str]) -> int:
        """Lets one piece of due work be done; 0 when there is none."""
        with self.services.database.read_primary() as conn:
            due = queries_jobs.due_work(conn, tasks, self.services.clock(), limit=1)
        for city_id, dataset_id in due:
            by = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
            code = self._wait(self._start(city_id, dataset_id, by, hurries="activate" in tasks))
            if code:
                scratch.sweep()
                log.warning("work on a version ended early", extra={"exit_code": code, "dataset_id": str(dataset_id)})
                with self.services.database.write() as conn:
                    queries_jobs.release(conn, city_id, dataset_id, by)
                    conn.commit()
        return len(due)

    def _start(self, city_id: int, dataset_id: UUID, by: str, *, hurries: bool) -> subprocess.Popen[bytes]:
        words = ["-m", "flask", "--app", "wsgi", "fujin", "datasets", "work", str(city_id), str(dataset_id), "--by", by]
        argv = [sys.executable, *words, *([] if hurries else ["--gives-way"])]
        return subprocess.Popen(argv, cwd=ROOT, env=dict(os.environ), stdin=subprocess.DEVNULL)  # noqa: S603 - our own

    def _wait(self, child: subprocess.Popen[bytes]) -> int:
        """Its exit code; a worker that is to stop ends it: another one takes the work again."""
        while True:
            try:
                return child.wait(LOOKED_AFTER_S)
            except subprocess.TimeoutExpired:
                if self.stopping.is_set():
                    child.kill()  # what it has begun ends with its connection; nothing of it was committed
                    return child.wait()

    def keep_house(self) -> int:
        """Marks old versions for removal, forgets and removes files past their time; always rests afterwards."""
        settings, now = self.services.settings, self.services.clock()
        wanted: set[UUID] = set()
        with self.services.database.read_primary() as conn:
            city_ids = queries_jobs.cities_with_loads(conn, EVERY_CITY)
        for city_id in city_ids:
            with self.services.database.write() as conn:
                purging.retire_old(conn, city_id, now, settings.versions_kept)
                queries_jobs.forget_files(conn, city_id, now)
                wanted |= set(queries_jobs.wanted_files(conn, city_id, now))
                conn.commit()
        uploads.sweep(uploads.folder_of(settings), wanted)
        scratch.sweep()
        return 0
