"""Runs migrations: one at a time, with short lock waits, over the owner's connection."""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import create_engine, text

from app.core.db import normalised_url
from app.tables import metadata

LOCK_KEY = 0x46554A494E  # "FUJIN"; two migrations of one database wait for each other


def owner_url() -> str:
    """The owner's database URL, or the plain one where a single user does everything."""
    url = os.environ.get("DATABASE_OWNER_URL") or os.environ.get("DATABASE_URL")
    if not url:
        raise SystemExit("migrations: set DATABASE_OWNER_URL (or DATABASE_URL) to the database to migrate")
    return normalised_url(url)


def run() -> None:
    """All pending migrations, each in its own transaction."""
    engine = create_engine(owner_url())
    with engine.connect() as guard:
        guard.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK_KEY})
        with engine.connect() as connection:
            connection.execute(text("SET lock_timeout = '4s'"))
            connection.execute(text("SET statement_timeout = '60s'"))
            connection.commit()
            context.configure(
                connection=connection,
                target_metadata=metadata,
                transaction_per_migration=True,
                include_name=lambda name, kind, _parents: kind != "table" or name in metadata.tables,
            )
            with context.begin_transaction():
                context.run_migrations()
    engine.dispose()


if context.is_offline_mode():
    raise SystemExit("migrations: the offline mode is not offered; point DATABASE_OWNER_URL at a database")
run()
