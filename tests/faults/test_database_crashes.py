"""The database server itself crashes: an immediate stop, and a backend killed with -9."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.cluster import Cluster
from tests.faults.claim_campaign import settings_over
from tests.faults.claim_site import ClaimSite, claim_site
from tests.faults.own_cluster import DATABASE, fresh_database
from tests.faults.phones import LOST, Ask, Reply, Stock, is_unavailable, stock_of


@pytest.fixture(scope="module")
def site(crashable: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClaimSite]:
    """Two worker processes over a cluster that may be crashed."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "state").mkdir(mode=0o700)
    fresh_database(crashable)
    with claim_site(settings_over(crashable, folder / "state"), folder) as found:
        yield found


def _granted(site: ClaimSite, asks: list[Ask]) -> list[Reply]:
    replies = site.phones.claims_at_once(asks)
    assert [reply.status for reply in replies] == [201] * len(asks)
    return replies


def test_an_immediate_stop_is_told_at_once_and_loses_nothing(site: ClaimSite, crashable: Cluster) -> None:
    coupon = site.coupon()
    asks = [Ask.of(next(site.crowd), coupon) for _ in range(8)]
    replies = _granted(site, asks)
    more = [Ask.of(next(site.crowd), coupon) for _ in range(6)]
    crashable.crash()
    try:
        for reply in (*site.phones.claims_at_once(more), *site.phones.claims_at_once(asks[:4])):
            is_unavailable(reply)
    finally:
        crashable.recover()
    site.phones.until_granted(more[0])
    assert [site.phones.claim(ask).body for ask in asks] == [reply.body for reply in replies]
    for ask in more:
        site.phones.until_granted(ask)
    assert stock_of(site.owner, coupon) == Stock(14, 14)


def test_a_killed_backend_ends_every_session_and_loses_nothing(site: ClaimSite, crashable: Cluster) -> None:
    coupon = site.coupon()
    asks = [Ask.of(next(site.crowd), coupon) for _ in range(8)]
    replies = _granted(site, asks)
    pids = crashable.sql(
        f"SELECT pid FROM pg_stat_activity WHERE datname = '{DATABASE}' AND usename = 'fujin_app'"
    ).split()
    assert int(Path(crashable.data, "postmaster.pid").read_text().split("\n", 1)[0]) == _parent(int(pids[0]))
    os.kill(int(pids[0]), signal.SIGKILL)
    more = [Ask.of(next(site.crowd), coupon) for _ in range(6)]
    for reply in site.phones.claims_at_once(more):
        assert reply.status in (201, 503), reply
        assert reply.status != LOST
    site.phones.until_granted(Ask.of(next(site.crowd), coupon))
    for ask in more:
        site.phones.until_granted(ask)
    assert [site.phones.claim(ask).body for ask in asks] == [reply.body for reply in replies]
    assert stock_of(site.owner, coupon) == Stock(15, 15)


def _parent(pid: int) -> int:
    """The pid of a process's parent (proc(5): the fourth field of stat)."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
