"""Sign-in, sign-out, the issuer's keys, and one's own page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import request
from sqlalchemy import Connection

from app.core.errors import AppError, PreconditionFailed, PreconditionRequired
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import PUBLIC, SIGNED_IN, allow, signed_in
from app.http.caching import NO_STORE, entity_tag, holds, tagged
from app.http.idempotency import KEY_PATTERN, KeyScope, body_hash, key_from_header
from app.http.openapi import HeaderOf
from app.http.principals import InvalidToken, Principal
from app.http.services import services
from app.http.steps import Plan, run_plan
from app.http.transaction import writing
from app.members import actions, queries, session_queries
from app.members.errors import SignInElsewhere
from app.members.hashing import client_secret_hash, name_login, password_matches, secrets_equal
from app.members.otp_gateway import OtpMessage
from app.members.parts import SignInParts
from app.members.principals import MemberPrincipals
from app.members.schemas import (
    JwksAnswer,
    MeAnswer,
    MePatchBody,
    OtpAnswer,
    OtpBody,
    TokenAnswer,
    TokenBody,
)
from app.members.types import Grant, Member, SessionPrincipal

blueprint = Blueprint("members", __name__, description="Sign-in and one's own page")

_PEOPLE = allow("member", "staff", "owner", "operator", "admin", owner="members.member_id is the principal's own")


def _parts() -> SignInParts:
    found = services().principals
    if not isinstance(found, MemberPrincipals):
        raise TypeError("the factory fills Services.principals with create_principals()")
    return found.parts


def _people_sign_in_here(parts: SignInParts) -> None:
    if parts.elsewhere is not None:
        raise SignInElsewhere(f"people sign in at {parts.elsewhere}")


@blueprint.get("/.well-known/jwks.json", policy=PUBLIC, answer=JwksAnswer)
def jwks() -> Answer:
    """The public keys of this installation's tokens."""
    return tagged(Answer(_parts().issuer.key_set()), max_age_s=300)


@blueprint.post(
    "/v1/auth/otp",
    policy=PUBLIC,
    body=OtpBody,
    answer=OtpAnswer,
    status=202,
    takes={
        "Idempotency-Key": HeaderOf("A repeated request with the same key gets the same answer", pattern=KEY_PATTERN)
    },
    problems=(
        "otp-too-soon",
        "sign-in-elsewhere",
        "gateway-failed",
        "clock-skew",
        "idempotency-key-invalid",
        "idempotency-key-mismatch",
        "idempotency-key-in-flight",
    ),
)
def send_otp(body: dict[str, Any]) -> Answer:
    """Sends a one-time code to a phone; the answer is the same whether anyone signed in with it before."""
    parts = _parts()
    _people_sign_in_here(parts)
    phone = body["phone"]

    def prepare(conn: Connection) -> OtpMessage:
        return actions.begin_challenge(conn, parts, phone, services().clock())

    def settle(_conn: Connection, _message: OtpMessage, _outcome: None) -> Answer:
        answer = {
            "expires_in": int(session_queries.CODE_LIFETIME.total_seconds()),
            "resend_after_s": int(session_queries.RESEND_AFTER.total_seconds()),
        }
        return Answer(answer, 202, NO_STORE)

    return run_plan(Plan(prepare, settle, parts.gateway.send), _otp_scope(parts, phone))


def _otp_scope(parts: SignInParts, phone: str) -> KeyScope | None:
    key = key_from_header(required=False)
    if key is None:
        return None
    # A plain hash of the body could be searched for the phone, so the keyed one stands in both places.
    phone_key = parts.pepper.phone_key(phone)
    return KeyScope(None, f"phone:{phone_key}", "send_otp", key, body_hash({"phone": phone_key}))


@blueprint.post(
    "/v1/auth/token",
    policy=PUBLIC,
    body=TokenBody,
    answer=TokenAnswer,
    problems=("invalid-grant", "otp-locked", "sign-in-locked", "sign-in-elsewhere", "clock-skew"),
)
def fetch_token(body: dict[str, Any]) -> Answer:
    """Signs in by one-time code, password or client secret, or goes on with a refresh token."""
    parts = _parts()
    if body["grant_type"] != "client_credentials":
        _people_sign_in_here(parts)
    sign_in = _SIGN_INS[body["grant_type"]]
    outcome = sign_in(parts, body)
    if isinstance(outcome, AppError):
        raise outcome
    answer = {
        "access_token": outcome.access.token,
        "token_type": "Bearer",
        "expires_in": outcome.access.expires_in_s,
        "role": outcome.role,
    }
    if outcome.refresh_token is not None:
        answer["refresh_token"] = outcome.refresh_token
    return Answer(answer, headers=NO_STORE)


def _by_code(parts: SignInParts, body: dict[str, Any]) -> actions.Outcome:
    with writing() as conn:
        return actions.sign_in_with_code(conn, parts, body["phone"], body["code"], services().clock())


def _by_password(parts: SignInParts, body: dict[str, Any]) -> actions.Outcome:
    login = name_login(body["login"])
    with writing() as conn:
        actions.take_password_try(conn, parts, login, services().clock())
        member_id, password_hash = queries.password_of_login(conn, login)
    # Between two transactions: the slow hash must hold no connection.
    if not password_matches(password_hash, body["password"]) or member_id is None:
        return actions.refused()
    with writing() as conn:
        return actions.sign_in_with_password(conn, parts, login, member_id, body.get("role"), services().clock())


def _by_client_secret(parts: SignInParts, body: dict[str, Any]) -> actions.Outcome:
    client_id = body["client_id"]
    with services().database.write() as conn:
        stored = queries.client_secret_hash_of(conn, client_id)
    if not secrets_equal(stored, client_secret_hash(body["client_secret"])):
        return actions.refused()
    access = parts.issuer.issue(client_id, "partner", services().clock(), client_id=client_id)
    return Grant(access, "partner", None)


def _by_refresh_token(parts: SignInParts, body: dict[str, Any]) -> actions.Outcome:
    with writing() as conn:
        return actions.refresh(conn, parts, body["refresh_token"], services().clock())


_SIGN_INS: dict[str, Callable[[SignInParts, dict[str, Any]], actions.Outcome]] = {
    "otp": _by_code,
    "password": _by_password,
    "client_credentials": _by_client_secret,
    "refresh_token": _by_refresh_token,
}


@blueprint.delete("/v1/auth/token", policy=SIGNED_IN, answer=None, status=204, problems=("clock-skew",))
def sign_out() -> Answer:
    """Ends the token of this request and the session that it belongs to."""
    principal = signed_in()
    with writing() as conn:
        actions.sign_out(
            conn,
            token_id=principal.token_id,
            expires_at=principal.expires_at,
            member_id=principal.member_id,
            session_id=principal.session_id if isinstance(principal, SessionPrincipal) else None,
            now=services().clock(),
        )
    return Answer(b"", 204, NO_STORE)


@blueprint.get(
    "/v1/me", policy=SIGNED_IN, answer=MeAnswer, headers={"ETag": "names this state; send it in If-Match to change it"}
)
def me() -> Answer:
    """Who is signed in, in which role, and what that role reaches."""
    principal = signed_in()
    with services().database.write() as conn:  # the primary: one's own change is seen at once
        if principal.member_id is None:
            client = queries.client_standing(conn, principal.subject)
            return _me(principal, None, client.name if client else None)
        page = queries.member_page(conn, principal.member_id)
    if page is None:
        raise InvalidToken("sign in again")
    return _me(principal, page)


@blueprint.patch(
    "/v1/me",
    policy=_PEOPLE,
    body=MePatchBody,
    answer=MeAnswer,
    problems=("precondition-required", "precondition-failed", "clock-skew"),
    takes={"If-Match": HeaderOf("The ETag of GET /v1/me: which state is being changed", required=True)},
    headers={"ETag": "names the new state"},
)
def change_me(body: dict[str, Any]) -> Answer:
    """Changes one's name, language or consent; If-Match says which state is meant."""
    principal = signed_in()
    assert principal.member_id is not None
    if "If-Match" not in request.headers:
        raise PreconditionRequired("send If-Match with the ETag of GET /v1/me")
    with writing() as conn:
        page = queries.member_page(conn, principal.member_id)
        if page is None:
            raise InvalidToken("sign in again")
        if not request.if_match.contains(_tag(principal, page).strip('"')):
            raise PreconditionFailed("read it again and send the change with the new ETag")
        changed = actions.change_member(conn, page, body, services().clock())
    return _me(principal, changed)


def _tag(principal: Principal, page: Member | None, name: str | None = None) -> str:
    reached = (principal.city_ids, principal.merchant_ids, principal.place_ids, principal.scopes)
    return entity_tag(principal.key, page.row_version if page else name, *reached)


def _me(principal: Principal, page: Member | None, client_name: str | None = None) -> Answer:
    tag = _tag(principal, page, client_name)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if request.method == "GET" and holds(tag):
        return Answer(b"", 304, headers)
    body = {
        "subject": principal.subject,
        "role": principal.role,
        "member_id": None if page is None else str(page.member_id),
        "display_name": client_name if page is None else page.display_name,
        "language": None if page is None else page.language,
        "marketing_consent": page is not None and page.marketing_consent_at is not None,
        "cities": list(principal.city_ids),
        "merchants": [str(merchant_id) for merchant_id in principal.merchant_ids],
        "places": [str(place_id) for place_id in principal.place_ids],
        "scopes": list(principal.scopes),
    }
    return Answer(body, headers=headers)
