"""Cases generated from the API document, as anonymous and as each role: no error of ours, nothing against the document.

Few cases a run here; ``./dev campaign api`` runs many, with the same code.
"""

from __future__ import annotations

import json
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.settings import Settings
from tests.flows.api_campaign import (
    ALL_PHASES,
    PRINCIPALS,
    Campaign,
    operations_of,
    own_values,
    page_kept,
    run,
    seeded_values,
)
from tests.servers import fujin

SEED = 20261122
EXAMPLES = 4

WANTS_A_TOKEN = "refused without a token: 401"
FOR_OPERATORS = "versions of a city's data are for its operators and admins: 403"
FOR_OWNERS = "the people of a merchant are for its owner and admins: 403"
FOR_PEOPLE = "a partner is a program: it has no name, language or consent of its own to change: 403"
VERSIONS = "GET /v1/datasets/{city}/{kind}/versions"
VERSION = "GET /v1/datasets/{city}/{kind}/versions/{version}"
STAFF = "GET /v1/merchants/{merchant_id}/staff"
FOR_MERCHANTS = "a merchant's ledger is for its owner and its partners: 403"
LEDGER = "GET /v1/ledger"

# Every operation that never succeeds for a principal, and why; all others must succeed at least once.
NEVER_2XX: dict[str, dict[str, str]] = {
    "anonymous": dict.fromkeys(
        ("GET /v1/me", "PATCH /v1/me", "DELETE /v1/auth/token", STAFF, VERSIONS, VERSION, LEDGER), WANTS_A_TOKEN
    ),
    "member1": {STAFF: FOR_OWNERS, VERSIONS: FOR_OPERATORS, VERSION: FOR_OPERATORS, LEDGER: FOR_MERCHANTS},
    "staff1": {STAFF: FOR_OWNERS, VERSIONS: FOR_OPERATORS, VERSION: FOR_OPERATORS, LEDGER: FOR_MERCHANTS},
    "owner1": {VERSIONS: FOR_OPERATORS, VERSION: FOR_OPERATORS},
    "operator1": {STAFF: FOR_OWNERS, LEDGER: FOR_MERCHANTS},
    "admin": {LEDGER: FOR_MERCHANTS},
    "partner1": {
        "PATCH /v1/me": FOR_PEOPLE,
        STAFF: FOR_OWNERS,
        VERSIONS: FOR_OPERATORS,
        VERSION: FOR_OPERATORS,
    },
}


@pytest.fixture(scope="module")
def values(seeded_settings: Settings) -> dict[str, Any]:
    return seeded_values(seeded_settings)


@pytest.fixture(scope="module")
def throw_away(seeded_settings: Settings, live_server_url: str) -> dict[str, dict[str, str]]:
    """A second token for each principal, to sign out with."""
    found: dict[str, dict[str, str]] = json.loads(fujin(replace(seeded_settings, public_url=live_server_url), "tokens"))
    return found


@pytest.fixture(scope="module")
def document(live_server_url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{live_server_url}/openapi.json", timeout=20) as answer:
        return dict(json.load(answer))


@pytest.mark.parametrize("principal", PRINCIPALS)
def test_nothing_fails_and_whatever_may_work_works(
    principal: str,
    live_server_url: str,
    demo_tokens: dict[str, dict[str, str]],
    throw_away: dict[str, dict[str, str]],
    values: dict[str, Any],
    document: dict[str, Any],
    tmp_path: Path,
) -> None:
    operations = operations_of(document)
    if principal == "anonymous":
        campaign = Campaign(EXAMPLES, SEED, ALL_PHASES)
    else:  # what is open to all reads the query before it knows who asks: anonymous covers that systematically
        alike = [one["operationId"] for one in operations.values() if {} in one["security"]]
        campaign = Campaign(EXAMPLES, SEED, ("examples", "coverage", "fuzzing"), uncovered=alike)
    facts = demo_tokens.get(principal, {})
    token, spare = facts.get("token"), throw_away.get(principal, {}).get("token")
    with page_kept(live_server_url, token):
        found = run(tmp_path, live_server_url, own_values(values, principal, facts), campaign, token, spare)
    assert not found.failures, "\n".join([*found.failures, found.output])
    assert set(found.statuses) == set(operations), "an operation was never called"
    never = {label: found.statuses[label] for label in found.never_2xx()}
    assert set(never) == set(NEVER_2XX[principal]), never
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
        assert refused == set(NEVER_2XX[principal]), principal
