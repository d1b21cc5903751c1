"""Who acts in a request, and the door through which modules above tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, Protocol
from uuid import UUID

from app.core.errors import AppError

Role = Literal["member", "staff", "owner", "operator", "admin", "partner"]
ROLES: tuple[Role, ...] = ("member", "staff", "owner", "operator", "admin", "partner")


class MissingToken(AppError):
    """No bearer token where one is needed."""

    code: ClassVar[str] = "missing-token"
    title: ClassVar[str] = "Sign in first: this route wants a bearer token"


class InvalidToken(AppError):
    """A token that is forged, foreign or malformed; the answer never says which."""

    code: ClassVar[str] = "invalid-token"
    title: ClassVar[str] = "The bearer token is not valid"


class ExpiredToken(AppError):
    """A token of ours past its time."""

    code: ClassVar[str] = "expired-token"
    title: ClassVar[str] = "The bearer token has expired"


class RevokedToken(AppError):
    """A token of ours that was signed out."""

    code: ClassVar[str] = "revoked-token"
    title: ClassVar[str] = "The bearer token was signed out"


class Forbidden(AppError):
    """The role may not do this at all; a thing that is not yours is NotFound instead."""

    code: ClassVar[str] = "forbidden"
    title: ClassVar[str] = "Your role may not do this"


class ScopeMissing(AppError):
    """A partner's client that was not given what the route wants."""

    code: ClassVar[str] = "scope-missing"
    title: ClassVar[str] = "The client lacks a scope"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts: one subject in one role, with what that role reaches.

    ``subject`` is the member's id or the client's id; ``city_ids`` are an operator's cities; ``merchant_ids`` those
    an owner, staff member or partner acts for; ``place_ids`` where a staff member works (empty for others).
    ``client_id`` is set for a user of a partner: a member for whom that client acts, within its merchants.
    """

    subject: str
    role: Role
    member_id: UUID | None
    city_ids: tuple[int, ...]
    merchant_ids: tuple[UUID, ...]
    place_ids: tuple[UUID, ...]
    scopes: tuple[str, ...]
    token_id: str
    expires_at: datetime
    client_id: str | None = None

    @property
    def key(self) -> str:
        """The name under which this principal's stored answers and limits stand."""
        return f"{self.role}:{self.subject}"


def require_scope(actor: Principal, scope: str) -> None:
    """ScopeMissing for a partner's client without the scope; people have what their role has."""
    if actor.role == "partner" and scope not in actor.scopes:
        raise ScopeMissing(f"the client needs the scope {scope}")


class Principals(Protocol):
    """What http needs to know of members and merchants; filled in by the factory."""

    def of_token(self, token: str, now: datetime) -> Principal:
        """The principal of a bearer token with what its role reaches at present, or MissingToken's siblings."""
        ...

    def for_user(self, client: Principal, user_ref: str, now: datetime) -> Principal:
        """The member that a partner's client calls ``user_ref``; Forbidden for others than partners, ScopeMissing."""
        ...
