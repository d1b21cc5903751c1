"""Every table declares its group, the column that routes a row to a shard.

Groups: ``city`` (key city_id), ``member`` (member_id), ``merchant`` (merchant_id), ``directory`` (the unique text
itself) and ``reference`` (small, on every node). The group stands first in the table's comment, ``[city] …``, so
that the catalogue lint reads it from the database. A foreign key across groups carries the comment ``[local_only]``:
one machine enforces it, a distributed installation drops it, and no code relies on its error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import Column, ForeignKeyConstraint, Integer, MetaData, Table
from sqlalchemy.schema import SchemaItem

Group = Literal["city", "member", "merchant", "directory", "reference"]

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "ck": "%(table_name)s_%(constraint_name)s_ck",
        "uq": "%(table_name)s_%(column_0_name)s_uq",
    }
)


def declare(name: str, group: Group, comment: str, *items: SchemaItem, **options: Any) -> Table:
    """A table of the given group; a city table gets its ``city_id`` as first column."""
    first: list[SchemaItem] = []
    if group == "city":
        first = [Column("city_id", Integer, nullable=False, autoincrement=False)]
    return Table(name, metadata, *first, *items, comment=f"[{group}] {comment}", info={"group": group}, **options)


def foreign_key(
    name: str,
    columns: Sequence[str],
    target: str,
    target_columns: Sequence[str] | None = None,
    *,
    local_only: bool = False,
) -> ForeignKeyConstraint:
    """A foreign key by names; ``local_only`` marks one that crosses groups."""
    there = [f"{target}.{column}" for column in (target_columns or columns)]
    return ForeignKeyConstraint(
        list(columns), there, name=name, ondelete="RESTRICT", comment="[local_only]" if local_only else None
    )
