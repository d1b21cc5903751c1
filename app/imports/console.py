"""What the commands of this module share: engines without a deadline, progress, answers for people or as JSON lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final, ParamSpec

import click
import orjson
import psycopg2
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError

from app.core.db import normalised_url
from app.core.errors import AppError
from app.core.settings import InvalidSettings, Settings, load_settings
from app.imports.errors import UnreadableFile

STATEMENT_TIMEOUT_S: Final = 600
LOCK_TIMEOUT_S: Final = 30
USER_FAULT: Final = 1
OUR_FAULT: Final = 2
P = ParamSpec("P")


def owner_engine(settings: Settings) -> Engine:
    """The owner's engine; COPY needs a process without a wait callback, so none is installed here."""
    return _engine(settings.database_owner_url or settings.database_url)


def import_engine(settings: Settings) -> Engine:
    """The engine of loads."""
    return _engine(settings.database_import_url or settings.database_owner_url or settings.database_url)


def work_engine(settings: Settings) -> Engine:
    """The engine of work on versions: one more connection tells how far it is.

    The server looks every second whether the process is still there, so that what a killed one began ends soon.
    """
    return _engine(
        settings.database_import_url or settings.database_owner_url or settings.database_url,
        connections=3,
        more=" -c client_connection_check_interval=1s",
    )


def _engine(url: str, connections: int = 2, more: str = "") -> Engine:
    """A load keeps one transaction, and gives numbers to words over a second connection."""
    options = f"-c statement_timeout={STATEMENT_TIMEOUT_S}s -c lock_timeout={LOCK_TIMEOUT_S}s{more}"
    return create_engine(
        normalised_url(url),
        pool_size=connections,
        max_overflow=0,
        connect_args={"connect_timeout": 5, "application_name": "fujin load", "options": options},
    )


class Console:
    """Answers: sentences on a terminal, or one JSON object a line."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def say(self, sentence: str) -> None:
        """A sentence for people; left out of JSON."""
        if not self.as_json:
            click.echo(sentence)

    def result(self, sentence: str, facts: Mapping[str, Any]) -> None:
        """One result: the sentence, or the facts as a JSON line."""
        click.echo(orjson.dumps(facts, default=str).decode() if self.as_json else sentence)

    @contextmanager
    def progress(self, label: str, length: int) -> Iterator[Callable[[int], None]]:
        """A bar on a terminal that is fed with steps; nothing elsewhere."""
        if self.as_json or not sys.stdout.isatty() or length <= 0:
            yield _ignore
            return
        with click.progressbar(length=length, label=label, width=30) as bar:
            waiting = 0
            drawn = time.monotonic()

            def step(steps: int) -> None:
                nonlocal waiting, drawn
                waiting += steps
                if time.monotonic() - drawn > 0.1:
                    bar.update(waiting)
                    waiting, drawn = 0, time.monotonic()

            yield step
            bar.update(waiting)


def _ignore(_steps: int) -> None:
    """A bar that nobody sees."""


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Ends a command with 1 for a fault of who called it, with 2 for one of ours or of the database.

    With ``--json`` a fault of who called it is a JSON line as well.
    """

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (AppError, InvalidSettings) as error:
            hint, code = getattr(error, "hint", None), getattr(error, "code", "invalid-settings")
            click.echo(f"error: {error}{f' ({code})' if isinstance(error, UnreadableFile) else ''}", err=True)
            if hint:
                click.echo(f"hint: {hint}", err=True)
            if kwargs.get("as_json"):
                Console(True).result("", {"error": {"code": code, "detail": str(error), "hint": hint}})
            sys.exit(USER_FAULT)
        except (SQLAlchemyError, psycopg2.Error) as error:
            click.echo(f"error: the database refused: {getattr(error, 'orig', None) or error}", err=True)
            sys.exit(OUR_FAULT)

    return run


def settings() -> Settings:
    """Settings of this process's environment."""
    return load_settings()


@contextmanager
def connected(engine: Engine) -> Iterator[Connection]:
    """A connection; what the caller doesn't commit is rolled back."""
    try:
        with engine.connect() as conn:
            yield conn
    finally:
        engine.dispose()
