"""The crash campaign of claims in short: every promise holds while workers, the relay and the database are killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from devtools.cluster import Cluster
from tests.faults.claim_campaign import Campaign, run, table
from tests.faults.own_cluster import fresh_database

SHORT = Campaign(
    tries=800,
    coupons=4,
    quota=100,
    members=200,
    callers=2,
    web_workers=2,
    worker_kills=4,
    relay_kills=1,
    stops=1,
    backend_kills=1,
    partitions_s=(1.0,),
    back_s=60.0,  # the figure is the long campaign's
)


@pytest.mark.timeout(180)
def test_nothing_is_lost_doubled_or_oversold_while_everything_is_killed(crashable: Cluster, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    fresh_database(crashable)
    outcome = run(crashable, SHORT, tmp_path)
    assert outcome.breaches == [], table(SHORT, outcome)
    assert (outcome.done["web workers killed"], outcome.done["database stopped at once"]) == (4, 1)
    assert outcome.done["COMMITs cut"] >= 5
    assert outcome.done["answers cut"] >= 5
