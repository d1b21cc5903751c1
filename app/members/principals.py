"""Turns a bearer token into a principal; what its role reaches is read from the database at each request."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.core.db import Database
from app.core.ids import new_id
from app.core.settings import InvalidSettings, Settings
from app.http.principals import Forbidden, InvalidToken, Principal, RevokedToken, Role, require_scope
from app.http.transaction import writing
from app.members import queries
from app.members.hashing import oidc_login, partner_login
from app.members.issuer import ALGORITHM, TOKEN_TYPE
from app.members.oidc import ForeignIssuer, refuse_other_kinds, role_asked
from app.members.parts import sign_in_parts
from app.members.rules import known_role, needs_employment, reach_of
from app.members.types import Employment, EmploymentLookup, SessionPrincipal
from app.members.verification import Expected, VerificationKey, issuer_said, verified_claims

_REFUSED = "sign in again"
USERS_SCOPE = "users:act"


class MemberPrincipals:
    """The embedded issuer and, where one is set, another; fills http's protocol ``Principals``."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        employment: EmploymentLookup,
        *,
        foreign: ForeignIssuer | None = None,
    ) -> None:
        self.parts = sign_in_parts(settings, employment, foreign.name if foreign else None)
        self.foreign = foreign
        self._database = database
        self._expected = Expected(
            frozenset({self.parts.issuer.name}),
            self.parts.issuer.audience,
            frozenset({TOKEN_TYPE}),
            headers=frozenset({"alg", "kid", "typ"}),
        )

    def of_token(self, token: str, now: datetime) -> Principal:
        """The principal of a bearer token; keys are fetched before any transaction begins."""
        if self.foreign is not None and issuer_said(token) in self.foreign.expected.issuers:
            return self._of_foreign(self.foreign, token, now)
        claims = verified_claims(token, self._own_key, self._expected, now)
        role = known_role(claims.get("role"))
        if role is None or not isinstance(claims.get("jti"), str):
            raise InvalidToken(_REFUSED)
        if role == "partner":
            return self._of_partner(claims)
        if self.foreign is not None:
            raise InvalidToken("people sign in at another issuer")
        member_id, session_id = _uuid(claims["sub"]), _uuid(claims.get("sid"))
        if member_id is None:
            raise InvalidToken(_REFUSED)
        return self._of_member(member_id, role, claims["jti"], _expiry(claims), session_id)

    def _own_key(self, kid: str) -> VerificationKey | None:
        key = self.parts.issuer.keys.by_kid(kid)
        return None if key is None else VerificationKey(key, ALGORITHM)

    def _of_partner(self, claims: Mapping[str, Any]) -> SessionPrincipal:
        client_id, token_id = claims["sub"], claims["jti"]
        # The primary answers, not a replica: who was let go has to stop at once.
        with self._database.single_reads() as conn:
            standing = queries.client_standing(conn, client_id, token_id=token_id)
        if standing is None or not standing.enabled:
            raise InvalidToken(_REFUSED)
        if standing.revoked:
            raise RevokedToken(_REFUSED)
        return SessionPrincipal(
            subject=client_id,
            role="partner",
            member_id=None,
            city_ids=(),
            merchant_ids=standing.merchant_ids,
            place_ids=(),
            scopes=standing.scopes,
            token_id=token_id,
            expires_at=_expiry(claims),
        )

    def for_user(self, client: Principal, user_ref: str, now: datetime) -> Principal:
        """The member behind a partner's own name of its user, made at first sight; nobody else signs in as them."""
        if client.role != "partner":
            raise Forbidden("only a partner's client acts for users of its own")
        require_scope(client, USERS_SCOPE)
        login = partner_login(client.subject, user_ref)
        with self._database.single_reads() as conn:
            member_id = queries.member_of_login(conn, login)
        if member_id is None:
            with writing() as conn:
                member_id = queries.insert_member(conn, new_id(), login, now)
        return SessionPrincipal(
            subject=str(member_id),
            role="member",
            member_id=member_id,
            city_ids=(),
            merchant_ids=client.merchant_ids,
            place_ids=(),
            scopes=client.scopes,
            token_id=client.token_id,
            expires_at=client.expires_at,
            client_id=client.subject,
        )

    def _of_foreign(self, foreign: ForeignIssuer, token: str, now: datetime) -> SessionPrincipal:
        claims = verified_claims(token, foreign.key, foreign.expected, now)
        refuse_other_kinds(claims)
        role = role_asked(claims)
        login = oidc_login(foreign.name, claims["sub"])
        with self._database.single_reads() as conn:
            member_id = queries.member_of_login(conn, login)
        if member_id is None:
            with writing() as conn:
                member_id = queries.insert_member(conn, new_id(), login, now)
        # The whole token names itself: other issuers need not give it an id.
        token_id = "oidc:" + hashlib.sha256(token.encode()).hexdigest()
        return self._of_member(member_id, role, token_id, _expiry(claims), None)

    def _of_member(
        self, member_id: UUID, role: Role, token_id: str, expires_at: datetime, session_id: UUID | None
    ) -> SessionPrincipal:
        with self._database.single_reads() as conn:
            standing = queries.standing_of(conn, member_id, token_id=token_id, session_id=session_id)
            work: tuple[Employment, ...] = ()
            if standing is not None and needs_employment(role):
                work = self.parts.employment(conn, member_id)
        if standing is None or not standing.active:
            raise InvalidToken(_REFUSED)
        if standing.ended:
            raise RevokedToken(_REFUSED)
        reach = reach_of(role, standing, work)
        if reach is None:
            raise Forbidden(f"you no longer hold the role {role}; sign in again for another")
        return SessionPrincipal(
            subject=str(member_id),
            role=role,
            member_id=member_id,
            city_ids=reach.city_ids,
            merchant_ids=reach.merchant_ids,
            place_ids=reach.place_ids,
            scopes=(),
            token_id=token_id,
            expires_at=expires_at,
            session_id=session_id,
        )


def create_principals(settings: Settings, database: Database, employment: EmploymentLookup) -> MemberPrincipals:
    """The principals of an installation; nothing is fetched, read or written yet."""
    if settings.oidc_issuer is None:
        return MemberPrincipals(settings, database, employment)
    for name, url in (("OIDC_ISSUER", settings.oidc_issuer), ("OIDC_JWKS_URL", settings.oidc_jwks_url)):
        if url is not None and not url.startswith("https://"):
            raise InvalidSettings(f"settings:\n  - FUJIN_{name} must begin with https:// (it is {url!r})")
    if settings.oidc_issuer == settings.public_url:
        raise InvalidSettings("settings:\n  - FUJIN_OIDC_ISSUER must differ from FUJIN_PUBLIC_URL")
    foreign = ForeignIssuer(settings.oidc_issuer, settings.oidc_audience, jwks_url=settings.oidc_jwks_url)
    return MemberPrincipals(settings, database, employment, foreign=foreign)


def _expiry(claims: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(claims["exp"], UTC)


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(text) if isinstance(text, str) and len(text) == 36 else None
    except ValueError:
        return None
