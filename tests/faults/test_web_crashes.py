"""Web processes that are killed in the middle of a claim; both web servers."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.core.settings import Settings
from tests.faults.claim_site import ClaimSite, claim_site
from tests.faults.phones import BACK_S, LOST, Ask, Stock, stock_of, wait_until


@pytest.fixture(scope="module", params=["granian", "gunicorn"])
def site(
    request: pytest.FixtureRequest,
    make_database: Callable[..., str],
    migrated_template: str,
    settings_for: Callable[[str], Settings],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ClaimSite]:
    """Two worker processes, whose pids are known."""
    settings = settings_for(make_database(migrated_template))
    with claim_site(settings, tmp_path_factory.mktemp("site"), server=request.param) as found:
        yield found


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def test_workers_killed_amid_a_claim_cost_one_retry(site: ClaimSite) -> None:
    coupon = site.coupon()
    ask = Ask.of(next(site.crowd), coupon)
    before = site.web.workers()
    assert len(before) == 2
    with ThreadPoolExecutor(1) as pool:
        with site.stock_locked(coupon):
            asked = pool.submit(site.phones.claim, ask)
            site.wait_for_blocked()
            for pid in before:
                _kill(pid)
            assert asked.result().status == LOST
        wait_until(lambda: len(set(site.web.workers()) - set(before)) == 2, BACK_S, "two new workers")
        reply, _ = site.phones.until_granted(ask)
    assert stock_of(site.owner, coupon) == Stock(1, 1)
    again = site.phones.claim(ask)
    assert (again.replayed, again.body) == (True, reply.body)


def test_a_killed_master_leaves_no_workers_no_locks_and_a_free_port(site: ClaimSite) -> None:
    coupon = site.coupon()
    ask = Ask.of(next(site.crowd), coupon)
    workers, master = site.web.workers(), site.web.process
    assert master is not None
    with ThreadPoolExecutor(1) as pool, site.stock_locked(coupon):
        asked = pool.submit(site.phones.claim, ask)
        site.wait_for_blocked()
        master.kill()
        master.wait(5)
        assert asked.result().status == LOST
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), BACK_S, "the workers are gone")
        site.web.start()  # on the same port
        wait_until(lambda: site.phones.claim(Ask.of(next(site.crowd), site.coupon())).status == 201, BACK_S, "a claim")
    wait_until(lambda: site.sessions("wait_event_type = 'Lock'") == 0, BACK_S, "nobody waits for a lock")
    reply, _ = site.phones.until_granted(ask)
    assert stock_of(site.owner, coupon) == Stock(1, 1)
    assert site.phones.claim(ask).body == reply.body
    assert site.sessions("state LIKE 'idle in transaction%'") == 0
