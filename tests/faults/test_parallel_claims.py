"""Claims that come at the same moment, over HTTP on two worker processes and four buckets: exactly what is allowed."""

from __future__ import annotations

import json
from collections import Counter

from tests.faults.claim_site import ClaimSite
from tests.faults.phones import Ask, Reply, Stock, stock_of, wait_until


def _codes(replies: list[Reply]) -> Counter[object]:
    return Counter(reply.code if reply.status >= 400 else reply.status for reply in replies)


def test_two_hundred_members_get_exactly_the_fifty_that_there_are(site: ClaimSite) -> None:
    coupon = site.coupon(quota=50)
    asks = [Ask.of(next(site.crowd), coupon) for _ in range(200)]
    replies = site.phones.claims_at_once(asks)
    assert _codes(replies) == {201: 50, "sold-out": 150}
    assert stock_of(site.owner, coupon) == Stock(50, 50)
    assert len({reply.claim_id for reply in replies if reply.status == 201}) == 50
    again = site.phones.claims_at_once(asks)
    assert [reply.body for reply in again] == [reply.body for reply in replies]
    assert all(reply.replayed for reply in again)


def test_a_member_with_fifty_keys_gets_exactly_the_limit(site: ClaimSite) -> None:
    coupon = site.coupon(per_member=3)
    member = next(site.crowd)
    replies = site.phones.claims_at_once([Ask.of(member, coupon) for _ in range(50)])
    assert _codes(replies) == {201: 3, "user-limit": 47}
    assert stock_of(site.owner, coupon) == Stock(3, 3)


def test_a_key_used_twenty_times_at_once_makes_one_claim_and_one_answer(site: ClaimSite) -> None:
    coupon = site.coupon(per_member=3)
    ask = Ask.of(next(site.crowd), coupon)
    replies = site.phones.claims_at_once([ask] * 20)
    good = {reply.body for reply in replies if reply.status == 201}
    assert len(good) == 1
    for reply in replies:
        assert reply.status == 201 or (reply.code == "idempotency-key-in-flight" and int(reply.retry_after or 0) >= 1)
    assert sum(reply.status == 201 and not reply.replayed for reply in replies) == 1
    assert stock_of(site.owner, coupon) == Stock(1, 1)
    wait_until(lambda: site.phones.claim(ask).status == 201, 5, "whoever was told to wait gets the answer")
    assert {site.phones.claim(ask).body} == good


def test_a_unit_given_back_is_sold_once_more(site: ClaimSite) -> None:
    coupon = site.coupon(quota=4)
    holders = [Ask.of(next(site.crowd), coupon) for _ in range(4)]
    claims = [reply.claim_id for reply in site.phones.claims_at_once(holders)]
    late = [Ask.of(next(site.crowd), coupon) for _ in range(12)]
    assert _codes(site.phones.claims_at_once(late)) == {"sold-out": 12}
    for ask, claim_id in zip(holders[:2], claims[:2], strict=True):
        headers = {"Content-Type": "application/json", "Idempotency-Key": ask.key}
        reply = site.phones.send("POST", f"/v1/claims/{claim_id}/cancel", ask.member_id, b"{}", headers)
        assert json.loads(reply.body)["state"] == "cancelled"
    fresh = site.phones.claims_at_once([Ask.of(ask.member_id, coupon) for ask in late])
    assert _codes(fresh) == {201: 2, "sold-out": 10}
    assert stock_of(site.owner, coupon) == Stock(4, 4)
    assert _codes(site.phones.claims_at_once(late)) == {"sold-out": 12}  # the old keys keep their answer
