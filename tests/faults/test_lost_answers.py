"""Answers that never arrive: of a COMMIT between web and database, and of a claim between web and phone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.claim_site import ClaimSite
from tests.faults.phones import LOST, Ask, Phones, Stock, is_unavailable, stock_of
from tests.faults.proxy import COMMIT, Cut, FaultProxy, web_proxy
from tests.servers import free_port

CLAIM = b"POST /v1/claims"
CUTS = 100


@pytest.fixture
def far(site: ClaimSite) -> Iterator[tuple[FaultProxy, Phones]]:
    """Phones behind a proxy of their own, and that proxy."""
    with web_proxy(free_port(), site.web.port, seed=5) as proxy:
        assert isinstance(proxy.near, tuple)
        phones = Phones(proxy.near[1], site.settings)
        phones.tokens = site.phones.tokens
        yield proxy, phones


def test_m18_a_commit_whose_answer_is_lost_is_told_as_unavailable_and_then_as_done(site: ClaimSite) -> None:
    coupon = site.coupon()
    ask = Ask.of(next(site.crowd), coupon)
    site.proxy.cuts = (Cut(COMMIT),)
    try:
        is_unavailable(site.phones.claim(ask), 2.0)
    finally:
        site.proxy.cuts = ()
    assert stock_of(site.owner, coupon) == Stock(1, 1)
    reply = site.phones.claim(ask)
    assert (reply.status, reply.replayed) == (201, True)
    assert stock_of(site.owner, coupon) == Stock(1, 1)


def test_m1_a_claim_whose_answer_is_lost_is_told_again(site: ClaimSite, far: tuple[FaultProxy, Phones]) -> None:
    proxy, phones = far
    coupon = site.coupon()
    ask = Ask.of(next(site.crowd), coupon)
    proxy.cuts = (Cut(CLAIM),)
    assert phones.claim(ask).status == LOST
    proxy.cuts = ()
    assert stock_of(site.owner, coupon) == Stock(1, 1)
    reply = phones.claim(ask)
    assert (reply.status, reply.replayed) == (201, True)
    assert stock_of(site.owner, coupon) == Stock(1, 1)


def test_a_hundred_lost_commits_end_in_their_first_answers(site: ClaimSite) -> None:
    site.proxy.cuts = (Cut(COMMIT, 0.25), Cut(COMMIT, 0.25, after="request"))
    before = site.proxy.cut[COMMIT]
    try:
        _until_cut(site, site.phones, lambda: site.proxy.cut[COMMIT] - before)
    finally:
        site.proxy.cuts = ()


def test_a_hundred_lost_claims_end_in_their_first_answers(site: ClaimSite, far: tuple[FaultProxy, Phones]) -> None:
    proxy, phones = far
    proxy.cuts = (Cut(CLAIM, 0.25), Cut(CLAIM, 0.25, after="request"))
    _until_cut(site, phones, lambda: proxy.cut[CLAIM])


def _until_cut(site: ClaimSite, phones: Phones, cuts: object) -> None:
    """Claims by eight phones at once until enough was cut; each key in the end has one claim and one answer."""
    assert callable(cuts)
    coupon = site.coupon()
    asks: list[Ask] = []
    with ThreadPoolExecutor(8) as pool:
        while cuts() < CUTS:
            batch = [Ask.of(next(site.crowd), coupon) for _ in range(16)]
            asks += batch
            first = list(pool.map(lambda ask: phones.until_granted(ask, 20)[0], batch))
            again = list(pool.map(lambda ask: phones.until_granted(ask, 20)[0], batch))
            assert [reply.body for reply in first] == [reply.body for reply in again]
            assert len({reply.claim_id for reply in first}) == len(batch)
    assert stock_of(site.owner, coupon) == Stock(len(asks), len(asks))
