"""Statements about signing in: one-time codes, tried passwords, refresh tokens, revoked tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, case, delete, exists, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.http.principals import Role
from app.members.tables import otp_challenges, refresh_tokens, revoked_tokens, sign_in_tries
from app.members.types import Challenge, Session

RESEND_AFTER = timedelta(seconds=30)
CODE_LIFETIME = timedelta(minutes=5)
CODES_A_DAY = 10
WRONG_CODES = 5
PASSWORDS_TRIED = 20
PASSWORDS_WITHIN = timedelta(minutes=15)
_DAY = timedelta(days=1)


def put_challenge(conn: Connection, phone_key: str, code_hash: bytes, now: datetime) -> datetime | None:
    """Replaces the phone's code unless one was sent too lately or too many within a day; then, when to come again."""
    fresh_day = otp_challenges.c.counted_from <= now - _DAY
    values = {"code_hash": code_hash, "wrong_tries": 0, "sent_at": now, "expires_at": now + CODE_LIFETIME}
    statement = upsert(otp_challenges).values(phone_key=phone_key, **values, sent_count=1, counted_from=now)
    done = conn.execute(
        statement.on_conflict_do_update(
            index_elements=["phone_key"],
            set_={
                **values,
                "sent_count": case((fresh_day, 1), else_=otp_challenges.c.sent_count + 1),
                "counted_from": case((fresh_day, now), else_=otp_challenges.c.counted_from),
            },
            where=(otp_challenges.c.sent_at <= now - RESEND_AFTER)
            & or_(fresh_day, otp_challenges.c.sent_count < CODES_A_DAY),
        )
    )
    if done.rowcount == 1:
        return None
    row = conn.execute(
        select(otp_challenges.c.sent_at, otp_challenges.c.sent_count, otp_challenges.c.counted_from).where(
            otp_challenges.c.phone_key == phone_key
        )
    ).one()
    again: datetime = row.sent_at + RESEND_AFTER
    return max(again, row.counted_from + _DAY) if row.sent_count >= CODES_A_DAY else again


def lock_challenge(conn: Connection, phone_key: str) -> Challenge | None:
    """The phone's code, held until the transaction ends, so that parallel guesses are counted one by one."""
    row = conn.execute(
        select(
            otp_challenges.c.code_hash,
            otp_challenges.c.wrong_tries,
            otp_challenges.c.sent_at,
            otp_challenges.c.expires_at,
        )
        .where(otp_challenges.c.phone_key == phone_key)
        .with_for_update()
    ).one_or_none()
    return None if row is None else Challenge(bytes(row.code_hash), row.wrong_tries, row.sent_at, row.expires_at)


def count_wrong_code(conn: Connection, phone_key: str) -> None:
    """One more wrong try."""
    conn.execute(
        update(otp_challenges)
        .where(otp_challenges.c.phone_key == phone_key, otp_challenges.c.wrong_tries < WRONG_CODES)
        .values(wrong_tries=otp_challenges.c.wrong_tries + 1)
    )


def spend_challenge(conn: Connection, phone_key: str, now: datetime) -> None:
    """The code is used; the row stays, since it counts the day's codes."""
    conn.execute(update(otp_challenges).where(otp_challenges.c.phone_key == phone_key).values(expires_at=now))


def take_password_try(conn: Connection, login_key: str, now: datetime) -> bool:
    """Counts a try before the password is looked at; False when there were too many."""
    over = sign_in_tries.c.counted_from <= now - PASSWORDS_WITHIN
    statement = upsert(sign_in_tries).values(login_key=login_key, tries=1, counted_from=now)
    done = conn.execute(
        statement.on_conflict_do_update(
            index_elements=["login_key"],
            set_={
                "tries": case((over, 1), else_=sign_in_tries.c.tries + 1),
                "counted_from": case((over, now), else_=sign_in_tries.c.counted_from),
            },
            where=or_(over, sign_in_tries.c.tries < PASSWORDS_TRIED),
        )
    )
    return done.rowcount == 1


def forget_password_tries(conn: Connection, login_key: str) -> None:
    """After a right password."""
    conn.execute(delete(sign_in_tries).where(sign_in_tries.c.login_key == login_key))


def insert_refresh_token(
    conn: Connection, session: Session, token_hash: bytes, now: datetime, lifetime: timedelta
) -> None:
    """Adds a token to its family, and drops this member's tokens that ended a day ago."""
    conn.execute(
        delete(refresh_tokens).where(
            refresh_tokens.c.member_id == session.member_id, refresh_tokens.c.expires_at < now - _DAY
        )
    )
    conn.execute(
        insert(refresh_tokens).values(
            member_id=session.member_id,
            token_hash=token_hash,
            family_id=session.family_id,
            role=session.role,
            created_at=now,
            expires_at=now + lifetime,
        )
    )


def use_refresh_token(conn: Connection, member_id: UUID, token_hash: bytes, now: datetime) -> Session | None:
    """Marks a live token as used and returns its session; of two uses at once one gets None.

    A session that ends while its token is exchanged does not see the token that is just being added; one ended token
    of the family therefore ends them all.
    """
    others = refresh_tokens.alias("others")
    ended = exists().where(
        others.c.member_id == member_id,
        others.c.family_id == refresh_tokens.c.family_id,
        others.c.revoked_at.is_not(None),
    )
    row = conn.execute(
        update(refresh_tokens)
        .where(
            refresh_tokens.c.member_id == member_id,
            refresh_tokens.c.token_hash == token_hash,
            refresh_tokens.c.used_at.is_(None),
            refresh_tokens.c.revoked_at.is_(None),
            refresh_tokens.c.expires_at > now,
            ~ended,
        )
        .values(used_at=now)
        .returning(refresh_tokens.c.family_id, refresh_tokens.c.role)
    ).one_or_none()
    if row is None:
        return None
    role: Role = row.role
    return Session(member_id, row.family_id, role)


def used_family(conn: Connection, member_id: UUID, token_hash: bytes) -> UUID | None:
    """The family of a token that was used before."""
    return conn.execute(
        select(refresh_tokens.c.family_id).where(
            refresh_tokens.c.member_id == member_id,
            refresh_tokens.c.token_hash == token_hash,
            refresh_tokens.c.used_at.is_not(None),
        )
    ).scalar_one_or_none()


def revoke_family(conn: Connection, member_id: UUID, family_id: UUID, now: datetime) -> int:
    """Ends every token of a session, its access tokens too; how many refresh tokens were live."""
    ended = conn.execute(
        update(refresh_tokens)
        .where(
            refresh_tokens.c.member_id == member_id,
            refresh_tokens.c.family_id == family_id,
            refresh_tokens.c.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )
    return int(ended.rowcount)


def revoke_token(conn: Connection, token_id: str, expires_at: datetime, now: datetime) -> None:
    """Ends one access token, and drops entries of tokens that have expired by themselves."""
    conn.execute(delete(revoked_tokens).where(revoked_tokens.c.expires_at < now - timedelta(hours=1)))
    conn.execute(
        upsert(revoked_tokens)
        .values(token_id=token_id, expires_at=expires_at)
        .on_conflict_do_nothing(index_elements=["token_id"])
    )
