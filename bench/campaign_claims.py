"""The long crash campaign of claims, over a database server of its own; ends with 1 on any broken promise.

Run with ``./dev campaign claims``; about ten minutes on two cores. ``tests/faults/test_claim_campaign.py`` is its short
twin.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.faults.claim_campaign import Campaign, run, table
from tests.faults.own_cluster import fresh_database, own_cluster


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="./dev campaign claims", description=__doc__)
    parser.add_argument("--tries", type=int, default=50_000)
    parser.add_argument("--worker-kills", type=int, default=200)
    parser.add_argument("--relay-kills", type=int, default=50)
    parser.add_argument("--stops", type=int, default=20)
    parser.add_argument("--backend-kills", type=int, default=20)
    parser.add_argument("--partitions", default="30", help="seconds of each silent network, with commas between")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder for journals and logs; default: removed")
    given = parser.parse_args()
    campaign = Campaign(
        tries=given.tries,
        coupons=20,
        quota=1000,
        members=4000,
        worker_kills=given.worker_kills,
        relay_kills=given.relay_kills,
        stops=given.stops,
        backend_kills=given.backend_kills,
        partitions_s=tuple(float(part) for part in given.partitions.split(",") if part),
        seed=given.seed,
    )
    with tempfile.TemporaryDirectory(prefix="fujin-campaign-") as made, own_cluster("campaign") as cluster:
        folder = given.keep or Path(made)
        (folder / "state").mkdir(mode=0o700, parents=True)
        fresh_database(cluster)
        outcome = run(cluster, campaign, folder, lambda text: print(text, file=sys.stderr, flush=True))
    print(table(campaign, outcome))
    return 1 if outcome.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
