"""Databases, settings and servers for the tests; every test process works in databases of its own.

``FUJIN_TEST_OWNER_URL`` names a database of a test cluster, as the role that owns what it makes;
``FUJIN_TEST_TEMPLATE`` a database with PostGIS that new ones are copied from. ``./dev test`` sets both.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import URL, make_url

from app.core.db import Database, normalised_url, open_database
from app.core.settings import Settings, load_settings
from app.factory import create_app
from tests.factories.loops import Loop, plant_loop
from tests.factories.paying import Paying, compose
from tests.servers import fujin, running_server

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
RENEWED_S = 300.0  # a token lasts fifteen minutes
MakeDatabase = Callable[..., str]


@pytest.fixture(scope="session")
def owner_url() -> URL:
    """The test cluster, as the role that may create databases."""
    url = os.environ.get("FUJIN_TEST_OWNER_URL")
    if not url:
        pytest.exit("FUJIN_TEST_OWNER_URL is not set: run the tests with ./dev test", returncode=2)
    return make_url(normalised_url(url))


class _Databases:
    """Databases of this test process, each dropped when what made it is over, since hundreds would fill the disk.

    A database belongs to the fixture that is being set up while it is made, or else to the test that runs.
    """

    def __init__(self) -> None:
        self._scopes: list[str] = []
        self._made: list[tuple[str, str]] = []
        self._admin: sa.Engine | None = None

    def open(self, owner_url: URL) -> None:
        self._admin = sa.create_engine(owner_url, isolation_level="AUTOCOMMIT")

    @contextmanager
    def within(self, scope: str) -> Iterator[None]:
        self._scopes.append(scope)
        try:
            yield
        finally:
            self._scopes.pop()

    def make(self, source: str, lasting: bool) -> str:
        assert self._admin is not None
        name = f"t_{os.getpid()}_{uuid.uuid4().hex[:10]}"
        with self._admin.connect() as conn:
            conn.execute(sa.text(f'CREATE DATABASE "{name}" TEMPLATE "{source}" STRATEGY file_copy'))
        self._made.append((self._scopes[-1] if self._scopes and not lasting else "session", name))
        return name

    def drop(self, *scopes: str) -> None:
        over = [name for scope, name in self._made if scope in scopes]
        self._made = [(scope, name) for scope, name in self._made if scope not in scopes]
        if not over:
            return
        assert self._admin is not None
        with self._admin.connect() as conn:
            for name in over:
                _drop(conn, name)


_databases = _Databases()
RUN = os.environ.setdefault("FUJIN_TEST_RUN", uuid.uuid4().hex[:10])  # the same in every process of a run


def _shared_template(owner_url: URL, folder: Path, name: str, build: Callable[[str], None]) -> str:
    """Name of a database that the first process of the run to ask for it builds, and all copy from."""
    database = f"t_{RUN}_{name}"
    with (folder / f"{database}.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        if not lock.read():
            admin = sa.create_engine(owner_url, isolation_level="AUTOCOMMIT")
            with admin.connect() as conn:
                _drop(conn, database)  # half of one, if building failed before
                source = os.environ.get("FUJIN_TEST_TEMPLATE", "fujin_template")
                conn.execute(sa.text(f'CREATE DATABASE "{database}" TEMPLATE "{source}"'))
            admin.dispose()
            build(owner_url.set(database=database).render_as_string(hide_password=False))
            lock.write("built")
    return database


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Drops what the processes of the run shared, when the last of them is over."""
    url = os.environ.get("FUJIN_TEST_OWNER_URL")
    if hasattr(session.config, "workerinput") or not url:
        return
    admin = sa.create_engine(normalised_url(url), isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        names = sa.text("SELECT datname FROM pg_database WHERE starts_with(datname, :prefix)")
        for name in conn.execute(names, {"prefix": f"t_{RUN}_"}).scalars().all():
            _drop(conn, name)
    admin.dispose()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts what takes longest first, and spreads the modules that keep a browser busy among those of the database."""
    items.sort(key=lambda item: {"generated": 0, "plans": 1}.get(item.path.parent.name, 2))
    modules = list(dict.fromkeys(item.path for item in items))
    shares: dict[Path, float] = {}
    for found in ([path for path in modules if _in_browser(path)], [path for path in modules if not _in_browser(path)]):
        for number, path in enumerate(found):
            # The demo as it was seeded is looked at first of all, before a browser changes it.
            shares[path] = max((number + 0.5) / len(found), 0.1 if _in_browser(path) else 0.0)
    items.sort(key=lambda item: shares[item.path])


def pytest_collection_finish() -> None:
    """Leaves what is there for good out of collections of garbage: modules, tests, their fixtures."""
    gc.collect()
    gc.freeze()


def _in_browser(path: Path) -> bool:
    return path.parent.name == "browser"


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Iterator[Any]:
    """Notes whose fixture a database is made for; those of the session don't come by here."""
    with _databases.within(str(fixturedef.scope)):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[Any]:
    """Notes that a test itself runs."""
    with _databases.within("function"):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[Any]:
    """Drops the databases of a test, and those of a module after its last one, once their fixtures are torn down."""
    result = yield
    _databases.drop("function")
    if nextitem is None or nextitem.path != item.path:
        _databases.drop("class", "module")
    return result


@pytest.fixture(scope="session")
def make_database(owner_url: URL) -> Iterator[MakeDatabase]:
    """Makes databases from a template, dropped with the fixture or test they are made in; returns the owner's URL.

    What is copied again and again is asked for as ``lasting``, until the end of the run.
    """
    _databases.open(owner_url)

    def make(template: str | None = None, *, lasting: bool = False) -> str:
        name = _databases.make(template or os.environ.get("FUJIN_TEST_TEMPLATE", "fujin_template"), lasting)
        return owner_url.set(database=name).render_as_string(hide_password=False)

    yield make
    _databases.drop("function", "class", "module", "package", "session")


def _drop(conn: sa.Connection, name: str) -> None:
    """Drops a database; the plain form waits for sessions that are just ending, force may not end another role's."""
    try:
        conn.execute(sa.text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
    except sa.exc.ProgrammingError:
        conn.execute(sa.text(f'DROP DATABASE IF EXISTS "{name}"'))


def run_alembic(url: str, *arguments: str, **environment: str) -> None:
    """Alembic in a process of its own, as people run it."""
    done = subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=ROOT,
        env={**os.environ, "DATABASE_OWNER_URL": url, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of the run know."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def migrated_template(owner_url: URL, shared_folder: Path) -> str:
    """Name of an empty database at the newest migration, to copy from."""
    return _shared_template(owner_url, shared_folder, "migrated", lambda url: run_alembic(url, "upgrade", "head"))


def as_role(url: str, role: str) -> str:
    """The same database through another role."""
    return make_url(url).set(username=role).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def settings_for(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Settings]:
    """Settings of an application on a database, given the owner's URL of it."""

    def make(url: str) -> Settings:
        return load_settings(
            {
                "DATABASE_URL": as_role(url, "fujin_app"),
                "DATABASE_READ_URL": as_role(url, "fujin_read"),
                "DATABASE_IMPORT_URL": as_role(url, "fujin_import"),
                "DATABASE_OWNER_URL": url,
                "FUJIN_SECRET_KEY": "tests-sign-with-this-0123456789abcdef",
                "FUJIN_CODE_PEPPER": "tests-hash-with-this-0123456789abcdef",
                "FUJIN_STATE_DIR": str(tmp_path_factory.mktemp("state")),
                "FUJIN_DEMO": "1",
                "FUJIN_PROVIDERS": "cash,test_wallet",
                "FUJIN_DATABASE_DEADLINE_S": "0",
                "FUJIN_RATE_LIMIT_PER_MINUTE": "1000000",
                "FUJIN_SIGN_IN_LIMIT_PER_MINUTE": "1000000",
                "FUJIN_REPORT_LIMIT_PER_MINUTE": "1000000",
                "FUJIN_LOG_LEVEL": "WARNING",
            }
        )

    return make


@pytest.fixture
def database_url(make_database: MakeDatabase, migrated_template: str) -> str:
    """Owner's URL of an empty migrated database of this test's own."""
    return make_database(migrated_template)


@pytest.fixture
def app_settings(database_url: str, settings_for: Callable[[str], Settings]) -> Settings:
    """Settings over an empty migrated database."""
    return settings_for(database_url)


@pytest.fixture
def database(app_settings: Settings) -> Iterator[Database]:
    """Engines of the application's roles over an empty migrated database."""
    opened = open_database(app_settings)
    yield opened
    opened.dispose()


@pytest.fixture
def owner(database_url: str) -> Iterator[sa.Engine]:
    """The owner's engine over the same database, to plant rows."""
    engine = sa.create_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def app(app_settings: Settings, database: Database) -> Flask:
    """The application over an empty migrated database."""
    return create_app(app_settings, database=database)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of that application."""
    return app.test_client()


@pytest.fixture(scope="session")
def seeded_template(owner_url: URL, shared_folder: Path, settings_for: Callable[[str], Settings]) -> str:
    """Name of a database with the four cities and the demo data, to copy from."""

    def build(url: str) -> None:
        run_alembic(url, "upgrade", "head")
        fujin(settings_for(url), "seed")

    return _shared_template(owner_url, shared_folder, "seeded", build)


@pytest.fixture(scope="session")
def seeded_settings(
    make_database: MakeDatabase, seeded_template: str, settings_for: Callable[[str], Settings]
) -> Settings:
    """Settings over a database with the four cities and the demo data, which tests only read."""
    return settings_for(make_database(seeded_template))


@pytest.fixture(scope="session")
def live_server_url(seeded_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real server process over the seeded database."""
    with running_server(seeded_settings, tmp_path_factory.mktemp("server") / "server.log") as address:
        yield address


class _DemoTokens(dict[str, dict[str, str]]):
    """One principal and token per demo role; asked for anew before they end, since a run takes longer than that."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._begin = -RENEWED_S

    def __getitem__(self, name: str) -> dict[str, str]:
        if time.monotonic() - self._begin >= RENEWED_S:
            self._begin = time.monotonic()
            self.update(json.loads(fujin(self._settings, "tokens")))
        return super().__getitem__(name)


@pytest.fixture(scope="session")
def demo_tokens(seeded_settings: Settings, live_server_url: str) -> dict[str, dict[str, str]]:
    """One principal and token per demo role, as ``./dev tokens`` prints them, for the running server."""
    return _DemoTokens(replace(seeded_settings, public_url=live_server_url))


@pytest.fixture(scope="session")
def seeded_app(seeded_settings: Settings) -> Iterator[Flask]:
    """The application in this process over the seeded database."""
    opened = open_database(seeded_settings)
    yield create_app(seeded_settings, database=opened)
    opened.dispose()


@pytest.fixture
def seeded_client(seeded_app: Flask) -> FlaskClient:
    """A client of the application over the seeded database."""
    return seeded_app.test_client()


@pytest.fixture
def loop(app: Flask, owner: sa.Engine) -> Loop:
    """The application over a small world with merchants, where people can be made and coupons claimed."""
    return plant_loop(app, owner)


@pytest.fixture
def paying(app: Flask, loop: Loop, app_settings: Settings, database: Database) -> Paying:
    """The same with the money side: a test wallet that does what it is told, and books that can be read."""
    return compose(app, loop, app_settings, database)
