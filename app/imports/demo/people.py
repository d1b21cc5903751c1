"""Who is there in a demo: fixed ids and login names, secrets that only this installation can work out."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from app.imports.seeded_ids import seeded_id

DemoRole = Literal["member", "staff", "owner", "operator", "admin"]

FIRST_CITY: Final = "hangzhou"
SECOND_CITY: Final = "berlin"
PARTNER_CLIENT_ID: Final = "partner1"
PARTNER_NAME: Final = "Demo till partner"
PARTNER_SCOPES: Final = (
    *("coupons:read", "coupons:write", "claims:read", "redemptions:write", "webhooks:write", "events:read"),
    *("users:act", "geofences:write"),
)


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A person of the demo; ``city`` is an operator's, ``merchant_no`` counts the merchants of ``FIRST_CITY``."""

    login: str
    role: DemoRole
    display_name: str
    language: str
    city: str | None = None
    merchant_no: int | None = None

    @property
    def member_id(self) -> UUID:
        """The same in every demo."""
        return member_id(self.login)

    @property
    def has_password(self) -> bool:
        """Members sign in by phone; all others by password."""
        return self.role != "member"


def member_id(login: str) -> UUID:
    """The id of the person with that login."""
    return seeded_id("member", login)


def merchant_id(city_slug: str, number: int) -> UUID:
    """The id of a city's merchant, numbered from 1."""
    return seeded_id("merchant", city_slug, number)


MEMBERS: Final = (
    DemoPerson("member1", "member", "林晓", "zh-Hans"),
    DemoPerson("member2", "member", "Anna Weber", "en"),
)
STAFF: Final = DemoPerson("staff1", "staff", "周敏", "zh-Hans", FIRST_CITY, 1)
OWNERS: Final = (
    DemoPerson("owner1", "owner", "陈立", "zh-Hans", FIRST_CITY, 1),
    DemoPerson("owner2", "owner", "Wang Fang", "en", FIRST_CITY, 2),
)
OPERATORS: Final = (
    DemoPerson("operator1", "operator", "Hangzhou operations", "zh-Hans", FIRST_CITY),
    DemoPerson("operator2", "operator", "Berlin operations", "de", SECOND_CITY),
)
ADMIN: Final = DemoPerson("admin", "admin", "Administrator", "en")
PEOPLE: Final = (*MEMBERS, STAFF, *OWNERS, *OPERATORS, ADMIN)
BY_LOGIN: Final = {person.login: person for person in PEOPLE}

MERCHANT_1: Final = merchant_id(FIRST_CITY, 1)
MERCHANT_2: Final = merchant_id(FIRST_CITY, 2)


def demo_password(secret_key: str, login: str) -> str:
    """The password of a demo login, worked out from the installation's secret; shown by no log."""
    return _derived(secret_key, f"demo-password\x1f{login}")


def partner_secret(secret_key: str) -> str:
    """The secret of the demo's partner client."""
    return _derived(secret_key, f"demo-client\x1f{PARTNER_CLIENT_ID}")


def _derived(secret_key: str, use: str) -> str:
    return hmac.new(secret_key.encode(), use.encode(), hashlib.sha256).hexdigest()[:32]
