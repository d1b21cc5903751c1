"""Degrees of search rows are divided as double precision: as literals stand, PostgreSQL divides them as decimals."""

from __future__ import annotations

from migrations import ddl

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The distance in millimetres, faster and rounded once."""
    ddl.run(sphere_mm("float8 '1e7'"))


def downgrade() -> None:
    """As it was."""
    ddl.run(sphere_mm("1e7"))


def sphere_mm(tens: str) -> str:
    """The formula of ``geo.distance``: half chord and complement meet in an arc tangent, on the sphere of geo.units."""
    lat, lon = f"lat7 / {tens}", f"lon7 / {tens}"
    return f"""
        CREATE OR REPLACE FUNCTION sphere_mm(lon7 integer, lat7 integer, lon double precision, lat double precision)
        RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
            SELECT round(1000 * 2 * 6371008.7714150598 * atan2(
                sqrt(power(sin(radians({lat} - lat) / 2), 2)
                     + cos(radians(lat)) * cos(radians({lat})) * power(sin(radians({lon} - lon) / 2), 2)),
                sqrt(power(sin(radians({lat} + lat) / 2), 2)
                     + cos(radians(lat)) * cos(radians({lat})) * power(cos(radians({lon} - lon) / 2), 2))))::bigint
        $$
    """
