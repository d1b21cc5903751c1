"""The one error table: every refusal, its status number and what a caller should do; RFC 9457 answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import orjson
from flask import Response, g

from app.core.errors import AppError, Fault

MEDIA_TYPE = "application/problem+json"
MAX_FAULTS = 50  # told of one request; the detail says how many there are
Advice = Literal["do not retry", "retry later with the same key", "mend and send anew", "sign in again"]


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of refusal: ``code`` is stable, ``title`` never changes, ``advice`` says what a caller should do."""

    code: str
    status: int
    title: str
    advice: Advice = "mend and send anew"


def _table(*problems: Problem) -> dict[str, Problem]:
    return {problem.code: problem for problem in problems}


PROBLEMS: dict[str, Problem] = _table(
    # what the request line and headers can get wrong
    Problem("not-found", 404, "There is no such thing"),
    Problem("no-such-route", 404, "There is no such route"),
    Problem("method-not-allowed", 405, "The route does not take this method"),
    Problem("not-acceptable", 406, "None of the wanted media types is offered"),
    Problem("bad-request", 400, "The request is malformed"),
    Problem("precondition-failed", 412, "The thing changed since it was read; read it again"),
    Problem("precondition-required", 428, "Say with If-Match which state is being changed"),
    Problem("body-too-large", 413, "The body is too large"),
    Problem("unsupported-media-type", 415, "The body must be application/json"),
    Problem("rate-limited", 429, "Too many requests", "retry later with the same key"),
    # query and path parameters
    Problem("invalid-parameter", 400, "A parameter is not valid"),
    Problem("unknown-parameter", 400, "A parameter is not known here"),
    Problem("repeated-parameter", 400, "A parameter was given more than once"),
    Problem("missing-parameter", 400, "A required parameter is missing"),
    Problem("invalid-coordinate", 400, "A coordinate is not a finite number within its range"),
    Problem("invalid-radius", 400, "radius_m must lie in 1..50000"),
    Problem("invalid-cell", 400, "A cell is a geohash of six characters"),
    Problem("invalid-bbox", 400, "A box is west,south,east,north in degrees"),
    Problem("location-required", 400, "Say where to search"),
    Problem("unknown-category", 400, "A category is not known"),
    Problem("ratings-missing", 400, "No ratings are known yet"),
    Problem("unknown-brand", 400, "A brand is not known"),
    Problem("search-rows-missing", 503, "A city can't be searched yet"),
    Problem("unknown-city", 400, "A city is not known"),
    Problem("unknown-region", 400, "A region is not known"),
    Problem("conflicting-parameters", 400, "Two parameters exclude each other"),
    Problem("invalid-cursor", 400, "The cursor is not valid for this query"),
    Problem("expired-cursor", 410, "The cursor has expired; start again from the first page"),
    Problem("gone", 410, "The thing existed and is gone", "do not retry"),
    Problem("tile-out-of-range", 404, "There is no such tile", "do not retry"),
    # JSON bodies
    Problem("malformed-json", 400, "The body is not JSON"),
    Problem("json-duplicate-member", 400, "A JSON object names a member twice"),
    Problem("json-too-deep", 400, "The JSON is nested deeper than 16 levels"),
    Problem("json-too-many-members", 400, "A JSON object has more than 64 members"),
    Problem("json-number", 400, "A JSON number is not finite or has more than 20 digits"),
    Problem("json-text", 400, "A JSON string holds NUL or a lone surrogate"),
    Problem("invalid-body", 422, "The body is not valid"),
    Problem("invalid-geometry", 422, "A geometry is not valid"),
    Problem("geometry-too-large", 422, "A geometry is larger than allowed"),
    # who may call
    Problem("missing-token", 401, "Sign in first: this route wants a bearer token", "sign in again"),
    Problem("invalid-token", 401, "The bearer token is not valid", "sign in again"),
    Problem("expired-token", 401, "The bearer token has expired", "sign in again"),
    Problem("revoked-token", 401, "The bearer token was signed out", "sign in again"),
    Problem("forbidden", 403, "Your role may not do this", "do not retry"),
    Problem("invalid-grant", 401, "The sign-in does not match", "sign in again"),
    Problem("otp-too-soon", 429, "A one-time code was sent a moment ago", "retry later with the same key"),
    Problem("otp-locked", 429, "Too many wrong codes; ask for a new one", "retry later with the same key"),
    Problem("sign-in-locked", 429, "Too many wrong sign-ins for this name", "retry later with the same key"),
    Problem("sign-in-elsewhere", 403, "People sign in at another issuer", "do not retry"),
    # requests that must not happen twice
    Problem("idempotency-key-missing", 400, "This route wants an Idempotency-Key"),
    Problem("idempotency-key-invalid", 400, "An Idempotency-Key has 1 to 255 printable ASCII characters"),
    Problem("idempotency-key-mismatch", 422, "The key was used with another body", "do not retry"),
    Problem("idempotency-key-in-flight", 409, "The first request is still running", "retry later with the same key"),
    # claiming
    Problem("claim-not-started", 409, "The coupon can't be claimed yet", "do not retry"),
    Problem("claim-window-closed", 409, "The coupon can no longer be claimed", "do not retry"),
    Problem("sold-out", 409, "Nothing is left of the coupon", "do not retry"),
    Problem("user-limit", 409, "You hold as many of this coupon as its terms allow", "do not retry"),
    Problem("day-limit", 409, "No more of this coupon today", "do not retry"),
    Problem("device-limit", 409, "This device holds as many of this coupon as its terms allow", "do not retry"),
    Problem("location-needed", 403, "This coupon wants to know where you are"),
    Problem("outside-geofence", 403, "You are too far from where the coupon can be used"),
    Problem("location-stale", 403, "The position is too old"),
    Problem("location-inaccurate", 403, "The position is not accurate enough"),
    Problem("location-suspect", 403, "The position is not the device's own"),
    Problem("place-code-wrong", 403, "The till's digits do not match"),
    Problem("velocity-limit", 429, "Too many tries within an hour", "retry later with the same key"),
    Problem("claim-id-taken", 409, "The id stands for another claim", "do not retry"),
    Problem("claim-not-cancellable", 409, "The claim can't be cancelled any more", "do not retry"),
    Problem("group-not-offered", 409, "The coupon has no group deal", "do not retry"),
    Problem("group-closed", 409, "The group takes nobody any more", "do not retry"),
    Problem("group-full", 409, "Every seat of the group is taken", "do not retry"),
    Problem("group-already-joined", 409, "You have a seat in a group already", "do not retry"),
    Problem("group-open", 409, "The group is not complete yet", "do not retry"),
    Problem("claim-held", 409, "A till is using the claim at this moment", "retry later with the same key"),
    Problem("coupon-version-taken", 409, "The version has other terms", "do not retry"),
    Problem("coupon-version-too-low", 409, "A later version is in force", "do not retry"),
    # codes and the till
    Problem("code-mistyped", 422, "The code has a typing error"),
    Problem("code-unknown", 404, "There is no such code here", "do not retry"),
    Problem("code-revoked", 410, "The code is no longer good", "do not retry"),
    Problem("code-expired", 410, "The code's time is over", "do not retry"),
    Problem("claim-unpaid", 409, "The claim is not paid yet"),
    Problem("wrong-store", 409, "The code is good, but not here", "do not retry"),
    Problem("not-yet-usable", 409, "The code can be used later", "do not retry"),
    Problem("blackout-time", 409, "The code can't be used at this time", "do not retry"),
    Problem("min-spend-not-met", 409, "The order is below the least spend", "do not retry"),
    Problem("order-needed", 422, "The discount depends on the order; send its amount"),
    Problem("currency-mismatch", 409, "The order and the coupon have different currencies", "do not retry"),
    Problem("not-stackable", 409, "These codes can't be used together", "do not retry"),
    Problem("already-redeemed", 409, "The code was used before", "do not retry"),
    Problem("unit-exhausted", 409, "Fewer units are left than asked for", "do not retry"),
    Problem("hold-by-other", 409, "Another till holds the code", "retry later with the same key"),
    Problem("hold-expired", 409, "The hold is over; hold the code again", "do not retry"),
    Problem("redemption-held", 409, "The redemption is only held; void it instead"),
    Problem("redemption-over", 409, "The redemption has ended", "do not retry"),
    Problem("already-reversed", 409, "The redemption was reversed before", "do not retry"),
    Problem("reverse-window-closed", 409, "The time to reverse is over", "do not retry"),
    Problem("request-number-reused", 422, "The request number was used with another request", "do not retry"),
    Problem("staff-locked", 429, "Too many wrong codes today", "retry later with the same key"),
    Problem("scope-missing", 403, "The client lacks a scope", "do not retry"),
    Problem("budget-exhausted", 409, "The coupon's budget is used up", "do not retry"),
    # a merchant's own coupons
    Problem("coupon-ended", 409, "The coupon has ended", "do not retry"),
    Problem("coupon-not-published", 409, "The coupon was never published"),
    Problem("nothing-to-publish", 409, "There are no new terms to publish"),
    Problem("platform-consent-needed", 409, "The platform has not agreed to pay a share of these terms"),
    Problem("coupon-usable-nowhere", 409, "There is no place where the coupon could be used"),
    Problem("codes-are-generated", 409, "The codes of this coupon are made by the platform"),
    # a merchant's service areas
    Problem("area-outside-city", 422, "The area reaches out of its city"),
    Problem("territory-overlaps", 409, "The territory overlaps another of the same brand"),
    Problem("no-version-waits", 409, "No version of the area waits"),
    Problem("version-waits", 409, "Another version of the area waits"),
    Problem("not-in-review", 409, "The area does not wait for a review", "do not retry"),
    Problem("own-work", 403, "Somebody else has to review it", "do not retry"),
    Problem("external-id-taken", 409, "The id stands for an area of the place's former merchant"),
    # a city's places: what a person decides about them
    Problem("overlay-over", 409, "The correction is no longer in force", "do not retry"),
    Problem("review-decided", 409, "The review was decided already", "do not retry"),
    Problem("decision-not-offered", 409, "The review does not take this decision"),
    Problem("both-run", 409, "Two merchants run these places"),
    # money
    Problem("provider-unknown", 422, "There is no such provider here"),
    Problem("payment-not-needed", 409, "There is nothing to pay", "do not retry"),
    Problem("payment-exists", 409, "A payment for this is under way or done", "do not retry"),
    Problem("payment-pending", 409, "The payment has not ended yet", "retry later with the same key"),
    Problem("payment-unknown", 409, "The payment's outcome is not known yet", "retry later with the same key"),
    Problem("payment-not-cancellable", 409, "The payment can't be cancelled any more", "do not retry"),
    Problem("payment-purpose-over", 409, "What was to be paid has ended", "do not retry"),
    Problem("payment-amount-mismatch", 409, "The amount is not the one asked for", "do not retry"),
    Problem("refund-exceeds-captured", 409, "More than what is left can't be refunded", "do not retry"),
    Problem("refund-not-offered", 409, "The terms offer no refund", "do not retry"),
    Problem("refund-in-progress", 409, "A refund is under way", "retry later with the same key"),
    Problem("refund-number-reused", 422, "The refund number was used with another refund", "do not retry"),
    Problem("invalid-signature", 401, "The notice's signature is not good", "do not retry"),
    # events and webhooks
    Problem("endpoint-refused", 422, "The address can't receive webhooks"),
    Problem("endpoint-limit", 409, "A merchant has at most ten endpoints", "do not retry"),
    # regional data
    Problem("load-in-progress", 409, "Another version of this kind is under way", "retry later with the same key"),
    Problem("version-not-ready", 409, "The dataset version can't be activated", "do not retry"),
    Problem("unknown-version", 409, "There is no such dataset version", "do not retry"),
    Problem("approval-needed", 409, "The dataset version may not be activated yet"),
    Problem("second-person-needed", 409, "Somebody else has to approve", "do not retry"),
    Problem("file-gone", 410, "The file is no longer kept", "do not retry"),
    Problem("empty-file", 422, "The file is empty"),
    Problem("unsupported-format", 415, "The file's form is not one that is read"),
    Problem("upload-disk-full", 507, "There is no room for the file", "retry later with the same key"),
    # geofences and positions
    Problem("consent-required", 409, "The member has not agreed to this"),
    Problem("geofence-exists", 409, "The merchant has a fence of this name", "do not retry"),
    Problem("geofence-limit", 409, "A merchant has at most ten thousand fences in a city", "do not retry"),
    Problem("geofence-over", 409, "The fence is over", "do not retry"),
    Problem("diff-not-ready", 409, "The difference has not been worked out yet", "do not retry"),
    Problem("saved-limit", 409, "A member saves at most twenty areas", "do not retry"),
    # our side
    Problem("provider-unavailable", 503, "The payment provider does not answer", "retry later with the same key"),
    Problem("flow-unavailable", 503, "The redemption flow does not answer", "retry later with the same key"),
    Problem("flow-lacks", 409, "The flow behind this installation does not offer this", "do not retry"),
    Problem("gateway-failed", 502, "A partner did not take the request", "retry later with the same key"),
    Problem("unavailable", 503, "The service is not available for the moment", "retry later with the same key"),
    Problem("clock-skew", 503, "Our clock and the database's differ; writes wait", "retry later with the same key"),
    Problem("internal-error", 500, "Something went wrong on our side", "retry later with the same key"),
)

# Statuses that come from the web framework itself rather than from a refusal of ours.
BY_STATUS = {
    400: "bad-request",
    404: "no-such-route",
    405: "method-not-allowed",
    406: "not-acceptable",
    413: "body-too-large",
    415: "unsupported-media-type",
    429: "rate-limited",
    503: "unavailable",
}


def code_of(error: AppError) -> str:
    """The error's code, or the one code that all of its faults share."""
    fault_codes = {fault.code for fault in error.faults}
    if len(fault_codes) == 1:
        only = next(iter(fault_codes))
        if only is not None and only in PROBLEMS:
            return only
    return error.code


def fault_json(fault: Fault) -> dict[str, Any]:
    """One entry of ``errors``: where, and what would be right."""
    members = ("parameter", "pointer", "code", "hint", "location")
    return {"detail": fault.detail} | {name: value for name in members if (value := getattr(fault, name)) is not None}


def problem_body(error: AppError, request_id: str) -> tuple[int, dict[str, Any]]:
    """Status and problem document of a refusal."""
    problem = PROBLEMS[code_of(error)]
    body: dict[str, Any] = {
        "type": f"/problems#{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": error.detail if problem.status < 500 or problem.status in (503, 507) else problem.title,
        "code": problem.code,
        "errors": [fault_json(fault) for fault in error.faults[:MAX_FAULTS]],
        "request_id": request_id,
        "retryable": problem.advice == "retry later with the same key",
        **error.extra,
    }
    return problem.status, body


def problem_response(error: AppError) -> Response:
    """The answer to a refusal, never cached; http/requests adds Retry-After where waiting helps."""
    status, body = problem_body(error, request_id())
    response = Response(orjson.dumps(body), status, mimetype=MEDIA_TYPE)
    response.headers["Cache-Control"] = "no-store"
    if error.retry_after_s is not None:
        g.retry_after_s = error.retry_after_s
    elif status == 503:
        g.retry_after_s = 1
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="fujin"'
    return response


def request_id() -> str:
    """The id of the request in hand."""
    return str(g.get("request_id", ""))


def problem_list() -> list[dict[str, Any]]:
    """The whole table, as ``GET /problems`` shows it."""
    return [
        {"code": p.code, "type": f"/problems#{p.code}", "status": p.status, "title": p.title, "advice": p.advice}
        for p in PROBLEMS.values()
    ]
