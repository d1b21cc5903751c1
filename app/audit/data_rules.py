"""Invariants of regional data: loads whole, right and single, good geometry, references that resolve."""

from __future__ import annotations

from typing import Final

from app.audit.types import DataRule
from app.places.edits import OWN_KEY

# Dataset kind → the table that holds its rows; those of the reference group belong to the world's versions.
FACTS: Final = {
    "places": "place_facts",
    "regions": "region_facts",
    "basemap": "basemap_features",
    "categories": "categories",
    "holidays": "holidays",
    "brands": "brands",
}
REFERENCE: Final = ("categories", "holidays", "brands")
WORLD: Final = 1


def _counts(kind: str, where: str = "true") -> str:
    city = str(WORLD) if kind in REFERENCE else "city_id"
    return (
        f"SELECT {city} AS city_id, '{kind}' AS kind, version, count(*) AS n"
        f" FROM {FACTS[kind]} WHERE {where} GROUP BY {city}, version"
    )


# Places that were opened by hand since a load have a source key of our own.
_LOADED = {"places": f"NOT starts_with(source_key, '{OWN_KEY}')"}


def _whole_shape(name: str, table: str, thing: str, column: str) -> DataRule:
    """A rule that a column's shapes are valid, not empty, WGS 84 and in range."""
    return DataRule(
        name,
        "I27",
        f"every {column} of {table} is valid, not empty and in range",
        (table,),
        table,
        f"""
        SELECT {thing}, '{column} is ' || CASE
            WHEN NOT st_isvalid({column}) THEN 'invalid: ' || st_isvalidreason({column})
            WHEN st_isempty({column}) THEN 'empty' ELSE 'out of range' END
        FROM {table}
        WHERE NOT st_isvalid({column}) OR st_isempty({column}) OR st_srid({column}) <> 4326
           OR NOT coalesce(st_xmin({column}) >= -180 AND st_xmax({column}) <= 180
                           AND st_ymin({column}) >= -90 AND st_ymax({column}) <= 90, false)
        """,
    )


_DATASET = "d.kind || ' v' || d.version || ' of city ' || d.city_id"
_PLACE = "'place ' || f.place_id || ' in v' || f.version || ' of city ' || f.city_id"

RULES = (
    DataRule(
        "import-whole",
        "I24",
        "a version holds exactly the rows its load stored, and places opened since",
        ("datasets", "import_jobs", *FACTS.values()),
        "datasets",
        f"""
        SELECT {_DATASET}, 'its load stored ' || d.rows_stored || ' rows'
            || CASE WHEN d.purged_at IS NULL THEN ', ' ELSE ', they were to be removed, and ' END
            || coalesce(f.n, 0) || ' are there'
        FROM datasets d
        LEFT JOIN import_jobs j ON (j.city_id, j.dataset_id) = (d.city_id, d.dataset_id)
        LEFT JOIN ({" UNION ALL ".join(_counts(kind, _LOADED.get(kind, "true")) for kind in FACTS)}) f
          ON (f.city_id, f.kind, f.version) = (d.city_id, d.kind, d.version)
        WHERE d.state <> 'validating' AND j.task IS DISTINCT FROM 'purge'
          AND CASE WHEN d.purged_at IS NULL THEN d.rows_stored ELSE 0 END <> coalesce(f.n, 0)
        """,
    ),
    DataRule(
        "import-counted",
        "I24",
        "every row that a load declared was stored or refused",
        ("datasets",),
        "datasets",
        f"SELECT {_DATASET}, d.rows_declared || ' declared, ' || d.rows_stored || ' stored, '"
        " || d.rows_refused || ' refused' FROM datasets d WHERE d.state IN ('staged', 'active', 'retired')"
        " AND d.rows_declared <> d.rows_stored + d.rows_refused",
    ),
    DataRule(
        "load-has-work",
        "I24",
        "a version that is being checked has a load to be done, and no other has",
        ("datasets", "import_jobs"),
        "datasets",
        f"""
        SELECT {_DATASET}, 'it is ' || d.state || ', and its work is ' || coalesce(j.task, 'none')
        FROM datasets d LEFT JOIN import_jobs j ON (j.city_id, j.dataset_id) = (d.city_id, d.dataset_id)
        WHERE (d.state = 'validating') <> (coalesce(j.task, 'none') = 'load')
           OR d.state <> 'retired' AND d.state <> 'discarded' AND j.task = 'purge'
        """,
    ),
    DataRule(
        "facts-without-dataset",
        "I24",
        "no row belongs to a version that was never loaded",
        ("datasets", "hours_patterns", *FACTS.values()),
        "datasets",
        f"""
        SELECT f.kind || ' v' || f.version || ' of city ' || f.city_id, f.n || ' rows, and no dataset'
        FROM ({" UNION ALL ".join(map(_counts, FACTS))}
              UNION ALL SELECT city_id, 'places', version, count(*) FROM hours_patterns GROUP BY city_id, version) f
        WHERE NOT EXISTS (
            SELECT 1 FROM datasets d WHERE (d.city_id, d.kind, d.version) = (f.city_id, f.kind, f.version))
        """,
    ),
    DataRule(
        "active-pointer",
        "I25",
        "the pointer of a city and kind names a dataset in the state active",
        ("active_dataset", "datasets"),
        "active_dataset",
        """
        SELECT a.kind || ' of city ' || a.city_id,
               'it points at v' || a.version || ', which is ' || coalesce(d.state, 'missing')
        FROM active_dataset a
        LEFT JOIN datasets d ON (d.city_id, d.kind, d.version) = (a.city_id, a.kind, a.version)
        WHERE d.state IS DISTINCT FROM 'active'
        """,
    ),
    DataRule(
        "active-row-count",
        "I25",
        "the pointer counts the rows that readers see",
        ("active_dataset", *FACTS.values()),
        "active_dataset",
        f"""
        SELECT a.kind || ' of city ' || a.city_id,
               'it counts ' || a.row_count || ', ' || coalesce(f.n, 0) || ' are there'
        FROM active_dataset a
        LEFT JOIN (SELECT city_id, 'places' AS kind, version, count(*) AS n FROM place_facts
                   WHERE closed IS false GROUP BY city_id, version
                   UNION ALL {" UNION ALL ".join(_counts(kind) for kind in FACTS if kind != "places")}) f
          ON (f.city_id, f.kind, f.version) = (a.city_id, a.kind, a.version)
        WHERE a.row_count <> coalesce(f.n, 0)
        """,
    ),
    DataRule(
        "active-single",
        "I26",
        "a dataset in the state active is the one its city's pointer names",
        ("active_dataset", "datasets"),
        "datasets WHERE state = 'active'",
        f"""
        SELECT {_DATASET}, 'it is active, and no pointer names it' FROM datasets d
        WHERE d.state = 'active' AND NOT EXISTS (
            SELECT 1 FROM active_dataset a WHERE (a.city_id, a.kind, a.version) = (d.city_id, d.kind, d.version))
        """,
    ),
    _whole_shape(
        "service-area-shape",
        "service_area_versions",
        "'service area ' || service_area_id || ' v' || version || ' of city ' || city_id",
        "boundary",
    ),
    _whole_shape(
        "region-shape",
        "region_facts",
        "'region ' || region_id || ' in v' || version || ' of city ' || city_id",
        "boundary",
    ),
    DataRule(
        "place-point",
        "I27",
        "every place's point is in range",
        ("place_facts",),
        "place_facts",
        f"""
        SELECT {_PLACE}, 'its point is ' || st_astext(f.location) FROM place_facts f
        WHERE st_isempty(f.location::geometry) OR NOT coalesce(
            st_x(f.location::geometry) BETWEEN -180 AND 180 AND st_y(f.location::geometry) BETWEEN -90 AND 90, false)
        """,
    ),
    DataRule(
        "extent-covers",
        "house",
        "the extent of a city covers its live places; searches ask no city whose extent is far",
        ("active_dataset", "place_facts"),
        "place_facts f JOIN active_dataset a ON (a.city_id, a.kind, a.version) = (f.city_id, 'places', f.version)",
        f"""
        SELECT {_PLACE}, 'it lies outside the extent of its city'
        FROM place_facts f JOIN active_dataset a ON (a.city_id, a.kind, a.version) = (f.city_id, 'places', f.version),
        LATERAL (SELECT st_x(f.location::geometry) AS lon, st_y(f.location::geometry) AS lat) AS p
        WHERE f.closed IS false AND NOT coalesce(
            p.lat BETWEEN a.extent_south AND a.extent_north
            AND CASE WHEN a.extent_west <= a.extent_east THEN p.lon BETWEEN a.extent_west AND a.extent_east
                          OR abs(p.lon) = 180 AND -p.lon BETWEEN a.extent_west AND a.extent_east
                     ELSE p.lon >= a.extent_west OR p.lon <= a.extent_east END, false)
        """,
    ),
    DataRule(
        "place-identity",
        "house",
        "facts of a place have the place's identity",
        ("place_facts", "places"),
        "place_facts",
        f"""
        SELECT {_PLACE}, 'there is no such place' FROM place_facts f
        WHERE NOT EXISTS (SELECT 1 FROM places p WHERE (p.city_id, p.place_id) = (f.city_id, f.place_id))
        """,
    ),
    DataRule(
        "region-identity",
        "house",
        "facts of a region have the region's identity, and its parent is in the same version",
        ("region_facts", "regions"),
        "region_facts",
        """
        SELECT 'region ' || f.region_id || ' in v' || f.version || ' of city ' || f.city_id, wrong
        FROM region_facts f,
        LATERAL (SELECT 'there is no such region' WHERE NOT EXISTS (
                     SELECT 1 FROM regions r WHERE (r.city_id, r.region_id) = (f.city_id, f.region_id))
                 UNION ALL
                 SELECT 'its parent ' || f.parent_id || ' is not in this version' WHERE f.parent_id IS NOT NULL
                   AND NOT EXISTS (
                       SELECT 1 FROM region_facts p
                       WHERE (p.city_id, p.version, p.region_id) = (f.city_id, f.version, f.parent_id))
        ) AS faults (wrong)
        """,
    ),
    DataRule(
        "region-successor-known",
        "house",
        "an area follows areas of its own city, and not itself",
        ("region_facts", "regions"),
        "region_facts",
        """
        SELECT 'region ' || f.region_id || ' in v' || f.version || ' of city ' || f.city_id, 'follows ' || e.earlier
        FROM region_facts f CROSS JOIN LATERAL unnest(f.successor_of) AS e (earlier)
        LEFT JOIN regions r ON (r.city_id, r.region_id) = (f.city_id, e.earlier)
        WHERE r.region_id IS NULL OR e.earlier = f.region_id
        """,
    ),
    DataRule(
        "blocked-not-shown",
        "house",
        "readers see no version that its checks blocked, unless somebody at the terminal overrode that and said so",
        ("active_dataset", "datasets", "dataset_reports", "import_jobs", "dataset_steps"),
        "active_dataset",
        """
        SELECT r.kind || ' ' || r.version || ' of city ' || r.city_id, 'is blocked and shown'
        FROM dataset_reports r
        JOIN active_dataset a ON (a.city_id, a.kind, a.version) = (r.city_id, r.kind, r.version)
        JOIN datasets d ON (d.city_id, d.kind, d.version) = (r.city_id, r.kind, r.version)
        LEFT JOIN import_jobs j ON (j.city_id, j.dataset_id) = (d.city_id, d.dataset_id)
        WHERE coalesce(j.gate ->> 'verdict', r.verdict) = 'blocked' AND NOT EXISTS (
            SELECT 1 FROM dataset_steps s
            WHERE (s.city_id, s.dataset_id, s.step) = (d.city_id, d.dataset_id, 'activated')
              AND starts_with(s.note, 'what it lacked was overridden'))
        """,
    ),
    DataRule(
        "hours-resolve",
        "house",
        "the opening hours that a place names exist in its version",
        ("place_facts", "hours_patterns"),
        "place_facts WHERE hours_no IS NOT NULL",
        f"""
        SELECT {_PLACE}, 'its version has no hours ' || f.hours_no FROM place_facts f
        WHERE f.hours_no IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM hours_patterns h
            WHERE (h.city_id, h.version, h.hours_no) = (f.city_id, f.version, f.hours_no))
        """,
    ),
    DataRule(
        "category-known",
        "house",
        "the category of a live place is in the active taxonomy",
        ("place_facts", "categories", "active_dataset"),
        "place_facts f JOIN active_dataset a ON (a.city_id, a.kind, a.version) = (f.city_id, 'places', f.version)",
        f"""
        SELECT {_PLACE}, 'no category is called ' || f.category_id
        FROM place_facts f JOIN active_dataset a ON (a.city_id, a.kind, a.version) = (f.city_id, 'places', f.version)
        WHERE f.closed IS false AND f.category_id NOT IN (
            SELECT c.category_id FROM categories c JOIN active_dataset w
              ON (w.city_id, w.kind, w.version) = ({WORLD}, 'categories', c.version))
        """,
    ),
    DataRule(
        "brand-known",
        "house",
        "the brand of a live place is in the active list of brands",
        ("place_facts", "brands", "active_dataset"),
        "place_facts WHERE brand_id IS NOT NULL",
        f"""
        SELECT {_PLACE}, 'no brand is called ' || f.brand_id
        FROM place_facts f JOIN active_dataset a ON (a.city_id, a.kind, a.version) = (f.city_id, 'places', f.version)
        WHERE f.closed IS false AND f.brand_id IS NOT NULL AND f.brand_id NOT IN (
            SELECT b.brand_id FROM brands b JOIN active_dataset w
              ON (w.city_id, w.kind, w.version) = ({WORLD}, 'brands', b.version))
        """,
    ),
)
