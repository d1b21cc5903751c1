"""The crash campaign of claims in short: every promise holds while workers, the relay and the database are killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from devtools.cluster import Cluster
from tests.faults.claim_campaign import Campaign, run, table
from tests.faults.own_cluster import fresh_database

SHORT = Campaign(
    tries=2_000,
    coupons=5,
    quota=200,
    members=400,
    callers=2,
    web_workers=2,
    worker_kills=10,
    relay_kills=2,
    stops=2,
    backend_kills=1,
    partitions_s=(1.0,),
)


@pytest.mark.timeout(180)
def test_nothing_is_lost_doubled_or_oversold_while_everything_is_killed(crashable: Cluster, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    fresh_database(crashable)
    outcome = run(crashable, SHORT, tmp_path)
    assert outcome.breaches == [], table(SHORT, outcome)
    assert (outcome.done["web workers killed"], outcome.done["database stopped at once"]) == (10, 2)
    assert outcome.done["COMMITs cut"] >= 20
    assert outcome.done["answers cut"] >= 20
