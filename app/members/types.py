"""Values of this module, and what it must be told about merchants by those who stand above it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from sqlalchemy import Connection

from app.http.principals import Principal, Role

GrantedRole = Literal["operator", "admin"]


@dataclass(frozen=True, slots=True)
class Employment:
    """Work for one merchant: as owner of all of it, or as staff of some places."""

    merchant_id: UUID
    role: Literal["owner", "staff"]
    place_ids: tuple[UUID, ...] = ()


class EmploymentLookup(Protocol):
    """Tells for which merchants a member works at present; merchants that are not active do not count."""

    def __call__(self, conn: Connection, member_id: UUID) -> tuple[Employment, ...]:
        """One statement."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """What the database says of a member at this moment; ``ended`` when the token or its session was signed out."""

    active: bool
    ended: bool
    admin: bool
    city_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ClientStanding:
    """What the database says of a partner's client at this moment."""

    name: str
    enabled: bool
    revoked: bool
    scopes: tuple[str, ...]
    merchant_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """What one role of a member reaches."""

    city_ids: tuple[int, ...] = ()
    merchant_ids: tuple[UUID, ...] = ()
    place_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A member's own page."""

    member_id: UUID
    display_name: str | None
    language: str | None
    marketing_consent_at: datetime | None
    row_version: int


@dataclass(frozen=True, slots=True)
class Challenge:
    """The last one-time code sent to a phone."""

    code_hash: bytes
    wrong_tries: int
    sent_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in session of a member: the family of its refresh tokens, and the role it was opened in."""

    member_id: UUID
    family_id: UUID
    role: Role


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A signed access token as it goes out."""

    token: str
    token_id: str
    expires_at: datetime
    expires_in_s: int


@dataclass(frozen=True, slots=True)
class Grant:
    """The outcome of a sign-in; partners get no refresh token, they send their secret again."""

    access: AccessToken
    role: Role
    refresh_token: str | None


@dataclass(frozen=True, slots=True)
class SessionPrincipal(Principal):
    """A principal that knows the session its token belongs to (None for partners and foreign issuers)."""

    session_id: UUID | None = None
