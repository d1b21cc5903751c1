"""One metadata with every table, for migrations and for tests of the schema."""

from __future__ import annotations

import app.cities.tables
import app.coupons.tables
import app.http.tables
import app.members.tables
import app.merchants.tables
import app.places.tables
import app.regions.tables
import app.service_areas.tables  # noqa: F401
from app.core.schema import metadata

__all__ = ["metadata"]
