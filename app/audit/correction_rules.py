"""Invariants of corrections and merges: what readers see is corrected, and what was merged away is not there."""

from __future__ import annotations

from app.audit.types import DataRule

_PLACE = "'place ' || f.place_id || ' in v' || f.version || ' of city ' || f.city_id"
_SEEN = "place_facts f JOIN active_dataset a ON (a.city_id, a.kind, a.version) = (f.city_id, 'places', f.version)"
# What the version in force says of a corrected field, in the form of a correction's value.
_SAID = """
    CASE o.field
        WHEN 'names' THEN f.names
        WHEN 'category_id' THEN to_jsonb(f.category_id)
        WHEN 'alternate_category_ids' THEN to_jsonb(f.alternate_category_ids)
        WHEN 'brand_id' THEN to_jsonb(f.brand_id)
        WHEN 'address' THEN f.address
        WHEN 'phone' THEN to_jsonb(f.phone)
        WHEN 'website' THEN to_jsonb(f.website)
        WHEN 'opening_hours' THEN to_jsonb(h.opening_hours)
        WHEN 'workday_calendar' THEN CASE WHEN h.hours_no IS NULL THEN o.value ELSE to_jsonb(h.workday_calendar) END
        WHEN 'price_level' THEN to_jsonb(f.price_level)
        WHEN 'attributes' THEN f.attributes
        WHEN 'move' THEN jsonb_build_object('lon', f.source_lon, 'lat', f.source_lat, 'datum', f.source_datum)
        WHEN 'closed' THEN CASE WHEN f.closed AND EXISTS (
            SELECT 1 FROM place_overlays x WHERE (x.city_id, x.place_id, x.state) = (o.city_id, o.place_id, 'live')
               AND x.field IN ('hide', 'duplicate_of')) THEN o.value ELSE to_jsonb(f.closed) END
        ELSE CASE WHEN f.closed THEN o.value ELSE 'false' END
    END
"""

RULES = (
    DataRule(
        "correction-applied",
        "house",
        "what readers see of a place is what the corrections in force say, and the source's own word is kept",
        ("place_overlays", "place_bases", "place_facts", "active_dataset"),
        "place_overlays WHERE state = 'live'",
        f"""
        SELECT {_PLACE}, o.field || ' is ' || CASE WHEN b.field IS NULL THEN 'corrected, and nothing says from what'
            ELSE coalesce(({_SAID})::text, 'null') || ', its correction says ' || o.value::text END
        FROM {_SEEN}
        JOIN place_overlays o ON (o.city_id, o.place_id, o.state) = (f.city_id, f.place_id, 'live')
        LEFT JOIN hours_patterns h ON (h.city_id, h.version, h.hours_no) = (f.city_id, f.version, f.hours_no)
        LEFT JOIN place_bases b ON (b.city_id, b.version, b.place_id) = (f.city_id, f.version, f.place_id)
          AND b.field = CASE WHEN o.field IN ('hide', 'duplicate_of') THEN 'closed' ELSE o.field END
        WHERE b.field IS NULL OR coalesce({_SAID}, 'null'::jsonb) <> o.value
        """,
    ),
    DataRule(
        "merged-place-out",
        "house",
        "no place that was merged into another is there for readers",
        ("places", "place_facts", "active_dataset"),
        "places WHERE moved_to IS NOT NULL",
        f"""
        SELECT {_PLACE}, 'it was merged into ' || p.moved_to || ' and is open'
        FROM {_SEEN} JOIN places p ON (p.city_id, p.place_id) = (f.city_id, f.place_id)
        WHERE p.moved_to IS NOT NULL AND NOT f.closed
        """,
    ),
    DataRule(
        "source-key-live",
        "house",
        "a source's key means a place that was not merged into another",
        ("place_sources", "places"),
        "place_sources",
        """
        SELECT 'key ' || s.source_key || ' of city ' || s.city_id,
               'it means ' || s.place_id || ', which was merged into ' || p.moved_to
        FROM place_sources s JOIN places p ON (p.city_id, p.place_id) = (s.city_id, s.place_id)
        WHERE p.moved_to IS NOT NULL
        """,
    ),
)
