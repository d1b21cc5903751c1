"""The first load of a city, of which the planner knows nothing yet: no row is found by reading the rows before it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from app.imports import actions, pipeline, reader
from app.imports.types import LoadRequest
from tests.app.imports.conftest import town as town
from tests.app.imports.loadfiles import CITY, NOW, ORIGIN, place

ROWS = 1_200
INDEXES = {"search_facets_pk", "search_facets_facet_uq", "place_sources_pk", "place_facts_pk", "hours_patterns_pk"}


def test_the_rows_of_a_first_load_are_found_one_by_one(
    town: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.execute(
        sa.text(
            "INSERT INTO search_facets (city_id, kind, key, facet)"
            " SELECT 8, 'word', md5(n::text), n FROM generate_series(1, 20000) AS n"
        )
    )
    town.execute(sa.text("ANALYZE search_facets"))  # other cities' words alone are known
    town.commit()
    monkeypatch.setattr(pipeline, "PART_ROWS", ROWS // 3)
    monkeypatch.setattr(reader, "FLUSH_CHARS", 1 << 12)
    path = tmp_path / "places.geojsonl"
    rows = (
        place(f"k{n}", 179.8 + n * 1e-4, name=f"Nakama {n:04x} {n * 7:05x}", opening_hours=f"Mo 10:{n % 60:02}-18:00")
        for n in range(ROWS)
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = actions.load(town, LoadRequest(CITY, "places", path, ORIGIN, trusted=True), NOW)
    assert report.stored == ROWS
    counts = sa.text(
        "SELECT relname, pg_stat_get_xact_tuples_returned(oid) FROM pg_class"
        " WHERE relkind = 'i' AND relnamespace = 'public'::regnamespace"
    )
    read: dict[str, int] = dict(town.execute(counts).all())
    assert read.keys() >= INDEXES
    # A look at all rows before it, for each of them, would be more than half a million.
    assert {name: count for name, count in read.items() if count > 40 * ROWS} == {}
    assert read["search_facets_pk"] >= ROWS
