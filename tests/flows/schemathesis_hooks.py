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

from tests.flows import geofence_cases
from tests.flows.area_cases import SAYS_NO as AREAS_SAY_NO

# A value of the right shape that names nothing: the one kind of refusal that a positive case may meet.
NAMES_NOTHING = {
    "unknown-brand",
    "unknown-category",
    "unknown-city",
    "unknown-region",
    "invalid-cursor",
    "precondition-failed",
}
# A key of an earlier call with another body: the stateful phase learns headers too, after our hooks have seen a case.
LEARNED = {"idempotency-key-mismatch"}
# Well-formed data that business says no to: no schema knows what is sold out, used, paid or reachable.
SAYS_NO: dict[str, tuple[str, ...]] = {
    # one way to say where, with words unless it is an area
    "places_search": ("missing-parameter", "conflicting-parameters", "location-required", "invalid-parameter"),
    "places_search_within": ("conflicting-parameters", "location-required", "invalid-body"),
    # which coupons are on offer now, and to whom
    "claim": ("claim-not-started", "claim-window-closed", "sold-out", "user-limit", "day-limit", "device-limit"),
    # likewise; which coupons have a group deal, and who is in which group
    "start_group": (
        *("claim-not-started", "claim-window-closed", "sold-out", "user-limit", "day-limit", "device-limit"),
        *("group-not-offered", "group-already-joined"),
    ),
    "join_group": ("group-already-joined", "group-closed", "group-full", "claim-window-closed", "user-limit"),
    # what became of a claim since it was made
    "cancel_claim": ("claim-not-cancellable", "claim-held", "refund-not-offered", "refund-in-progress"),
    "claim_code": ("claim-unpaid", "already-redeemed", "code-revoked"),
    "claim_qr": ("claim-unpaid", "already-redeemed", "code-revoked"),
    # any forty characters may be typed, few are a code
    "look_code_up": ("code-mistyped",),
    # likewise; the terms of the codes that exist, and what was done with them
    "redeem": (
        *("code-mistyped", "already-redeemed", "hold-by-other", "unit-exhausted", "request-number-reused"),
        *("order-needed", "currency-mismatch", "not-stackable"),
    ),
    # a redemption goes through each step once
    "commit_redemption": ("redemption-over", "hold-expired", "payment-pending"),
    "void_redemption": ("redemption-over", "hold-expired"),
    "reverse_redemption": ("redemption-over", "already-reversed"),
    # which providers there are is a deployment's choice; what is paid is paid
    "create_payment": ("provider-unknown", "payment-exists", "payment-not-needed", "payment-purpose-over"),
    "cancel_payment": ("payment-not-cancellable",),
    # in which currency a payment was made, and what is left of it
    "refund_payment": (
        *("payment-amount-mismatch", "refund-exceeds-captured", "refund-number-reused", "refund-in-progress"),
    ),
    # can't be guessed
    "provider_notice": ("invalid-signature",),
    # which addresses lead to the internet; a merchant has ten endpoints
    "create_webhook_endpoint": ("endpoint-refused", "endpoint-limit"),
    "change_webhook_endpoint": ("endpoint-refused",),
    # an earlier case may have switched it off
    "test_webhook_endpoint": ("endpoint-refused",),
    "redeliver_event": ("endpoint-refused",),
    # which members of terms go together, what the city's currency is, what is whose; what became of a coupon
    "create_coupon": ("invalid-body",),
    "edit_coupon": ("invalid-body", "coupon-ended"),
    "discard_coupon_draft": ("nothing-to-publish", "coupon-ended"),
    "publish_coupon": ("invalid-body", "nothing-to-publish", "platform-consent-needed", "coupon-ended"),
    "pause_coupon": ("coupon-not-published", "coupon-ended"),
    "resume_coupon": ("coupon-not-published", "coupon-ended"),
    "end_coupon": ("coupon-not-published",),
    "set_coupon_stock": ("invalid-body", "coupon-not-published", "coupon-ended"),
    # likewise, of partners; a version's number stands for its terms
    "publish_partner_coupon": (
        *("invalid-body", "coupon-version-taken", "coupon-version-too-low", "coupon-ended", "coupon-usable-nowhere"),
    ),
    "set_partner_stock": ("invalid-body", "coupon-ended"),
    "set_platform_terms": ("invalid-body", "coupon-ended"),
    # what form a value has depends on its field; what was reported, decided or taken back before; what is a merchant's
    "report_place": ("invalid-body",),
    "create_overlay": ("invalid-body", "both-run", "decision-not-offered", "review-decided"),
    "withdraw_overlay": ("overlay-over", "decision-not-offered", "review-decided"),
    "decide_review": ("invalid-body", "both-run", "decision-not-offered", "review-decided", "overlay-over"),
    # what is under way, and what was loaded before, is others' doing
    "upload_dataset_version": (
        "load-in-progress",
        "empty-file",
        "unsupported-format",
        "unsupported-media-type",
        "invalid-parameter",
    ),
    "approve_dataset_version": ("version-not-ready",),
    "activate_dataset_version": ("version-not-ready", "approval-needed"),
    "roll_dataset_back": ("unknown-version", "version-not-ready"),
    "discard_dataset_version": ("version-not-ready",),
    "reload_dataset_version": ("file-gone", "version-not-ready", "load-in-progress"),
    "upload_coupon_codes": ("invalid-body", "codes-are-generated", "coupon-ended"),
    **geofence_cases.SAYS_NO,
}
SAYS_NO |= AREAS_SAY_NO
# What the web framework says before an operation is found: a path that is none.
NOT_OF_AN_OPERATION = {"no-such-route"}
INSTANTS = ("2026-11-22T09:30:00Z", "2026-11-22T18:30:00.5+08:00", "1970-01-01T00:00:00Z", "2100-12-31T23:59:59-11:00")

AROUND_A_POINT = ("/v1/places/nearby", "/v1/coupons/nearby", "/v1/places/{place_id}/why-not")
BOXES = ("120,30,121,31", "-180,-90,180,90", "170,-20,-170,20", "13.4,52.5,13.4,52.5")
SHAPES: tuple[tuple[str, Any], ...] = (
    ("bias", {"circle": {"center": {"lon": 120.16, "lat": 30.25}, "radius_m": 500}}),
    ("bias", {"bbox": [13.3, 52.4, 13.5, 52.6]}),
    ("restrict", {"bbox": [170, -20, -170, 20]}),
    ("restrict", {"circle": {"center": {"lon": 13.4, "lat": 52.5}, "radius_m": 3000.5}}),
    ("restrict", {"polygon": {"type": "Polygon", "coordinates": [[[120, 30], [121, 30], [120, 31], [120, 30]]]}}),
)
NOT_WITH_SERVES = ("sort", "weights", "distance_bucket_m", "collapse", "facets")
NOT_WITH_A_CELL = ("lat", "lon", "datum", "sort", "weights", "distance_bucket_m", "collapse")


@schemathesis.serializer("text/csv")
def as_csv(_context: Any, value: Any) -> Any:
    """A file of codes is sent as the text that it is."""
    return value if isinstance(value, (bytes, str)) else str(value)


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
    asked = case.query or ({} if path in AROUND_A_POINT else None)
    if isinstance(asked, dict) and _positive(case, ParameterLocation.QUERY):
        case.query = _query(path, dict(asked), draw)
    match = "If-Match" in (case.headers or {}) and _positive(case, ParameterLocation.HEADER)
    if match and draw.random() < 0.7:
        case.headers = {**case.headers, "If-Match": "*"}
    if "Fujin-User" in (case.headers or {}):  # whom partners act for has tests of its own
        case.headers = {name: value for name, value in case.headers.items() if name != "Fujin-User"}
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
    query.pop("min_rating", None)  # no data set brings ratings
    if query.get("sort") == "rating":
        query["sort"] = "blend"
    if query.get("sort") != "blend":
        query = {name: value for name, value in query.items() if name not in ("weights", "distance_bucket_m")}
    elif "weights" in query:
        query["weights"] = "distance:0.5,popularity:0.5"
    if path in AROUND_A_POINT:  # a point or a cell
        if "cell" in query and draw.random() < 0.5:
            query = {name: value for name, value in query.items() if name not in NOT_WITH_A_CELL}
        else:
            query = {"lat": 0.0, "lon": 0.0} | {name: value for name, value in query.items() if name != "cell"}
        query = _serving(query, draw)
    if "lat" in query and "lon" in query and draw.random() < 0.7:
        query["lat"], query["lon"] = draw.choice(VALUES["points"])
    for name in [name for name in ("at", "open_at") if name in query]:
        query[name] = draw.choice(INSTANTS)  # RFC 3339 has years that no service area was there in
    if path == "/v1/coupons/nearby":
        for name in ("sort", "collapse", "redeemable") if "cell" in query else ():
            query.pop(name, None)
        for name in ("at", "party") if "redeemable" not in query else ():
            query.pop(name, None)
    if query.get("open_now") not in (None, False, "false"):
        query.pop("open_at", None)  # they exclude each other
    if str(query.get("price_min", 1)) > str(query.get("price_max", 4)):
        query.pop("price_max")
    if "q" in query and not any(character.isalnum() for character in str(query["q"])):
        query["q"] = "cafe"  # signs alone are no words
    if draw.random() < 0.9:
        query.pop("cursor", None)
    if set(query.get("category", ())) & set(query.get("exclude_category", ())):
        query.pop("exclude_category")  # what is asked for is not left out
    if path.endswith(("/diff", "/diff.geojson")):
        query.pop("against", None)  # a version that is there; what isn't is a missing thing
    if path == "/v1/places/nearby":
        query = _ordered(query)
    if path == "/v1/places/search":
        query = _somewhere(query, draw)
    for name in ("category", "region", "city", "parent"):
        known = VALUES["names"].get(f"{path} {name}")
        if name in query and known and draw.random() < 0.8:
            query[name] = [draw.choice(known)] if isinstance(query[name], list) else draw.choice(known)
    if set(query.get("category") or ()) & set(query.get("exclude_category") or ()):
        query.pop("exclude_category")
    if "region" not in query:
        query.pop("include_fringe", None)
    return query


def _serving(query: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """A point that is to be served goes with the nearest first and with a point alone."""
    if "serves" not in query or "cell" in query:
        return {name: value for name, value in query.items() if name not in ("serves", "serves_kind")}
    if draw.random() < 0.7:
        query["serves"] = ",".join(f"{degrees:.7f}" for degrees in draw.choice(VALUES["points"]))
    return {name: value for name, value in query.items() if name not in NOT_WITH_SERVES}


def _somewhere(query: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """Words and one of the ways to say where."""
    where = draw.choice((("lat", "lon", "radius_m"), ("bbox",), ("region",), ()))
    others = {"lat", "lon", "radius_m", "bbox", "region"} - set(where)
    query = {"q": "cafe"} | {name: value for name, value in query.items() if name not in others}
    if where == ("bbox",):
        return query | {"bbox": draw.choice(BOXES), "datum": "wgs84"}
    if "lat" in where:
        return {"lat": 0.0, "lon": 0.0} | query
    return query if "region" in query else {"city": draw.choice(VALUES["names"]["/v1/regions city"])} | query


def _shaped(body: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """The same for a body; two filters that exclude each other are not sent."""
    body = {"q": "cafe", "city": draw.choice(VALUES["names"]["/v1/regions city"])} | body
    for name in {
        "bias",
        "restrict",
        "exclude_category",
        "open_at",
        "price_min",
        "cursor",
        "attributes",
        "include_fringe",
    } & body.keys():
        body.pop(name)
    if body["q"] is None or not any(character.isalnum() for character in str(body["q"])):
        body["q"] = "cafe"
    name, shape = draw.choice(SHAPES)
    return body | {name: shape, "datum": "wgs84", "city": draw.choice(VALUES["names"]["/v1/regions city"])}


def _ordered(query: dict[str, Any]) -> dict[str, Any]:
    """Orders that go together: nobody has ratings, weights go with a blend, a cell with distance alone."""
    query = {name: value for name, value in query.items() if name != "min_rating"}
    if query.get("sort") == "rating":
        query["sort"] = "blend"
    if "cell" in query:
        query = {name: value for name, value in query.items() if name not in ("sort", "collapse")}
    if query.get("sort") != "blend":
        return {name: value for name, value in query.items() if name not in ("weights", "distance_bucket_m")}
    return query | ({"weights": "distance:3,coupon:1"} if "weights" in query else {})


def _body(operation_id: str, body: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    if operation_id == "send_otp" and "phone" in body:
        return {**body, "phone": draw.choice(VALUES["phones"])}  # a few phones only: a code is a text message
    if operation_id == "fetch_token" and body.get("grant_type") == "client_credentials":
        return dict(VALUES["partner_sign_in"])
    for name, known in VALUES.get("bodies", {}).get(operation_id, {}).items():
        if draw.random() < 0.7:
            body[name] = draw.choice(known)
    return _sensible(operation_id, body, draw)


def _sensible(operation_id: str, body: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """The body without what JSON Schema has no word for, or our own values have spoilt."""
    if operation_id == "look_code_up" and "code" in body:
        body.pop("qr", None)
    if isinstance(body.get("location"), dict) and "at" in body["location"]:  # RFC 3339 has years without telephones
        body["location"] = {**body["location"], "at": draw.choice(INSTANTS)}
    if operation_id == "claim":
        body.pop("claim_id", None)  # partners' clients alone make ids, for users whom they name in a header
    if operation_id == "places_search_within":
        body = _shaped(body, draw)
    if operation_id == "create_payment" and body.get("provider") != "test_wallet":
        body.pop("wallet", None)
    return geofence_cases.sensible(operation_id, body, lambda: draw.choice(INSTANTS))


@schemathesis.hook
def before_add_examples(context: Any, examples: list[Any]) -> None:
    """Begins each operation with calls that must work for whoever may make them: its first three things by id."""
    operation = context.operation
    first = VALUES["first"].get(operation.label, {})
    known = VALUES["paths"].get(operation.label) or VALUES["paths"].get(operation.path, [None])
    for path_values in known[:3]:
        given = {**first, "path_parameters": path_values} if path_values else dict(first)
        if "body" in given and "media_type" not in given:
            given["media_type"] = "application/json"
        given = geofence_cases.fresh(operation.label, given)
        examples.append(operation.Case(**given))


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Keeps all failures but three kinds: well-formed data that names nothing was refused by its own code, a file of
    text is whatever text it is, and a token that a case left out is put back by the command line (that none is refused
    is shown role by role in test_access_matrix)."""
    operation_id = case.operation.definition.raw.get("operationId")
    files = ("upload_coupon_codes", "upload_dataset_version")
    if type(failure).__name__ == "AcceptedNegativeData" and operation_id in files:
        return False
    if type(failure).__name__ == "MissingHeaderNotRejected" and failure.header_name == "Authorization":
        return False
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    try:
        code = json.loads(response.content)["code"]
    except (ValueError, KeyError, TypeError):
        return True
    return code not in NAMES_NOTHING | LEARNED and code not in SAYS_NO.get(operation_id, ())


@schemathesis.check
def problem_is_documented_with_its_code(ctx: Any, response: Any, case: Any) -> bool | None:
    """A refusal's code stands in the description of its status, so that whoever reads the document can expect it."""
    kind = (response.headers.get("content-type") or [""])[0]
    if kind != "application/problem+json" or case.method.upper() != case.operation.method.upper():
        return None
    code = json.loads(response.content)["code"]
    said = case.operation.definition.raw["responses"].get(str(response.status_code), {}).get("description", "")
    if code not in NOT_OF_AN_OPERATION and f"`{code}`: " not in said:
        raise AssertionError(f"{code} is not documented with {response.status_code}")
    return None


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Counts answers by operation and status; methods that the operation does not have are not counted."""
    if case.method.upper() == case.operation.method.upper():
        ANSWERS[case.operation.label, response.status_code] += 1


@atexit.register
def _write_answers() -> None:
    counted = [[label, status, times] for (label, status), times in sorted(ANSWERS.items())]
    Path(os.environ["CAMPAIGN_ANSWERS"]).write_text(json.dumps(counted))
