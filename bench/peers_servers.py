"""The peers' servers: installed into environments of their own, started on a free port, stopped by their own pid."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from sqlalchemy.engine import URL

from app.core.processes import end_with_parent
from devtools.packages import Apt
from devtools.state import State, digest_of
from devtools.terminal import Trouble
from tests.servers import children_of, end, free_port

SOURCES = Path(__file__).parent / "peers"
WORKERS, THREADS = 2, 8


class Missing(Exception):
    """A peer can't be had on this machine; says why in a line."""


class Server(Protocol):
    """Anything that is started, answers at a port, and is stopped."""

    port: int

    def start(self) -> None:
        """Starts it and waits until it answers."""

    def stop(self) -> None:
        """Stops it and all it started."""


@dataclass
class Process:
    """A server of one start line; ``ready`` is the path that answers once it is up, None a port that listens."""

    command: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    port: int
    ready: str
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Starts it; Missing, with the end of its log, when it is not ready within a minute."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**_clean(), **self.env},
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - no threads run while servers are started
            )
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}{self.ready}", timeout=10).close()
                return
            except urllib.error.HTTPError as error:
                error.close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        self.stop()
        raise Missing(f"it did not become ready: {_last_line(self.log)}")

    def stop(self) -> None:
        """Asks it to end, makes it after ten seconds, and its children with it."""
        if self.process is None:
            return
        children = children_of(self.process.pid)
        if not end(self.process):
            for pid in children:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process = None


def _clean() -> dict[str, str]:
    """Our environment without what is ours: settings, database, Python."""
    ours = ("FUJIN_", "DATABASE_", "FLASK_", "PYTHON", "VIRTUAL_ENV", "PG")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it said nothing"


def installed(state: State, name: str) -> Path:
    """The programs of a peer's virtual environment, made when its requirements have changed; Missing when it fails."""
    wanted = SOURCES / name / "requirements.txt"
    folder = state.base / "peers" / name
    stamp = folder / "installed"
    digest = digest_of([wanted], sys.version)
    if not stamp.exists() or stamp.read_text() != digest:
        print(f"installing {name} …", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        log = state.log(f"peers-{name}")
        with log.open("wb") as output:
            for command in (
                [sys.executable, "-m", "venv", str(folder)],
                [str(folder / "bin" / "python"), "-m", "pip", "install", "--no-deps", "-q", "-r", str(wanted)],
            ):
                if subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False).returncode:
                    raise Missing(f"its packages can't be installed: {_last_line(log)}")
        stamp.write_text(digest)
    return folder / "bin"


def versions() -> list[str]:
    """What is pinned of the peers themselves."""
    wanted = {"Django", "djangorestframework-gis", "tipg", "pygeoapi"}
    pins = [line.split("==") for path in sorted(SOURCES.glob("*/requirements.txt")) for line in path.open()]
    found = [f"{pin[0]} {pin[1].strip()}" for pin in pins if pin[0] in wanted]
    program = shutil.which("redis-server") or shutil.which("redis-check-rdb")
    if program:
        called = ["redis-server", "--version"]
        said = subprocess.run(called, executable=program, capture_output=True, text=True, check=False).stdout
        found += [f"Redis {word.removeprefix('v=')}" for word in said.split() if word.startswith("v=")]
    return found


def geodjango(state: State, url: URL, folder: Path) -> Server:
    """GeoDjango behind gunicorn with our numbers of processes and threads."""
    port, programs = free_port(), installed(state, "geodjango")
    command = [str(programs / "gunicorn"), *_gunicorn(port), "wsgi:application"]
    return Process(command, _libpq(url), SOURCES / "geodjango", port, _NEARBY, folder / "geodjango.log")


_NEARBY = "/places/nearby?lat=0&lon=0&radius_m=1"


def tipg(state: State, url: URL, folder: Path) -> Server:
    """tipg behind uvicorn with two processes; a table and a function as collections, no look at the catalogue later."""
    port, programs = free_port(), installed(state, "tipg")
    command = [str(programs / "uvicorn"), "tipg.main:app", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", str(WORKERS), "--no-access-log", "--log-level", "warning"]
    env = {
        "DATABASE_URL": _plain(url),
        "TIPG_DB_SCHEMAS": '["peers"]',
        "TIPG_DB_TABLES": '["peers.feature"]',
        "TIPG_DB_FUNCTIONS": '["peers.nearby"]',
        "TIPG_CATALOG_TTL": "0",
    }
    return Process(command, env, folder, port, "/collections/peers.feature/items?limit=1", folder / "tipg.log")


def pygeoapi(state: State, url: URL, folder: Path) -> Server:
    """pygeoapi behind gunicorn with our numbers of processes and threads, its PostgreSQL provider, plain JSON."""
    port, programs = free_port(), installed(state, "pygeoapi")
    config, openapi, log = folder / "pygeoapi.yml", folder / "pygeoapi-openapi.json", folder / "pygeoapi.log"
    config.write_text(json.dumps(_pygeoapi_config(url, port)))  # JSON is YAML
    generate = [str(programs / "pygeoapi"), "openapi", "generate", str(config), "--format", "json"]
    with log.open("ab") as output:
        made = subprocess.run(
            [*generate, "--output-file", str(openapi)],
            env=_clean(),
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if made.returncode:
        raise Missing(f"its API document can't be made: {_last_line(log)}")
    command = [str(programs / "gunicorn"), *_gunicorn(port), "pygeoapi.flask_app:APP"]
    env = {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(openapi)}
    return Process(command, env, folder, port, "/collections/places/items?f=json&limit=1", log)


def redis_program(state: State) -> Path:
    """redis-server; of Debian only the package with the tools is installed, which starts no service.

    The server's binary is in it under the name of the checker; the name that it is called by says what it is.
    """
    found = shutil.which("redis-server")
    if found:
        return Path(found)
    try:
        if shutil.which("redis-check-rdb") is None:
            apt = Apt(state, "Redis", ["redis-tools"])
            apt.refresh()
            apt.install(["redis-tools"])
    except Trouble as trouble:
        raise Missing(trouble.what) from trouble
    binary = shutil.which("redis-check-rdb")
    if binary is None:
        raise Missing("redis-server was not found")
    link = state.base / "peers" / "redis-server"
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(binary)
    return link


def _gunicorn(port: int) -> list[str]:
    return [
        *("-b", f"127.0.0.1:{port}", "--worker-class", "gthread", "--workers", str(WORKERS)),
        *("--threads", str(THREADS), "--keep-alive", "5", "--no-control-socket", "--log-level", "warning"),
    ]


def _libpq(url: URL) -> dict[str, str]:
    """The variables that libpq reads."""
    host, port = _place(url)
    found = {"PGHOST": host, "PGPORT": port, "PGUSER": url.username, "PGPASSWORD": url.password}
    return {name: value for name, value in found.items() if value} | {"PGDATABASE": str(url.database)}


def _place(url: URL) -> tuple[str, str]:
    query = {name: value if isinstance(value, str) else value[0] for name, value in url.query.items()}
    return url.host or query.get("host", "127.0.0.1"), str(url.port or query.get("port", "5432"))


def _plain(url: URL) -> str:
    """A URL as asyncpg reads it, a socket's folder in the place of the host."""
    host, port = _place(url)
    secret = f":{quote(url.password, safe='')}" if url.password else ""
    return f"postgresql://{url.username}{secret}@{quote(host, safe='')}:{port}/{url.database}"


def _pygeoapi_config(url: URL, port: int) -> dict[str, object]:
    host, database_port = _place(url)
    data = {"host": host, "port": int(database_port), "dbname": url.database, "user": url.username}
    provider = {
        "type": "feature",
        "name": "PostgreSQL",
        "data": {**data, "password": url.password or "", "search_path": ["peers", "public"]},
        "id_field": "id",
        "table": "feature",
        "geom_field": "geom",
    }
    places = {
        "type": "collection",
        "title": "Places",
        "description": "Places",
        "keywords": ["places"],
        "links": [],
        "extents": {"spatial": {"bbox": [-180, -90, 180, 90]}},
        "providers": [provider],
    }
    nobody = {"name": "nobody", "url": "http://127.0.0.1"}
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": port},
            "url": f"http://127.0.0.1:{port}",
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "gzip": False,
            "languages": ["en-US"],
            "pretty_print": False,
            "limits": {"default_items": 20, "max_items": 100},
            "map": {"url": "http://127.0.0.1", "attribution": "none"},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": "Places",
                "description": "Places",
                "keywords": ["places"],
                "keywords_type": "theme",
                "terms_of_service": "none",
                "url": "http://127.0.0.1",
            },
            "license": nobody,
            "provider": nobody,
            "contact": {"name": "nobody"},
        },
        "resources": {"places": places},
    }
