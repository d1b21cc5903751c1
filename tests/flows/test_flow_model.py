"""Random walks: claim, buy in a group, pay, redeem, reverse, refund, expire, settle; each step held to a pure model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from app.core.db import open_database
from app.core.settings import Settings
from app.factory import create_app
from app.flow.types import ClaimRequest, OfferedCode, Order, RedemptionRequest
from tests.conftest import MakeDatabase, as_role
from tests.factories.flow_draws import Strayed, walk_once
from tests.factories.flow_site import FlowSite, open_site
from tests.factories.loops import plant_loop


@pytest.fixture(scope="module")
def site(
    make_database: MakeDatabase, migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[FlowSite]:
    url = make_database(migrated_template)
    given, engine = settings_for(url), sa.create_engine(url)
    database = open_database(given)
    loop = plant_loop(create_app(given, database=database), engine)
    opened = open_site(loop, given, as_role(url, "fujin_app"))
    yield opened
    for each in (opened.engine, engine, database):
        each.dispose()


def sixty_walks(site: FlowSite, first: int = 0, **more: Any) -> None:
    """Of forty steps each, beginning with one of them."""
    for seed in range(60):
        walk_once(site, (first + seed) % 60, 40, **more)


@pytest.mark.timeout(600)  # seconds on a free machine, minutes on one that is busy with other work
def test_sixty_walks_of_forty_steps_agree_with_the_model_and_break_no_predicate(site: FlowSite) -> None:
    sixty_walks(site)


def _nothing(*_: Any, **__: Any) -> None:
    """A step that is left out."""


# What a careless change could do, and that some walk finds it: a fault of the code, planted by name.
FAULTS: dict[str, tuple[str, Any]] = {
    "a reversal posts nothing": ("app.flow.embedded.till_effects.ledger.post_reversed", _nothing),
    "a given-back claim keeps its stock": ("app.claims.queries.return_stock", _nothing),
    "a void hold keeps its units": ("app.redemption.queries.free_units_of", _nothing),
    "a refunded claim stays good": ("app.flow.embedded.purposes.Purposes.claim_refunded", _nothing),
    "a part that went back is owed all the same": ("app.flow.embedded.till_offers.left_of_claims", lambda *_: {}),
    "stray money is never given back": ("app.flow.embedded.money._give_stray_back", lambda _c, found, *_: found),
    "a hold ends while its payment is open": (
        "app.flow.embedded.payments.PaymentsPart.live_payment",
        lambda _self, _conn, _city, purpose, _thing: None,
    ),
    "a deal is made twice": ("app.groups.actions.tips", lambda group, joined: joined >= group.target),
    "a failed group keeps its money": ("app.groups.queries.to_pay_back", lambda *_: ()),
    "money counts for a group whose time is over": ("app.groups.actions.money_counts", lambda *_: True),
    "a code is good before its deal is made": (
        "app.flow.embedded.till_offers.states_of",
        lambda _conn, _city, groups: dict.fromkeys(groups, "succeeded"),
    ),
    "a group that waits for money fails at its deadline": (
        "app.flow.embedded.group_ends.unfinished_of",
        lambda *_: (),
    ),
    "a statement forgets what it settled": ("app.settlements.queries.insert_lines", _nothing),
    "a statement is closed without its transfer": ("app.settlements.actions.ledger.post_settled", _nothing),
}


# Walks that find those which few do, to spare time; any other may find them as well.
FOUND_BY = {
    "stray money is never given back": 6,
    "a part that went back is owed all the same": 31,
    "a deal is made twice": 7,
    "money counts for a group whose time is over": 6,
    "a code is good before its deal is made": 5,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_by_some_walk(site: FlowSite, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*FAULTS[fault])
    with pytest.raises(Strayed):
        sixty_walks(site, FOUND_BY.get(fault, 0), tries=0)


@pytest.mark.parametrize(("second", "expected"), [(-1, "committed"), (0, "code-expired")])
def test_m11_the_last_second_of_a_day_is_the_stores_and_not_the_servers(
    site: FlowSite, second: int, expected: str
) -> None:
    """A claim good for one day after its own: 23:59:59 in Shanghai is 15:59:59 in UTC; midnight is the next day."""
    zone = ZoneInfo("Asia/Shanghai")
    coupon = site.loop.coupon(min_spend_minor=0, valid_days_after_claim=1, use_until=None, per_member=5)
    with site.run():
        view = site.do(site.flow.grant_claim(site.as_member(0), ClaimRequest(coupon, None, None)))
        code = site.flow.present_code(site.as_member(0), view.claim_id).digits
        end = site.now.astimezone(zone).date() + timedelta(days=2)
        midnight = datetime.combine(end, time(), zone)
        assert view.valid_until == midnight
        site.now = (midnight + timedelta(seconds=second)).astimezone(UTC)
        order = Order(5000, "CNY")
        asked = RedemptionRequest((OfferedCode(code, None, 1),), site.loop.places[0], "late-1", order, False)
        said = site.do(site.flow.redeem(site.at_till(), asked))
        assert (said if isinstance(said, str) else said.state) == expected
