"""The legal edges, what an outcome does to each state, and the numbers under which providers know things."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.core.ids import new_city_id
from app.payments import rules
from app.payments.errors import PaymentPending, RefundExceedsCaptured, RefundInProgress
from app.payments.events import REFUND_EVENT_OF, TOLD
from app.payments.tables import payments, refunds
from app.payments.types import Closed, Declined, Missing, Paid, Payment, Silent, Waiting

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
PAYMENT_ID = UUID("019abcde-0000-7000-8000-000000000002")
STATES = ("created", "pending", "unknown", "succeeded", "failed", "cancelling", "cancelled", "stray")

# Drawn by hand from the description of the states: one row a state, one column an outcome; a dot changes nothing.
AFTER = """
                waiting   declined   closed     missing  silent
    created     pending   failed     failed     unknown  unknown
    pending     .         failed     failed     .        .
    unknown     pending   failed     failed     .        .
    cancelling  .         cancelled  cancelled  .        .
    succeeded   .         .          .          .        .
    failed      .         .          .          .        .
    cancelled   .         .          .          .        .
    stray       .         .          .          .        .
"""
OUTCOMES = {
    "waiting": Waiting("u"),
    "declined": Declined("no"),
    "closed": Closed("over"),
    "missing": Missing(),
    "silent": Silent("late"),
}


def payment(**given: object) -> Payment:
    found = Payment(
        city_id=2,
        payment_id=PAYMENT_ID,
        merchant_id=PAYMENT_ID,
        member_id=None,
        place_id=None,
        purpose="claim",
        purpose_id=PAYMENT_ID,
        attempt=1,
        provider="p",
        method="online",
        asked={},
        trade_no="t",
        provider_trade_no=None,
        pay_url=None,
        amount_minor=1000,
        captured_minor=0,
        refunding_minor=0,
        refunded_minor=0,
        fee_minor=0,
        fee_returned_minor=0,
        currency="CNY",
        state="created",
        failure=None,
        caller="c",
        caller_key="k",
        pay_until=NOW + timedelta(minutes=15),
        seq=0,
        created_at=NOW,
        changed_at=NOW,
        succeeded_at=None,
    )
    return replace(found, **given)  # type: ignore[arg-type]


def cells() -> list[tuple[str, str, str | None]]:
    header, *rows = [line.split() for line in AFTER.strip().splitlines()]
    return [(row[0], kind, None if to == "." else to) for row in rows for kind, to in zip(header, row[1:], strict=True)]


@pytest.mark.parametrize(("state", "kind", "to"), cells())
def test_an_outcome_leads_where_the_picture_says(state: str, kind: str, to: str | None) -> None:
    assert rules.after(state, OUTCOMES[kind]) == to  # type: ignore[arg-type]


def test_every_state_stands_in_the_picture() -> None:
    assert {state for state, _, _ in cells()} == set(STATES)


@pytest.mark.parametrize("state", STATES)
def test_money_changes_everything_but_what_has_it(state: str) -> None:
    assert rules.takes_money(state) == (state not in ("succeeded", "stray"))  # type: ignore[arg-type]
    assert ((state, "stray") in rules.EDGES) == ((state, "succeeded") in rules.EDGES)


def test_money_alone_does_not_say_whether_it_is_good() -> None:
    with pytest.raises(ValueError, match="purpose"):
        rules.after("pending", Paid("w", 1000, "CNY", 5))


def test_nothing_leads_back_to_the_beginning_or_out_of_money() -> None:
    assert {before for before, _ in rules.EDGES} == set(STATES) - {"succeeded", "stray"}
    assert {to for _, to in rules.EDGES} == set(STATES) - {"created"}
    assert {before for before, to in rules.REFUND_EDGES if to == "succeeded"} == {"requested", "pending"}
    assert all(before != "succeeded" for before, _ in rules.REFUND_EDGES)


def test_every_state_of_the_edges_may_be_stored() -> None:
    words = " ".join(str(each.sqltext) for each in payments.constraints if getattr(each, "sqltext", None) is not None)
    assert all(f"'{state}'" in words for edge in rules.EDGES for state in edge)
    words = " ".join(str(each.sqltext) for each in refunds.constraints if getattr(each, "sqltext", None) is not None)
    assert all(f"'{state}'" in words for edge in rules.REFUND_EDGES for state in edge)


def test_steps_of_our_own_are_not_told() -> None:
    assert set(STATES) - TOLD == {"created", "cancelling"}
    assert set(REFUND_EVENT_OF) == {"requested", "succeeded", "failed"}


def test_a_missing_trade_is_given_a_minute() -> None:
    assert not rules.missing_is_final(payment(), NOW + timedelta(seconds=59.9))
    assert rules.missing_is_final(payment(), NOW + timedelta(seconds=60))


@pytest.mark.parametrize("state", STATES)
def test_only_what_is_under_way_is_cancelled_at_its_time(state: str) -> None:
    open_ = payment(state=state)
    assert not rules.must_be_cancelled(open_, NOW + timedelta(minutes=15) - timedelta(microseconds=1))
    assert rules.must_be_cancelled(open_, NOW + timedelta(minutes=15)) == (state in ("created", "pending", "unknown"))


@pytest.mark.parametrize(
    ("refunding", "refunded", "asked", "refusal"),
    [(400, 0, 601, RefundInProgress), (0, 400, 601, RefundExceedsCaptured), (100, 400, 601, RefundExceedsCaptured)],
)
def test_why_a_refund_does_not_fit(refunding: int, refunded: int, asked: int, refusal: type[Exception]) -> None:
    full = payment(state="succeeded", captured_minor=1000, refunding_minor=refunding, refunded_minor=refunded)
    assert rules.refundable_minor(full) == 1000 - refunding - refunded
    assert isinstance(rules.why_not_refundable(full, asked), refusal)


def test_a_payment_under_way_has_nothing_to_refund_yet() -> None:
    assert isinstance(rules.why_not_refundable(payment(state="pending"), 1), PaymentPending)
    assert isinstance(rules.why_not_refundable(payment(state="failed"), 1), RefundExceedsCaptured)


def test_a_trade_number_carries_its_payment_and_its_city() -> None:
    thing = new_city_id(7)
    number = rules.trade_no_of(thing)
    assert (len(number), number.isalnum(), rules.payment_id_of(number)) == (32, True, thing)


@pytest.mark.parametrize("text", ["", "x" * 32, "0" * 31, str(PAYMENT_ID), PAYMENT_ID.hex.upper(), f"{{{'0' * 32}}}"])
def test_other_texts_are_no_trade_numbers_of_ours(text: str) -> None:
    assert rules.payment_id_of(text) is None


def test_a_refund_number_is_always_the_same_for_the_same() -> None:
    # uuid5 by RFC 9562: SHA-1 over the payment's 16 bytes and the number
    assert rules.provider_refund_no_of(PAYMENT_ID, "r1") == rules.provider_refund_no_of(PAYMENT_ID, "r1")
    assert len({rules.provider_refund_no_of(PAYMENT_ID, number) for number in ("r1", "r2", "R1")}) == 3
    assert rules.stray_refund_no(PAYMENT_ID) == "stray:019abcde-0000-7000-8000-000000000002"


@pytest.mark.parametrize(
    ("numerator", "denominator", "quotient"),
    [(0, 3, 0), (1, 2, 1), (1, 3, 0), (2, 3, 1), (5, 2, 3), (200_000, 10_000, 20)],
)
def test_halves_are_rounded_up(numerator: int, denominator: int, quotient: int) -> None:
    assert rules.half_up(numerator, denominator) == quotient
