"""Rank snapshots: how popular each place of a city was when somebody last looked."""

from __future__ import annotations

from migrations import ddl

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLES = ("rank_snapshots", "place_ranks")


def upgrade() -> None:
    """Creates the tables, and the index that a snapshot reads redemptions by."""
    ddl.create_table(
        "rank_snapshots",
        "city",
        "When the popularity of a city's places was worked out, and of how many redemptions the top hundredth has more.",
        """
            city_id integer NOT NULL,
            snapshot_id uuid NOT NULL,
            taken_at timestamptz NOT NULL,
            ranked integer NOT NULL,
            p99 integer NOT NULL,
            CONSTRAINT rank_snapshots_pk PRIMARY KEY (city_id, snapshot_id),
            CONSTRAINT rank_snapshots_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT,
            CONSTRAINT rank_snapshots_ranked_ck CHECK (ranked >= 0 and (p99 > 0) = (ranked > 0))
        """,
    )
    ddl.create_table(
        "place_ranks",
        "city",
        "How popular a place is in a snapshot; a place without redemptions has no row.",
        """
            city_id integer NOT NULL,
            snapshot_id uuid NOT NULL,
            place_id uuid NOT NULL,
            redemptions integer NOT NULL,
            popularity_ppm integer NOT NULL,
            CONSTRAINT place_ranks_pk PRIMARY KEY (city_id, snapshot_id, place_id),
            CONSTRAINT place_ranks_snapshot_fk FOREIGN KEY(city_id, snapshot_id) REFERENCES rank_snapshots (city_id, snapshot_id) ON DELETE RESTRICT,
            CONSTRAINT place_ranks_place_fk FOREIGN KEY(city_id, place_id) REFERENCES places (city_id, place_id) ON DELETE RESTRICT,
            CONSTRAINT place_ranks_popularity_ppm_ck CHECK (redemptions > 0 and popularity_ppm between 1 and 1000000)
        """,
    )
    ddl.create_index(
        "redemptions_committed_ix",
        "redemptions (city_id, committed_at) WHERE state = 'committed'",
        "Rank snapshots: what was redeemed in the last thirty days.",
    )
    for role in ddl.ROLES:
        ddl.grant(role, "SELECT", "rank_snapshots, place_ranks")
    ddl.grant("fujin_app", "INSERT, DELETE", "rank_snapshots, place_ranks")


def downgrade() -> None:
    """Drops what upgrade made."""
    ddl.run("DROP INDEX redemptions_committed_ix")
    ddl.drop_tables(tuple(reversed(TABLES)))
