"""Bodies and answers of sign-in and of one's own page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from app.http.fields import Choice, Flag, Text
from app.http.principals import ROLES

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_CODE = re.compile(r"[0-9]{6}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}")

GRANT_MEMBERS = {
    "otp": ({"phone", "code"}, set[str]()),
    "password": ({"login", "password"}, {"role"}),
    "client_credentials": ({"client_id", "client_secret"}, set[str]()),
    "refresh_token": ({"refresh_token"}, set[str]()),
}


class _Pattern(Text):
    """Text that fits a pattern as a whole; ``said`` tells what would be right."""

    def __init__(self, pattern: re.Pattern[str], said: str, *, longest: int, **options: Any) -> None:
        super().__init__(longest=longest, metadata={"pattern": f"^{pattern.pattern}$", "description": said}, **options)
        self.pattern, self.said = pattern, said

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str) or len(value) > self.longest or not self.pattern.fullmatch(value):
            raise ValidationError(self.said)
        return value


def _phone(**options: Any) -> _Pattern:
    return _Pattern(_E164, "give the phone as E.164, such as +8613800138000", longest=16, **options)


class OtpBody(Schema):
    """Where to send a one-time code."""

    phone = _phone(required=True)


class OtpAnswer(Schema):
    """How long the code is good, and when another can be asked for; the same for every phone."""

    expires_in = fields.Integer(required=True)
    resend_after_s = fields.Integer(required=True)


class TokenBody(Schema):
    """One of four sign-ins; ``grant_type`` decides which other members are needed, and no others are taken."""

    SHAPES = ("grant_type", GRANT_MEMBERS)

    grant_type = Choice(*GRANT_MEMBERS, required=True)
    phone = _phone()
    code = _Pattern(_CODE, "give the six digits that the phone got", longest=6)
    login = Text(longest=100)
    password = Text(longest=256)
    role = Choice(*(role for role in ROLES if role != "partner"))
    client_id = Text(longest=100)
    client_secret = Text(longest=256)
    refresh_token = Text(longest=200)

    @validates_schema(skip_on_field_errors=False)
    def fits_grant_type(self, data: Mapping[str, Any], **_: Any) -> None:
        """Points at each member that this kind of sign-in lacks or does not take."""
        if data.get("grant_type") not in GRANT_MEMBERS:
            return
        needed, optional = GRANT_MEMBERS[data["grant_type"]]
        faults = {name: ["Unknown field."] for name in data if name not in needed | optional | {"grant_type"}}
        given = set(data)
        faults |= {name: ["Missing data for required field."] for name in sorted(needed - given)}
        if faults:
            raise ValidationError(faults)


class TokenAnswer(Schema):
    """A session: the access token is good for minutes, the refresh token fetches the next pair and is good once."""

    access_token = fields.String(required=True)
    token_type = fields.String(required=True, metadata={"enum": ["Bearer"]})
    expires_in = fields.Integer(required=True)
    refresh_token = fields.String(metadata={"description": "absent for partners"})
    role = fields.String(required=True, metadata={"enum": list(ROLES)})


class JwksAnswer(Schema):
    """RFC 7517: the public keys that tokens of this installation are signed with."""

    keys = fields.List(fields.Dict(keys=fields.String(), values=fields.String()), required=True)


class MeAnswer(Schema):
    """Who is signed in, in which role, and what that role reaches at present."""

    subject = fields.String(required=True)
    role = fields.String(required=True, metadata={"enum": list(ROLES)})
    member_id = fields.String(required=True, allow_none=True)
    display_name = fields.String(required=True, allow_none=True)
    language = fields.String(required=True, allow_none=True)
    marketing_consent = fields.Boolean(required=True)
    cities = fields.List(fields.Integer(), required=True)
    merchants = fields.List(fields.String(), required=True)
    places = fields.List(fields.String(), required=True)
    scopes = fields.List(fields.String(), required=True)


class MePatchBody(Schema):
    """What members change about themselves; null empties a name or language."""

    display_name = Text(longest=80, allow_none=True)
    language = _Pattern(_LANGUAGE, "give a language tag, such as zh-Hans or en", longest=35, allow_none=True)
    marketing_consent = Flag()
