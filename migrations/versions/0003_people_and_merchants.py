"""Members, credentials, roles, tokens; merchants and their staff."""

from __future__ import annotations

from migrations import ddl

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = (
    "members",
    "credentials",
    "role_grants",
    "refresh_tokens",
    "login_names",
    "otp_challenges",
    "sign_in_tries",
    "revoked_tokens",
    "api_clients",
    "merchants",
    "merchant_staff",
    "staff_places",
    "place_operators",
)


def upgrade() -> None:
    """Creates the tables, each with its group."""
    ddl.create_table(
        "members",
        "member",
        "A person, whatever roles they hold.",
        """
            member_id uuid NOT NULL,
            display_name text,
            language text,
            state text NOT NULL,
            marketing_consent_at timestamptz,
            row_version integer NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT members_pk PRIMARY KEY (member_id),
            CONSTRAINT members_state_ck CHECK (state in ('active', 'suspended', 'closed')),
            CONSTRAINT members_display_name_ck CHECK (length(display_name) between 1 and 80)
        """,
    )
    ddl.create_table(
        "credentials",
        "member",
        "A member's password, as an argon2id hash.",
        """
            member_id uuid NOT NULL,
            password_hash text NOT NULL,
            changed_at timestamptz NOT NULL,
            CONSTRAINT credentials_pk PRIMARY KEY (member_id),
            CONSTRAINT credentials_member_fk FOREIGN KEY(member_id) REFERENCES members (member_id) ON DELETE RESTRICT
        """,
    )
    ddl.create_table(
        "role_grants",
        "member",
        "Roles that no merchant gives: operator of a city, or admin.",
        """
            member_id uuid NOT NULL,
            role text NOT NULL,
            city_id integer NOT NULL,
            granted_at timestamptz NOT NULL,
            CONSTRAINT role_grants_pk PRIMARY KEY (member_id, role, city_id),
            CONSTRAINT role_grants_member_fk FOREIGN KEY(member_id) REFERENCES members (member_id) ON DELETE RESTRICT,
            CONSTRAINT role_grants_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT,
            CONSTRAINT role_grants_role_ck CHECK (role in ('operator', 'admin')),
            CONSTRAINT role_grants_admin_of_the_world_ck CHECK (role = 'operator' or city_id = 1)
        """,
    )
    ddl.create_table(
        "refresh_tokens",
        "member",
        "Long-lived tokens that fetch short-lived ones; using one twice ends its family.",
        """
            member_id uuid NOT NULL,
            token_hash bytea NOT NULL,
            family_id uuid NOT NULL,
            role text NOT NULL,
            created_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            used_at timestamptz,
            revoked_at timestamptz,
            CONSTRAINT refresh_tokens_pk PRIMARY KEY (member_id, token_hash),
            CONSTRAINT refresh_tokens_member_fk FOREIGN KEY(member_id) REFERENCES members (member_id) ON DELETE RESTRICT
        """,
    )
    ddl.create_index(
        "refresh_tokens_family_ix",
        "refresh_tokens (member_id, family_id)",
        "Sign-out and theft: all tokens of a family.",
    )
    ddl.create_table(
        "login_names",
        "directory",
        "Which member a login name means; a phone stands as its keyed hash, never as digits.",
        """
            login_norm text NOT NULL,
            member_id uuid NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT login_names_pk PRIMARY KEY (login_norm),
            CONSTRAINT login_names_member_fk FOREIGN KEY(member_id) REFERENCES members (member_id) ON DELETE RESTRICT,
            CONSTRAINT login_names_login_norm_ck CHECK (login_norm ~ '^(phone|name|oidc):')
        """,
    )
    ddl.local_only("login_names", "login_names_member_fk")
    ddl.create_table(
        "otp_challenges",
        "directory",
        "The last one-time code of a phone, as a keyed hash, with its wrong tries and how many were sent in a day.",
        """
            phone_key text NOT NULL,
            code_hash bytea NOT NULL,
            wrong_tries smallint NOT NULL,
            sent_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            sent_count smallint NOT NULL,
            counted_from timestamptz NOT NULL,
            CONSTRAINT otp_challenges_pk PRIMARY KEY (phone_key),
            CONSTRAINT otp_challenges_wrong_tries_ck CHECK (wrong_tries between 0 and 5),
            CONSTRAINT otp_challenges_sent_count_ck CHECK (sent_count between 1 and 10)
        """,
    )
    ddl.create_table(
        "sign_in_tries",
        "directory",
        "Passwords tried for a login name since it last signed in; the name stands as its keyed hash, known or not.",
        """
            login_key text NOT NULL,
            tries smallint NOT NULL,
            counted_from timestamptz NOT NULL,
            CONSTRAINT sign_in_tries_pk PRIMARY KEY (login_key),
            CONSTRAINT sign_in_tries_tries_ck CHECK (tries between 1 and 20)
        """,
    )
    ddl.create_table(
        "revoked_tokens",
        "directory",
        "Access tokens signed out before they expired.",
        """
            token_id text NOT NULL,
            expires_at timestamptz NOT NULL,
            CONSTRAINT revoked_tokens_pk PRIMARY KEY (token_id)
        """,
    )
    ddl.create_table(
        "api_clients",
        "directory",
        "Partners' machine clients: a secret's hash, scopes, and the merchants they act for.",
        """
            client_id text NOT NULL,
            secret_hash bytea NOT NULL,
            name text NOT NULL,
            scopes text[] NOT NULL,
            merchant_ids uuid[] NOT NULL,
            enabled boolean NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT api_clients_pk PRIMARY KEY (client_id)
        """,
    )
    ddl.create_table(
        "merchants",
        "merchant",
        "A business that runs places and offers coupons.",
        """
            merchant_id uuid NOT NULL,
            names jsonb NOT NULL,
            state text NOT NULL,
            home_city_id integer NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT merchants_pk PRIMARY KEY (merchant_id),
            CONSTRAINT merchants_city_fk FOREIGN KEY(home_city_id) REFERENCES cities (city_id) ON DELETE RESTRICT,
            CONSTRAINT merchants_state_ck CHECK (state in ('active', 'suspended', 'closed'))
        """,
    )
    ddl.create_table(
        "merchant_staff",
        "merchant",
        "Who works for a merchant: owner of all of it, or staff of some places.",
        """
            merchant_id uuid NOT NULL,
            member_id uuid NOT NULL,
            role text NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT merchant_staff_pk PRIMARY KEY (merchant_id, member_id),
            CONSTRAINT merchant_staff_merchant_fk FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id) ON DELETE RESTRICT,
            CONSTRAINT merchant_staff_member_fk FOREIGN KEY(member_id) REFERENCES members (member_id) ON DELETE RESTRICT,
            CONSTRAINT merchant_staff_role_ck CHECK (role in ('owner', 'staff'))
        """,
    )
    ddl.local_only("merchant_staff", "merchant_staff_member_fk")
    ddl.create_index(
        "merchant_staff_member_ix",
        "merchant_staff (member_id)",
        "Sign-in: for which merchants a member works.",
    )
    ddl.create_table(
        "staff_places",
        "merchant",
        "The places where a staff member works.",
        """
            merchant_id uuid NOT NULL,
            member_id uuid NOT NULL,
            place_id uuid NOT NULL,
            CONSTRAINT staff_places_pk PRIMARY KEY (merchant_id, member_id, place_id),
            CONSTRAINT staff_places_staff_fk FOREIGN KEY(merchant_id, member_id) REFERENCES merchant_staff (merchant_id, member_id) ON DELETE RESTRICT
        """,
    )
    ddl.create_table(
        "place_operators",
        "city",
        "Which merchant runs a place.",
        """
            city_id integer NOT NULL,
            place_id uuid NOT NULL,
            merchant_id uuid NOT NULL,
            since timestamptz NOT NULL,
            CONSTRAINT place_operators_pk PRIMARY KEY (city_id, place_id),
            CONSTRAINT place_operators_place_fk FOREIGN KEY(city_id, place_id) REFERENCES places (city_id, place_id) ON DELETE RESTRICT,
            CONSTRAINT place_operators_merchant_fk FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id) ON DELETE RESTRICT
        """,
    )
    ddl.local_only("place_operators", "place_operators_merchant_fk")
    ddl.create_index(
        "place_operators_merchant_ix",
        "place_operators (city_id, merchant_id)",
        "Which places of a city a merchant runs.",
    )


def downgrade() -> None:
    """Drops what upgrade made."""
    ddl.drop_tables(tuple(reversed(TABLES)))
