"""What stands in the loop's tables, in few words: to see that nothing changed."""

from __future__ import annotations

import sqlalchemy as sa

TABLES = (
    *(
        "claims",
        "deal_groups",
        "group_seats",
        "coupon_stock",
        "coupon_day_stock",
        "redemptions",
        "redemption_units",
        "payments",
        "refunds",
    ),
    *("accounts", "transfers", "outbox_events", "deliveries", "jobs", "webhook_endpoints"),
    *("datasets", "import_jobs", "dataset_steps", "active_dataset"),
)


def loop_contents(engine: sa.Engine) -> dict[str, tuple[int, str]]:
    """How many rows each table has, and a digest of all their columns; stored refusals and wrong codes are left out."""
    count = "SELECT count(*), md5(coalesce(string_agg(t::text, ' ' ORDER BY t::text), '')) FROM {} t"
    with engine.connect() as conn:
        rows = {table: conn.execute(sa.text(count.format(table))).one() for table in TABLES}
    return {table: (row[0], row[1]) for table, row in rows.items()}
