"""Cases generated from the API document, as anonymous and as each role: no error of ours, nothing against the document.

Few cases a run here; ``./dev campaign api`` runs many, with the same code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.audit.actions import audit_data
from app.core.clock import system_clock
from app.core.settings import Settings
from tests.flows import geofence_cases
from tests.flows.api_campaign import (
    ALL_PHASES,
    ENDPOINT,
    PAYMENT,
    PRINCIPALS,
    REDEMPTION,
    Campaign,
    operations_of,
    own_values,
    page_kept,
    run,
    seeded_values,
    with_made,
    with_spares,
)
from tests.flows.area_cases import AREA_WRITES, LOOKED_AT, PLAN, REVIEW_WRITES, REVIEWS, TOGETHER
from tests.flows.coupon_cases import COUPON, COUPON_WRITES
from tests.flows.made_things import Made, make_room, make_spares
from tests.flows.partner_cases import EXTERNAL
from tests.servers import fujin

SEED = 20261122
EXAMPLES = 2

VERSION = "/v1/datasets/{city}/{kind}/versions/{version}"
# Whom each operation is for, where it is not for all: the policy refuses everybody else with 403.
SETTLEMENTS = ("", "/{settlement_id}", "/{settlement_id}/lines", "/{settlement_id}/lines.csv")
FOR: dict[tuple[str, ...], frozenset[str]] = {
    ("GET /v1/me", "DELETE /v1/auth/token"): frozenset({"member", "staff", "owner", "operator", "admin", "partner"}),
    ("PATCH /v1/me",): frozenset({"member", "staff", "owner", "operator", "admin"}),  # a partner is a program
    ("GET /v1/places/{place_id}/why-not",): frozenset({"staff", "owner", "operator", "admin", "partner"}),
    ("GET /v1/merchants/{merchant_id}/staff",): frozenset({"owner", "admin"}),
    ("GET /v1/flags",): frozenset({"owner", "operator", "admin"}),
    ("GET /v1/datasets",): frozenset({"operator", "admin"}),
    (
        *("POST /v1/datasets/{city}/{kind}/versions", "POST /v1/datasets/{city}/{kind}/rollback"),
        *(f"POST {VERSION}/{step}" for step in ("approve", "activate", "discard", "reload")),
    ): frozenset({"operator", "admin"}),
    (
        *("GET /v1/reviews", "POST /v1/reviews/{review_id}", "GET /v1/overlays", "POST /v1/overlays"),
        "POST /v1/overlays/{overlay_id}/withdraw",
    ): frozenset({"operator", "admin"}),
    (*("GET /v1/datasets/{city}/{kind}/versions", "GET /v1/datasets/{city}/{kind}/versions/{version}"),): frozenset(
        {"operator", "admin"}
    ),
    (*(f"GET {VERSION}/{part}" for part in ("report", "refused.csv", "diff", "diff.geojson")),): frozenset(
        {"operator", "admin"}
    ),
    (
        *("GET /v1/claims", "POST /v1/claims", "GET /v1/claims/{claim_id}", "GET /v1/claims/{claim_id}/code"),
        *("GET /v1/claims/{claim_id}/qr.svg", "POST /v1/claims/{claim_id}/cancel"),
        *("POST /v1/groups", "POST /v1/groups/{group_id}/join"),
    ): frozenset({"member"}),
    (
        "GET /v1/places/{place_id}/presence-code",
        *("POST /v1/codes/lookup", "POST /v1/redemptions", "GET /v1/redemptions/by-request/{request_no}"),
        *(f"GET {REDEMPTION}", *(f"POST {REDEMPTION}/{step}" for step in ("commit", "void", "reverse"))),
        f"POST {PAYMENT}/refunds",
    ): frozenset({"staff", "owner", "partner"}),
    (
        *("POST /v1/payments", f"GET {PAYMENT}", f"POST {PAYMENT}/cancel", f"POST {PAYMENT}/resolve"),
        "GET /v1/refunds/{refund_id}",
    ): frozenset({"member", "staff", "owner", "partner"}),
    (
        *("GET /v1/ledger", "GET /v1/events", "POST /v1/events/{event_id}/redeliver", "GET /v1/deliveries"),
        *(f"GET /v1/settlements{each}" for each in SETTLEMENTS),
        *("GET /v1/deliveries/{event_id}/attempts", "GET /v1/webhook-endpoints", "POST /v1/webhook-endpoints"),
        *(f"{method} {ENDPOINT}" for method in ("GET", "PATCH", "DELETE")),
        *(f"POST {ENDPOINT}/{step}" for step in ("rotate-secret", "test")),
    ): frozenset({"owner", "partner"}),
    (f"GET {COUPON}/management", "GET /v1/merchants/{merchant_id}/coupons", *LOOKED_AT): frozenset(
        {"staff", "owner", "operator", "admin"}
    ),
    ("POST /v1/coupons", f"POST {COUPON}/codes", *COUPON_WRITES, *AREA_WRITES, f"POST {TOGETHER}"): frozenset(
        {"owner"}
    ),
    (f"GET {PLAN}",): frozenset({"owner", "operator", "admin"}),
    (
        f"GET {EXTERNAL}",
        f"PUT {EXTERNAL}/versions/{{version}}",
        f"PUT {EXTERNAL}/stock",
        f"POST {EXTERNAL}/end",
    ): frozenset({"partner"}),
    (f"PUT {COUPON}/platform-terms", f"PUT {PLAN}", f"GET {REVIEWS}", *REVIEW_WRITES): frozenset({"operator", "admin"}),
    **geofence_cases.FOR,
}

# What is admitted and never succeeds here all the same, and why.
NOT_BY_DATA: dict[str, str] = {
    "POST /v1/providers/{provider}/notify": "a provider's signature can't be guessed",
    "POST /v1/flow/notify": "the flow is this installation's own",
    f"POST {TOGETHER}": "it would publish what waits for other cases; test_access_writes does",
    f"POST {VERSION}/approve": "no version waits for it",
    f"POST {VERSION}/discard": "readers see every version that the runs know of",
    f"POST {VERSION}/reload": "the seeds keep no file",
    "POST /v1/datasets/{city}/{kind}/rollback": "the seeds have one version each",
}
# What succeeds when a case happens to meet what another made, or to name a layer; tests of their own hold them.
BY_CHANCE = {
    "POST /v1/overlays/{overlay_id}/withdraw",
    "POST /v1/reviews/{review_id}",
    f"GET {VERSION}/diff.geojson",
}


def first_admitted(label: str, operation: dict[str, Any]) -> str:
    """The principal that covers an operation systematically."""
    if {} in operation["security"]:
        return "anonymous"
    return next(each for each in PRINCIPALS if each != "anonymous" and label not in refused_by_policy(each))


def refused_by_policy(principal: str) -> set[str]:
    """Operations that are not for a principal."""
    role = principal.rstrip("1")
    return {label for labels, roles in FOR.items() if role not in roles for label in labels}


def never_2xx(principal: str) -> set[str]:
    """Every operation that never succeeds for a principal; all others must succeed at least once."""
    return refused_by_policy(principal) | set(NOT_BY_DATA)


@pytest.fixture(scope="module")
def values(seeded_settings: Settings, made: tuple[Made, Made]) -> dict[str, Any]:
    """What exists, some of it made for these runs."""
    return with_made(seeded_values(seeded_settings), *made)


@pytest.fixture(autouse=True)
def room_made(owner_engine: sa.Engine, made: tuple[Made, Made]) -> Iterator[None]:
    """Room for endpoints and wrong codes in the next run."""
    yield
    make_room(owner_engine, *made)


@pytest.fixture
def throw_away(seeded_settings: Settings, live_server_url: str) -> dict[str, dict[str, str]]:
    """A second token for each principal, to sign out with."""
    found: dict[str, dict[str, str]] = json.loads(fujin(replace(seeded_settings, public_url=live_server_url), "tokens"))
    return found


@pytest.mark.parametrize("principal", PRINCIPALS)
@pytest.mark.timeout(400)  # some forty parameters of a search make many cases
def test_nothing_fails_and_whatever_may_work_works(
    principal: str,
    live_server_url: str,
    demo_tokens: dict[str, dict[str, str]],
    throw_away: dict[str, dict[str, str]],
    values: dict[str, Any],
    made: tuple[Made, Made],
    owner_engine: sa.Engine,
    document: dict[str, Any],
    tmp_path: Path,
) -> None:
    operations = operations_of(document)
    if principal == "anonymous":
        campaign = Campaign(EXAMPLES, SEED, ALL_PHASES)
    else:  # each operation is gone through by the first who may call it; the door is the same for all
        alike = [one["operationId"] for label, one in operations.items() if first_admitted(label, one) != principal]
        campaign = Campaign(EXAMPLES, SEED, ("examples", "coverage", "fuzzing"), examples_alone=alike)
    facts = {} if principal == "anonymous" else demo_tokens[principal]
    token, spare = facts.get("token"), throw_away.get(principal, {}).get("token")
    given = with_spares(
        own_values(values, principal, facts),
        make_spares(live_server_url, owner_engine, demo_tokens, made[0], principal),
    )
    with page_kept(live_server_url, token):
        found = run(tmp_path, live_server_url, given, campaign, token, spare)
    assert not found.failures, "\n".join([*found.failures, found.output])
    assert set(found.statuses) == set(operations), "an operation was never called"
    wrong = (set(found.never_2xx()) ^ never_2xx(principal)) - BY_CHANCE
    assert not wrong, {label: found.statuses[label] for label in wrong}
    assert not any(status >= 500 for counts in found.statuses.values() for status in counts)


def test_the_document_agrees_on_who_may_never_succeed(document: dict[str, Any]) -> None:
    operations = operations_of(document)
    for principal in PRINCIPALS:
        role = principal.rstrip("1")
        refused = {
            label
            for label, one in operations.items()
            if ({} not in one["security"] if role == "anonymous" else role not in one["x-roles"])
        }
        assert refused == refused_by_policy(principal), principal


# No worker runs beside these tests, so what it would have done by now is late.
OF_A_WORKER = {
    *("claim-ended-in-time", "unpaid-released-in-time", "hold-ended-in-time", "event-relayed", "delivery-in-time"),
    "job-in-time",
}


def test_the_loop_is_sound_after_whatever_was_sent(owner_engine: sa.Engine) -> None:
    with owner_engine.connect() as conn:
        results = audit_data(conn, system_clock(), allow_unsafe=True)
    found = [each for result in results if result.rule not in OF_A_WORKER for each in result.violations]
    assert found == []
