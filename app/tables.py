"""One metadata with every table, for migrations and for tests of the schema."""

from __future__ import annotations

from app.core.schema import metadata

__all__ = ["metadata"]
