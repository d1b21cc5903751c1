"""What a sign-in writes. Each takes a connection, the present, and typed values; none commits.

A refused sign-in is returned, not raised: what it leaves behind (a wrong code counted, a stolen session ended) has to
be committed first.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.core.errors import PreconditionFailed
from app.core.ids import new_id
from app.http.principals import Role
from app.members import queries, session_queries
from app.members.errors import InvalidGrant, OtpLocked, OtpTooSoon, SignInLocked
from app.members.otp_gateway import OtpMessage
from app.members.parts import SignInParts
from app.members.rules import choose_role
from app.members.types import Grant, Member, Session

REFRESH_LIFETIME_MEMBER = timedelta(days=30)
REFRESH_LIFETIME_WORK = timedelta(hours=12)
_PREFIX = "fjr_"

Outcome = Grant | InvalidGrant | OtpLocked


def refused() -> InvalidGrant:
    """The one refusal of every sign-in, with the one text."""
    return InvalidGrant("check what you sent and sign in again")


def begin_challenge(conn: Connection, parts: SignInParts, phone: str, now: datetime) -> OtpMessage:
    """A fresh six-digit code for a phone, whether or not anyone signed in with it before; OtpTooSoon."""
    code = f"{secrets.randbelow(1_000_000):06d}"
    key = parts.pepper.phone_key(phone)
    again = session_queries.put_challenge(conn, key, parts.pepper.code_hash(key, code), now)
    if again is not None:
        raise OtpTooSoon("wait before asking for another code", retry_after_s=_seconds_until(again, now))
    return OtpMessage(phone, code, now, now + session_queries.CODE_LIFETIME)


def sign_in_with_code(conn: Connection, parts: SignInParts, phone: str, code: str, now: datetime) -> Outcome:
    """Spends a right code and opens a member's session; the member is made at the first sign-in."""
    key = parts.pepper.phone_key(phone)
    offered = parts.pepper.code_hash(key, code)
    challenge = session_queries.lock_challenge(conn, key)
    if challenge is not None and challenge.expires_at > now and challenge.wrong_tries >= session_queries.WRONG_CODES:
        again = challenge.sent_at + session_queries.RESEND_AFTER
        return OtpLocked("ask for a new code", retry_after_s=_seconds_until(again, now))
    right = hmac.compare_digest(challenge.code_hash if challenge else bytes(32), offered)
    if challenge is None or challenge.expires_at <= now:
        return refused()
    if not right:
        session_queries.count_wrong_code(conn, key)
        return refused()
    session_queries.spend_challenge(conn, key, now)
    login = parts.pepper.phone_login(phone)
    member_id = queries.member_of_login(conn, login) or queries.insert_member(conn, new_id(), login, now)
    standing = queries.standing_of(conn, member_id)
    if standing is None or not standing.active:
        return refused()
    return open_session(conn, parts, Session(member_id, new_id(), "member"), now)


def take_password_try(conn: Connection, parts: SignInParts, login_norm: str, now: datetime) -> None:
    """Counts a try before the password is looked at, so that parallel guesses count too; SignInLocked."""
    if not session_queries.take_password_try(conn, parts.pepper.login_key(login_norm), now):
        wait = int(session_queries.PASSWORDS_WITHIN.total_seconds())
        raise SignInLocked("too many wrong sign-ins for this name; try later", retry_after_s=wait)


def sign_in_with_password(
    conn: Connection, parts: SignInParts, login_norm: str, member_id: UUID, asked: Role | None, now: datetime
) -> Outcome:
    """Opens a session after the password was found right, in the role asked for or the highest held."""
    standing = queries.standing_of(conn, member_id)
    if standing is None or not standing.active:
        return refused()
    role = choose_role(parts.held_by(conn, member_id, standing), asked)
    if role is None:
        return refused()
    session_queries.forget_password_tries(conn, parts.pepper.login_key(login_norm))
    return open_session(conn, parts, Session(member_id, new_id(), role), now)


def refresh(conn: Connection, parts: SignInParts, token: str, now: datetime) -> Outcome:
    """Exchanges a refresh token for a new pair; a token that was used before ends its whole session."""
    split = _split_refresh_token(token)
    if split is None:
        return refused()
    member_id, secret = split
    token_hash = parts.pepper.refresh_hash(member_id, secret)
    session = session_queries.use_refresh_token(conn, member_id, token_hash, now)
    if session is None:
        stolen = session_queries.used_family(conn, member_id, token_hash)
        if stolen is not None:
            session_queries.revoke_family(conn, member_id, stolen, now)
        return refused()
    standing = queries.standing_of(conn, member_id)
    if standing is None or not standing.active or session.role not in parts.held_by(conn, member_id, standing):
        return refused()
    return open_session(conn, parts, session, now)


def open_session(conn: Connection, parts: SignInParts, session: Session, now: datetime) -> Grant:
    """An access token and a refresh token of a session, new or going on."""
    secret = secrets.token_bytes(32)
    lifetime = REFRESH_LIFETIME_MEMBER if session.role == "member" else REFRESH_LIFETIME_WORK
    token_hash = parts.pepper.refresh_hash(session.member_id, secret.hex())
    session_queries.insert_refresh_token(conn, session, token_hash, now, lifetime)
    access = parts.issuer.issue(str(session.member_id), session.role, now, session_id=session.family_id)
    # The member's id stands in front, because it routes the look-up to the member's rows.
    token = _PREFIX + base64.urlsafe_b64encode(session.member_id.bytes + secret).decode()
    return Grant(access, session.role, token)


def sign_out(
    conn: Connection,
    *,
    token_id: str,
    expires_at: datetime,
    member_id: UUID | None,
    session_id: UUID | None,
    now: datetime,
) -> None:
    """Ends the access token, and the session that it belongs to."""
    session_queries.revoke_token(conn, token_id, expires_at, now)
    if member_id is not None and session_id is not None:
        session_queries.revoke_family(conn, member_id, session_id, now)


def change_member(conn: Connection, page: Member, changes: dict[str, Any], now: datetime) -> Member:
    """Writes what differs; PreconditionFailed when the row moved on since ``page`` was read."""
    columns: dict[str, Any] = {
        name: changes[name]
        for name in ("display_name", "language")
        if name in changes and changes[name] != getattr(page, name)
    }
    consents = page.marketing_consent_at is not None
    if changes.get("marketing_consent", consents) != consents:
        columns["marketing_consent_at"] = None if consents else now
    if not columns:
        return page
    changed = queries.update_member(conn, page.member_id, page.row_version, columns)
    if changed is None:
        raise PreconditionFailed("read it again and send the change with the new ETag")
    return changed


def _split_refresh_token(token: str) -> tuple[UUID, str] | None:
    if not token.startswith(_PREFIX) or len(token) != len(_PREFIX) + 64 or not token.isascii():
        return None
    try:
        raw = base64.b64decode(token[len(_PREFIX) :], altchars=b"-_", validate=True)
    except ValueError:
        return None
    return UUID(bytes=raw[:16]), raw[16:].hex()


def _seconds_until(instant: datetime, now: datetime) -> int:
    return max(1, -int((now - instant).total_seconds() // 1))
