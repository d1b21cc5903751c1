"""A small application of members and merchants alone, and people planted with the owner's rights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

import app.members.routes
import app.merchants.routes
from app.core.clock import system_clock
from app.core.db import Database
from app.core.ids import new_city_id, new_id
from app.core.paging import CursorCodec
from app.core.settings import Settings
from app.http.api import create_api
from app.http.errors import register_error_handlers
from app.http.requests import register_request_hooks
from app.http.services import Services
from app.members.hashing import client_secret_hash, hash_password
from app.members.parts import SignInParts
from app.members.principals import MemberPrincipals, create_principals
from app.merchants.queries import employment_of

PHONE = "+8613912345678"
PASSWORD = "a long enough passphrase"


def small_app(settings: Settings, database: Database, principals: MemberPrincipals | None = None) -> Flask:
    """The routes of members and merchants behind the shared http parts."""
    built = Flask("small", static_folder=None)
    built.extensions["fujin"] = Services(
        settings=settings,
        database=database,
        clock=system_clock,
        cursors=CursorCodec(settings.secret_key.encode()),
        principals=principals or create_principals(settings, database, employment_of),
    )
    register_request_hooks(built)
    register_error_handlers(built)
    api = create_api(built, "1")
    api.register_blueprint(app.members.routes.blueprint)
    api.register_blueprint(app.merchants.routes.blueprint)
    return built


def parts_of(client: FlaskClient) -> SignInParts:
    found: MemberPrincipals = client.application.extensions["fujin"].principals
    return found.parts


WRITTEN = (
    "place_operators",
    "places",
    "staff_places",
    "merchant_staff",
    "merchants",
    "api_clients",
    "revoked_tokens",
    "sign_in_tries",
    "otp_challenges",
    "refresh_tokens",
    "role_grants",
    "credentials",
    "login_names",
    "members",
    "caller_idempotency_keys",
    "cities",
    "currencies",
)


@dataclass
class People:
    """Plants people over the owner's engine."""

    engine: sa.Engine

    def run(self, statement: str, **given: Any) -> sa.CursorResult[Any]:
        with self.engine.begin() as conn:
            return conn.execute(sa.text(statement), given)

    def forget_all(self) -> None:
        with self.engine.begin() as conn:
            for table in WRITTEN:
                conn.execute(sa.text(f"DELETE FROM {table}"))

    def city(self, city_id: int, slug: str) -> int:
        self.run("INSERT INTO currencies (currency, exponent) VALUES ('EUR', 2) ON CONFLICT DO NOTHING")
        self.run(
            "INSERT INTO cities (city_id, slug, kind, names, default_language, time_zone, currency, centre_lon,"
            " centre_lat, zoom, created_at) VALUES (:id, :slug, :kind, :names, 'en', 'UTC', 'EUR', 10, 50, 12, :now)"
            " ON CONFLICT DO NOTHING",
            id=city_id,
            slug=slug,
            kind="world" if city_id == 1 else "city",
            names=json.dumps({"en": slug}),
            now=datetime.now(UTC),
        )
        return city_id

    def member(self, login: str | None = None, *, password: bool = False, name: str | None = None) -> UUID:
        member_id, now = new_id(), datetime.now(UTC)
        self.run(
            "INSERT INTO members (member_id, display_name, state, row_version, created_at)"
            " VALUES (:id, :name, 'active', 1, :now)",
            id=member_id,
            name=name,
            now=now,
        )
        if login is not None:
            self.run("INSERT INTO login_names VALUES (:login, :id, :now)", login=f"name:{login}", id=member_id, now=now)
        if password:
            self.run(
                "INSERT INTO credentials VALUES (:id, :hash, :now)",
                id=member_id,
                hash=hash_password(PASSWORD),
                now=now,
            )
        return member_id

    def granted(self, member_id: UUID, role: str, city_id: int) -> None:
        self.run(
            "INSERT INTO role_grants VALUES (:id, :role, :city, :now)",
            id=member_id,
            role=role,
            city=city_id,
            now=datetime.now(UTC),
        )

    def merchant(self, city_id: int = 2, **names: str) -> UUID:
        merchant_id = new_id()
        self.run(
            "INSERT INTO merchants VALUES (:id, :names, 'active', :city, :now)",
            id=merchant_id,
            names=json.dumps(names or {"en": "Corner Shop"}),
            city=self.city(city_id, f"city{city_id}"),
            now=datetime.now(UTC),
        )
        return merchant_id

    def works(self, member_id: UUID, merchant_id: UUID, role: str, *place_ids: UUID) -> None:
        self.run(
            "INSERT INTO merchant_staff VALUES (:merchant, :member, :role, :now)",
            merchant=merchant_id,
            member=member_id,
            role=role,
            now=datetime.now(UTC),
        )
        for place_id in place_ids:
            self.run(
                "INSERT INTO staff_places VALUES (:merchant, :member, :place)",
                merchant=merchant_id,
                member=member_id,
                place=place_id,
            )

    def fired(self, member_id: UUID) -> None:
        self.run("DELETE FROM staff_places WHERE member_id = :id", id=member_id)
        self.run("DELETE FROM merchant_staff WHERE member_id = :id", id=member_id)

    def runs_place(self, merchant_id: UUID, city_id: int) -> UUID:
        place_id, now = new_city_id(city_id), datetime.now(UTC)
        self.run(
            "INSERT INTO places (city_id, place_id, created_at) VALUES (:city, :place, :now)",
            city=city_id,
            place=place_id,
            now=now,
        )
        self.run(
            "INSERT INTO place_operators VALUES (:city, :place, :merchant, :now)",
            city=city_id,
            place=place_id,
            merchant=merchant_id,
            now=now,
        )
        return place_id

    def client(self, client_id: str, secret: str, *merchant_ids: UUID) -> None:
        self.run(
            "INSERT INTO api_clients VALUES (:id, :hash, :name, :scopes, :merchants, true, :now)",
            id=client_id,
            hash=client_secret_hash(secret),
            name="A Partner",
            scopes=["flow"],
            merchants=list(merchant_ids),
            now=datetime.now(UTC),
        )


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def token_for(client: FlaskClient, subject: object, role: Any) -> dict[str, str]:
    """Headers of a fresh token, as the issuer signs it."""
    issued = parts_of(client).issuer.issue(str(subject), role, datetime.now(UTC))
    return bearer(issued.token)


def code_sent(client: FlaskClient, phone: str = PHONE) -> str:
    """Asks for a one-time code and reads it where the stand-in wrote it."""
    answer = client.post("/v1/auth/otp", json={"phone": phone})
    assert answer.status_code == 202, answer.json
    message = parts_of(client).gateway.last(phone)  # type: ignore[attr-defined]
    return str(message["code"])


def signed_in_by_code(client: FlaskClient, phone: str = PHONE) -> dict[str, Any]:
    """The answer to a first sign-in by one-time code."""
    body = {"grant_type": "otp", "phone": phone, "code": code_sent(client, phone)}
    answer = client.post("/v1/auth/token", json=body)
    assert answer.status_code == 200, answer.json
    found: dict[str, Any] = answer.json
    return found
