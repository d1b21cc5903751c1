"""What schemathesis is told beyond the API document: ids that exist, and which refusals no schema can foresee.

Loaded by schemathesis in a process of its own; ``CAMPAIGN_FILE`` names a JSON file with the values, as
``api_campaign.seeded_values`` makes them, and ``CAMPAIGN_ANSWERS`` the file that the counts are written to.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.core.parameters import ParameterLocation

# A value of the right shape that names nothing: the one kind of refusal that a positive case may meet.
NAMES_NOTHING = {"unknown-category", "unknown-city", "unknown-region", "invalid-cursor", "precondition-failed"}
# Well-formed data that business says no to: no schema knows what is sold out, used, paid or open to the internet.
SAYS_NO = {
    *(
        "claim-not-started",
        "claim-window-closed",
        "user-limit",
        "day-limit",
        "sold-out",
        "location-needed",
        "claim-unpaid",
    ),
    *("location-stale", "location-inaccurate", "location-suspect", "outside-geofence", "device-limit", "code-mistyped"),
    *("code-unknown", "code-revoked", "code-expired", "already-redeemed", "order-needed", "request-number-reused"),
    *("currency-mismatch", "redemption-over", "reverse-window-closed", "provider-unknown", "payment-not-needed"),
    *("payment-exists", "payment-purpose-over", "payment-not-cancellable", "payment-amount-mismatch", "staff-locked"),
    *("refund-exceeds-captured", "refund-number-reused", "refund-in-progress", "endpoint-refused", "endpoint-limit"),
    *("claim-not-cancellable", "already-reversed", "invalid-signature", "idempotency-key-mismatch", "wrong-store"),
    *("invalid-body",),  # of two members only one may be there, and a limit on devices wants the device
}
INSTANTS = ("2026-11-22T09:30:00Z", "2026-11-22T18:30:00.5+08:00", "1970-01-01T00:00:00Z", "2100-12-31T23:59:59-11:00")

VALUES: dict[str, Any] = json.loads(Path(os.environ["CAMPAIGN_FILE"]).read_text())
ANSWERS: Counter[tuple[str, int]] = Counter()


def _positive(case: Any, location: ParameterLocation) -> bool:
    return case.meta is None or not case.meta.is_negative_at(location)


@schemathesis.hook
def map_case(context: Any, case: Any) -> Any:
    """Puts values that exist into well-formed parts, most of the time; what is meant to be wrong stays as it is."""
    draw = random.Random(_content(case))  # the same case always becomes the same, as Hypothesis must replay it
    path = case.operation.path
    own = VALUES["paths"].get(case.operation.label)  # always taken: an id that was learned would use something up
    real = own or VALUES["paths"].get(path)
    chosen = real and (own or draw.random() < 0.7)
    if chosen and case.path_parameters and _positive(case, ParameterLocation.PATH):
        case.path_parameters = {**case.path_parameters, **draw.choice(real)}
    if isinstance(case.query, dict) and case.query and _positive(case, ParameterLocation.QUERY):
        case.query = _query(path, dict(case.query), draw)
    match = "If-Match" in (case.headers or {}) and _positive(case, ParameterLocation.HEADER)
    if match and draw.random() < 0.7:
        case.headers = {**case.headers, "If-Match": "*"}
    if isinstance(case.body, dict) and _positive(case, ParameterLocation.BODY):
        case.body = _body(case.operation.definition.raw.get("operationId"), dict(case.body), draw)
    if "Idempotency-Key" in (case.headers or {}) and _positive(case, ParameterLocation.HEADER):
        case.headers = {**case.headers, "Idempotency-Key": hashlib.sha256(_content(case).encode()).hexdigest()}
    return case


def _content(case: Any) -> str:
    match = (case.headers or {}).get("If-Match")
    return f"{case.operation.label} {case.path_parameters!r} {case.query!r} {match!r} {case.body!r}"


def _query(path: str, query: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    # Numbers in a query string are plain decimals, not 1e-9; JSON Schema has no word for that.
    query = {name: round(value, 3) if isinstance(value, float) else value for name, value in query.items()}
    if "lat" in query and "lon" in query and draw.random() < 0.7:
        query["lat"], query["lon"] = draw.choice(VALUES["points"])
    if "at" in query:
        query["at"] = draw.choice(INSTANTS)  # RFC 3339 has years that no service area was there in
    if draw.random() < 0.9:
        query.pop("cursor", None)
    for name in ("category", "region", "city", "parent"):
        known = VALUES["names"].get(f"{path} {name}")
        if name in query and known and draw.random() < 0.8:
            query[name] = [draw.choice(known)] if isinstance(query[name], list) else draw.choice(known)
    return query


def _body(operation_id: str, body: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    if operation_id == "send_otp" and "phone" in body:
        return {**body, "phone": draw.choice(VALUES["phones"])}  # a few phones only: a code is a text message
    if operation_id == "fetch_token" and body.get("grant_type") == "client_credentials":
        return dict(VALUES["partner_sign_in"])
    return body


@schemathesis.hook
def before_add_examples(context: Any, examples: list[Any]) -> None:
    """Begins each operation with calls that must work for whoever may make them: its first three things by id."""
    operation = context.operation
    first = VALUES["first"].get(operation.label, {})
    known = VALUES["paths"].get(operation.label) or VALUES["paths"].get(operation.path, [None])
    for path_values in known[:3]:
        given = {**first, "path_parameters": path_values} if path_values else dict(first)
        if "body" in given:
            given["media_type"] = "application/json"
        examples.append(operation.Case(**given))


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Keeps all failures but one kind: well-formed data that names nothing was refused by its own code."""
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    try:
        code = json.loads(response.content)["code"]
    except (ValueError, KeyError, TypeError):
        return True
    return code not in NAMES_NOTHING | SAYS_NO


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Counts answers by operation and status; methods that the operation does not have are not counted."""
    if case.method.upper() == case.operation.method.upper():
        ANSWERS[case.operation.label, response.status_code] += 1


@atexit.register
def _write_answers() -> None:
    counted = [[label, status, times] for (label, status), times in sorted(ANSWERS.items())]
    Path(os.environ["CAMPAIGN_ANSWERS"]).write_text(json.dumps(counted))
