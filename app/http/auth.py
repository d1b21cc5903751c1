"""Deny by default: each route declares who may call it, and a wrong token is refused even where none is needed."""

from __future__ import annotations

from dataclasses import dataclass

from flask import g, request

from app.http.principals import ROLES, Forbidden, InvalidToken, MissingToken, Principal, Role, require_scope
from app.http.services import services


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may call a route, and by which path an owner is found (prose, shown in the API document)."""

    roles: frozenset[Role]
    anonymous: bool
    owner: str


PUBLIC = Policy(frozenset(ROLES), True, "open to all")
SIGNED_IN = Policy(frozenset(ROLES), False, "the principal itself")


def allow(*roles: Role, owner: str) -> Policy:
    """A policy for some roles; ``owner`` says how a thing is tied to its owner in the WHERE of the statement."""
    return Policy(frozenset(roles), False, owner)


def bearer_token() -> str | None:
    """The token of the Authorization header, None when there is no header."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token or " " in token or len(token) > 8192 or not token.isascii():
        raise InvalidToken("send: Authorization: Bearer <token>")
    return token


def enforce(policy: Policy) -> None:
    """Lets the request through or raises MissingToken, InvalidToken (and siblings) or Forbidden."""
    token = bearer_token()
    if token is None:
        if not policy.anonymous:
            raise MissingToken
        return
    parts = services()
    found = parts.principals.of_token(token, parts.clock())
    g.principal = found
    if found.role not in policy.roles:
        raise Forbidden(f"this route is for: {', '.join(sorted(policy.roles))}")


def current_principal() -> Principal | None:
    """Who calls, None for anonymous callers."""
    found: Principal | None = g.get("principal")
    return found


def signed_in() -> Principal:
    """Who calls, where the route's policy made sure that someone does."""
    found = current_principal()
    if found is None:
        raise MissingToken
    return found


def signed_in_with(scope: str) -> Principal:
    """Who calls; ScopeMissing for a partner's client without the scope. People have what their role has."""
    found = signed_in()
    require_scope(found, scope)
    return found
