"""A network between web and database that drops packets while TCP stays up, and a session that holds a lock."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from tests.faults.claim_site import DEADLINE_S, ClaimSite
from tests.faults.phones import Ask, Reply, Stock, is_unavailable, stock_of, wait_until

PHONES = 24  # three for each thread of the server: who waits for a thread has to be answered in time too
PARTITION_S = 12.0  # `./dev campaign claims` has half a minute


def _asked_for(site: ClaimSite, coupon: UUID, seconds: float) -> list[tuple[Ask, Reply]]:
    """Claims by many phones for some seconds; each asks as often as it is told to."""
    end = time.monotonic() + seconds

    def ask(_number: int) -> list[tuple[Ask, Reply]]:
        found = []
        while not found or time.monotonic() < end:
            wanted = Ask.of(next(site.crowd), coupon)
            found.append((wanted, site.phones.claim(wanted)))
            time.sleep(min(float(found[-1][1].retry_after or 0), 1.0))
        return found

    with ThreadPoolExecutor(PHONES) as pool:
        return [pair for pairs in pool.map(ask, range(PHONES)) for pair in pairs]


def _healed(site: ClaimSite, coupon: UUID, asked: list[tuple[Ask, Reply]]) -> None:
    """A claim succeeds soon, every key comes to one claim, and no session is left in a transaction."""
    site.phones.until_granted(Ask.of(next(site.crowd), coupon))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda pair: site.phones.until_granted(pair[0]), asked))
    assert stock_of(site.owner, coupon) == Stock(len(asked) + 1, len(asked) + 1)
    # the server frees what a forgotten session holds after five seconds
    wait_until(lambda: site.sessions("state LIKE 'idle in transaction%'") == 0, 10, "no forgotten transaction")


@pytest.mark.timeout(90)
def test_a_partition_ends_each_request_in_time_and_heals(site: ClaimSite) -> None:
    coupon = site.coupon()
    assert site.phones.claim(Ask.of(next(site.crowd), site.coupon())).status == 201
    site.proxy.silence()
    try:
        asked = _asked_for(site, coupon, PARTITION_S - DEADLINE_S)
    finally:
        site.proxy.speak()
    assert len(asked) >= PHONES * 2
    for _, reply in asked:
        is_unavailable(reply)
    _healed(site, coupon, asked)


def test_lost_answers_of_the_database_end_each_request_in_time(site: ClaimSite) -> None:
    coupon = site.coupon()
    assert site.phones.claim(Ask.of(next(site.crowd), site.coupon())).status == 201
    site.proxy.answers_lost = True
    try:
        asked = _asked_for(site, coupon, 0.1)
    finally:
        site.proxy.speak()
    assert len(asked) >= PHONES
    for _, reply in asked:
        is_unavailable(reply)
    _healed(site, coupon, asked)


def test_a_stuck_session_delays_only_who_wants_what_it_holds(site: ClaimSite) -> None:
    held, other = site.coupon(), site.coupon()
    with site.stock_locked(held), ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(site.phones.claim, Ask.of(next(site.crowd), held)) for _ in range(2)]
        site.wait_for_blocked(2)
        others = [site.phones.claim(Ask.of(next(site.crowd), other)) for _ in range(5)]
        refused = [each.result() for each in waiting]
    assert [reply.status for reply in others] == [201] * 5
    for reply in refused:
        is_unavailable(reply)
    assert stock_of(site.owner, held) == Stock(0, 0)
    assert site.phones.claim(Ask.of(next(site.crowd), held)).status == 201
