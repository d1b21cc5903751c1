"""One metadata with every table, for migrations and for tests of the schema."""

from __future__ import annotations

import app.cities.tables
import app.claims.tables
import app.claims.tables_guard
import app.coupons.tables
import app.flow.tables
import app.fraud.tables
import app.geofencing.tables
import app.geofencing.tables_alerts
import app.geofencing.tables_following
import app.groups.tables
import app.http.tables
import app.imports.checks.tables
import app.imports.diff.tables
import app.imports.tables
import app.imports.tables_jobs
import app.ledger.tables
import app.members.tables
import app.merchants.tables
import app.outbox.tables
import app.payments.tables
import app.places.tables
import app.places.tables_changes
import app.places.tables_links
import app.places.tables_overlays
import app.postings.tables
import app.ranks.tables
import app.redemption.tables
import app.regions.tables
import app.service_areas.tables
import app.settlements.tables  # noqa: F401
from app.core.schema import metadata

__all__ = ["metadata"]
