"""Deny by default: each route declares who may call it, and a wrong token is refused even where none is needed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from flask import g, request

from app.core.errors import Fault, InvalidParameter
from app.http.openapi import HeaderOf
from app.http.principals import ROLES, Forbidden, InvalidToken, MissingToken, Principal, Role, require_scope
from app.http.services import services

USER_HEADER: Final = "Fujin-User"
USER_REF_PATTERN: Final = "[A-Za-z0-9][A-Za-z0-9._:~-]{0,63}"
USER_REF_SAID: Final = (
    "the partner's own name of its user: 1 to 64 letters, digits and . _ : ~ - after a letter or digit"
)
_USER_REF: Final = re.compile(USER_REF_PATTERN, re.ASCII)
# Documented where a policy has ``for_users``.
FOR_USER: Final = {
    USER_HEADER: HeaderOf(
        f"from partners' clients alone, which act for this user of theirs: {USER_REF_SAID}",
        pattern=f"^{USER_REF_PATTERN}$",
    )
}


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may call a route, and by which path an owner is found (prose, shown in the API document).

    With ``for_users`` a partner's client may call it as a user of its own, who is a member.
    """

    roles: frozenset[Role]
    anonymous: bool
    owner: str
    for_users: bool = False


PUBLIC = Policy(frozenset(ROLES), True, "open to all")
SIGNED_IN = Policy(frozenset(ROLES), False, "the principal itself")


def allow(*roles: Role, owner: str, for_users: bool = False) -> Policy:
    """A policy for some roles; ``owner`` says how a thing is tied to its owner in the WHERE of the statement."""
    return Policy(frozenset(roles), False, owner, for_users)


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
    """Lets the request through or raises MissingToken, InvalidToken (and siblings) or Forbidden.

    A partner's client that names one of its users acts as that member, where the policy has ``for_users``.
    """
    token = bearer_token()
    if token is None:
        if not policy.anonymous:
            raise MissingToken
        return
    parts = services()
    found = parts.principals.of_token(token, parts.clock())
    user_ref = request.headers.get(USER_HEADER)
    if user_ref is not None:
        if not policy.for_users:
            raise Forbidden(f"this route takes no {USER_HEADER}")
        if not _USER_REF.fullmatch(user_ref):
            raise InvalidParameter(faults=[Fault(f"give {USER_REF_SAID}", parameter=USER_HEADER)])
        found = parts.principals.for_user(found, user_ref, parts.clock())
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
