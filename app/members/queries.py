"""Statements about members: what they are at this moment, their logins, and their own page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Text, Uuid, bindparam, delete, exists, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.members.tables import (
    api_clients,
    credentials,
    login_names,
    members,
    refresh_tokens,
    revoked_tokens,
    role_grants,
)
from app.members.types import ClientStanding, GrantedRole, Member, Standing

NIL = UUID(int=0)


# Built once: these two run at each request of someone signed in. A None that is bound compares as unknown, so a caller
# without a token or session finds nothing ended.
_REVOKED = exists().where(revoked_tokens.c.token_id == bindparam("token_id", type_=Text()))
_SESSION_ENDED = exists().where(
    refresh_tokens.c.member_id == bindparam("member_id", type_=Uuid()),
    refresh_tokens.c.family_id == bindparam("session_id", type_=Uuid()),
    refresh_tokens.c.revoked_at.is_not(None),
)
_GRANTED = role_grants.c.member_id == members.c.member_id
_STANDING = select(
    members.c.state,
    or_(_REVOKED, _SESSION_ENDED).label("ended"),
    exists().where(_GRANTED, role_grants.c.role == "admin").label("admin"),
    select(func.array_agg(role_grants.c.city_id))
    .where(_GRANTED, role_grants.c.role == "operator")
    .scalar_subquery()
    .label("city_ids"),
).where(members.c.member_id == bindparam("member_id", type_=Uuid()))
_CLIENT = select(
    api_clients.c.name,
    api_clients.c.enabled,
    api_clients.c.scopes,
    api_clients.c.merchant_ids,
    _REVOKED.label("revoked"),
).where(api_clients.c.client_id == bindparam("client_id", type_=Text()))


def standing_of(
    conn: Connection, member_id: UUID, *, token_id: str | None = None, session_id: UUID | None = None
) -> Standing | None:
    """State, granted roles, and whether the token or its session was signed out; one statement, None when missing."""
    given = {"member_id": member_id, "token_id": token_id, "session_id": session_id}
    row = conn.execute(_STANDING, given).one_or_none()
    if row is None:
        return None
    return Standing(row.state == "active", row.ended, row.admin, tuple(sorted(row.city_ids or ())))


def client_standing(conn: Connection, client_id: str, *, token_id: str | None = None) -> ClientStanding | None:
    """A partner's client as it is now; one statement, None when missing."""
    row = conn.execute(_CLIENT, {"client_id": client_id, "token_id": token_id}).one_or_none()
    if row is None:
        return None
    return ClientStanding(row.name, row.enabled, row.revoked, tuple(row.scopes), tuple(row.merchant_ids))


def client_secret_hash_of(conn: Connection, client_id: str) -> bytes | None:
    """The stored hash of an enabled client's secret."""
    found = conn.execute(
        select(api_clients.c.secret_hash).where(api_clients.c.client_id == client_id, api_clients.c.enabled)
    ).scalar_one_or_none()
    return None if found is None else bytes(found)


def member_of_login(conn: Connection, login_norm: str) -> UUID | None:
    """Which member a login means."""
    return conn.execute(
        select(login_names.c.member_id).where(login_names.c.login_norm == login_norm)
    ).scalar_one_or_none()


def password_of_login(conn: Connection, login_norm: str) -> tuple[UUID | None, str | None]:
    """The member of a login and their argon2id hash; two statements in every case, so that time tells nothing."""
    member_id = member_of_login(conn, login_norm)
    password_hash = conn.execute(
        select(credentials.c.password_hash).where(credentials.c.member_id == (member_id or NIL))
    ).scalar_one_or_none()
    return member_id, password_hash


def insert_member(
    conn: Connection, member_id: UUID, login_norm: str, now: datetime, *, display_name: str | None = None
) -> UUID:
    """Adds a member under a login; when the login was taken meanwhile, the member who has it."""
    conn.execute(
        insert(members).values(
            member_id=member_id, display_name=display_name, state="active", row_version=1, created_at=now
        )
    )
    taken = conn.execute(
        upsert(login_names)
        .values(login_norm=login_norm, member_id=member_id, created_at=now)
        .on_conflict_do_nothing(index_elements=["login_norm"])
    )
    if taken.rowcount == 1:
        return member_id
    conn.execute(delete(members).where(members.c.member_id == member_id))
    winner: UUID = conn.execute(
        select(login_names.c.member_id).where(login_names.c.login_norm == login_norm)
    ).scalar_one()
    return winner


def put_password(conn: Connection, member_id: UUID, password_hash: str, now: datetime) -> None:
    """Sets a member's password."""
    values = {"password_hash": password_hash, "changed_at": now}
    statement = upsert(credentials).values(member_id=member_id, **values)
    conn.execute(statement.on_conflict_do_update(index_elements=["member_id"], set_=values))


def put_grant(conn: Connection, member_id: UUID, role: GrantedRole, city_id: int, now: datetime) -> None:
    """Gives a role: an operator's for one city, an admin's for the world."""
    conn.execute(
        upsert(role_grants)
        .values(member_id=member_id, role=role, city_id=city_id, granted_at=now)
        .on_conflict_do_nothing(index_elements=["member_id", "role", "city_id"])
    )


def delete_grant(conn: Connection, member_id: UUID, role: GrantedRole, city_id: int) -> bool:
    """Takes a role back; it ends at the member's next request. False when it was not held."""
    gone = conn.execute(
        delete(role_grants).where(
            role_grants.c.member_id == member_id, role_grants.c.role == role, role_grants.c.city_id == city_id
        )
    )
    return gone.rowcount == 1


_MEMBER = (
    members.c.member_id,
    members.c.display_name,
    members.c.language,
    members.c.marketing_consent_at,
    members.c.row_version,
)


def member_page(conn: Connection, member_id: UUID) -> Member | None:
    """A member's own page."""
    row = conn.execute(
        select(*_MEMBER).where(members.c.member_id == member_id, members.c.state == "active")
    ).one_or_none()
    return None if row is None else _member(row)


def update_member(conn: Connection, member_id: UUID, row_version: int, changes: dict[str, Any]) -> Member | None:
    """Changes columns of a member whose row is still at ``row_version``; None when it is not."""
    row = conn.execute(
        update(members)
        .where(members.c.member_id == member_id, members.c.state == "active", members.c.row_version == row_version)
        .values(**changes, row_version=members.c.row_version + 1)
        .returning(*_MEMBER)
    ).one_or_none()
    return None if row is None else _member(row)


def display_names(conn: Connection, member_ids: Sequence[UUID]) -> dict[UUID, str | None]:
    """Names to show for at most a page of members."""
    rows = conn.execute(
        select(members.c.member_id, members.c.display_name).where(members.c.member_id.in_(list(member_ids)))
    )
    return {row.member_id: row.display_name for row in rows}


def _member(row: Row[*tuple[Any, ...]]) -> Member:
    return Member(row.member_id, row.display_name, row.language, row.marketing_consent_at, row.row_version)
