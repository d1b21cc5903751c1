"""What the audit's commands share: which databases they look at, read-only snapshots, exit codes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
import orjson
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import SQLAlchemyError

from app.core.db import normalised_url
from app.core.settings import InvalidSettings, Settings

FOUND = 1
OUR_FAULT = 2


def urls_of(settings: Settings) -> list[str]:
    """The owner's URL first, then those of the other roles; each once."""
    named = (
        settings.database_owner_url or settings.database_url,
        settings.database_url,
        settings.database_read_url,
        settings.database_import_url,
    )
    return list(dict.fromkeys(normalised_url(url) for url in named if url))


@contextmanager
def snapshot(url: str) -> Iterator[Connection]:
    """A connection that reads one instant and writes nothing."""
    engine = create_engine(
        url,
        isolation_level="REPEATABLE READ",
        pool_size=1,
        max_overflow=0,
        connect_args={"connect_timeout": 5, "application_name": "fujin audit"},
    )
    try:
        with engine.connect() as conn:
            conn.exec_driver_sql("SET TRANSACTION READ ONLY")
            yield conn
            conn.rollback()
    finally:
        engine.dispose()


@contextmanager
def told() -> Iterator[None]:
    """Wrong settings end the command with 1, a database that refuses ends it with 2."""
    try:
        yield
    except InvalidSettings as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(FOUND)
    except SQLAlchemyError as error:
        click.echo(f"error: the database refused: {getattr(error, 'orig', None) or error}", err=True)
        sys.exit(OUR_FAULT)


def json_line(facts: object) -> str:
    """One JSON object, for scripts."""
    return orjson.dumps(facts).decode()
