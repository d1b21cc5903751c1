"""Who acts: members with their credentials and roles, machine clients, sign-in challenges and revoked tokens."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.core.schema import declare, foreign_key

members = declare(
    "members",
    "member",
    "A person, whatever roles they hold.",
    Column("member_id", Uuid, nullable=False),
    Column("display_name", Text),
    Column("language", Text),
    Column("state", Text, nullable=False),
    Column("marketing_consent_at", DateTime(timezone=True)),
    Column("row_version", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("member_id", name="members_pk"),
    CheckConstraint("state in ('active', 'suspended', 'closed')", name="state"),
    CheckConstraint("length(display_name) between 1 and 80", name="display_name"),
)

credentials = declare(
    "credentials",
    "member",
    "A member's password, as an argon2id hash.",
    Column("member_id", Uuid, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("member_id", name="credentials_pk"),
    foreign_key("credentials_member_fk", ["member_id"], "members"),
)

role_grants = declare(
    "role_grants",
    "member",
    "Roles that no merchant gives: operator of a city, or admin.",
    Column("member_id", Uuid, nullable=False),
    Column("role", Text, nullable=False),
    Column("city_id", Integer, nullable=False),
    Column("granted_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("member_id", "role", "city_id", name="role_grants_pk"),
    foreign_key("role_grants_member_fk", ["member_id"], "members"),
    foreign_key("role_grants_city_fk", ["city_id"], "cities"),
    CheckConstraint("role in ('operator', 'admin')", name="role"),
    CheckConstraint("role = 'operator' or city_id = 1", name="admin_of_the_world"),
)

refresh_tokens = declare(
    "refresh_tokens",
    "member",
    "Long-lived tokens that fetch short-lived ones; using one twice ends its family.",
    Column("member_id", Uuid, nullable=False),
    Column("token_hash", LargeBinary, nullable=False),
    Column("family_id", Uuid, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("member_id", "token_hash", name="refresh_tokens_pk"),
    foreign_key("refresh_tokens_member_fk", ["member_id"], "members"),
)
Index("refresh_tokens_family_ix", refresh_tokens.c.member_id, refresh_tokens.c.family_id)

login_names = declare(
    "login_names",
    "directory",
    "Which member a login name means; a phone stands as its keyed hash, never as digits.",
    Column("login_norm", Text, nullable=False),
    Column("member_id", Uuid, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("login_norm", name="login_names_pk"),
    foreign_key("login_names_member_fk", ["member_id"], "members", local_only=True),
    CheckConstraint("login_norm ~ '^(phone|name|oidc):'", name="login_norm"),
)

otp_challenges = declare(
    "otp_challenges",
    "directory",
    "The last one-time code of a phone, as a keyed hash, with its wrong tries and how many were sent in a day.",
    Column("phone_key", Text, nullable=False),
    Column("code_hash", LargeBinary, nullable=False),
    Column("wrong_tries", SmallInteger, nullable=False),
    Column("sent_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("sent_count", SmallInteger, nullable=False),
    Column("counted_from", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("phone_key", name="otp_challenges_pk"),
    CheckConstraint("wrong_tries between 0 and 5", name="wrong_tries"),
    CheckConstraint("sent_count between 1 and 10", name="sent_count"),
)

sign_in_tries = declare(
    "sign_in_tries",
    "directory",
    "Passwords tried for a login name since it last signed in; the name stands as its keyed hash, known or not.",
    Column("login_key", Text, nullable=False),
    Column("tries", SmallInteger, nullable=False),
    Column("counted_from", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("login_key", name="sign_in_tries_pk"),
    CheckConstraint("tries between 1 and 20", name="tries"),
)

revoked_tokens = declare(
    "revoked_tokens",
    "directory",
    "Access tokens signed out before they expired.",
    Column("token_id", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("token_id", name="revoked_tokens_pk"),
)

api_clients = declare(
    "api_clients",
    "directory",
    "Partners' machine clients: a secret's hash, scopes, and the merchants they act for.",
    Column("client_id", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("merchant_ids", ARRAY(Uuid), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("client_id", name="api_clients_pk"),
)
