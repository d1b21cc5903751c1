"""Accounts and transfers."""

from __future__ import annotations

from migrations import ddl

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = (
    "accounts",
    "transfers",
)


def upgrade() -> None:
    """Creates the tables, each with its group."""
    ddl.create_table(
        "accounts",
        "city",
        "Where money stands: of the platform (owner nil), a merchant or a coupon; only floored ones keep a balance.",
        """
            city_id integer NOT NULL,
            account_id uuid NOT NULL,
            kind text NOT NULL,
            owner_id uuid NOT NULL,
            currency text NOT NULL,
            floor_minor bigint,
            balance_minor bigint,
            created_at timestamptz NOT NULL,
            CONSTRAINT accounts_pk PRIMARY KEY (city_id, account_id),
            CONSTRAINT accounts_kind_uq UNIQUE (city_id, kind, owner_id, currency),
            CONSTRAINT accounts_currency_uq UNIQUE (city_id, account_id, currency),
            CONSTRAINT accounts_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT,
            CONSTRAINT accounts_currency_fk FOREIGN KEY(currency) REFERENCES currencies (currency) ON DELETE RESTRICT,
            CONSTRAINT accounts_kind_ck CHECK (kind in ('provider_clearing', 'provider_fee_expense', 'promo_expense', 'platform_revenue', 'prepaid_liability', 'stray_liability', 'merchant_payable', 'promo_available', 'promo_used', 'promo_funding')),
            CONSTRAINT accounts_floored_ck CHECK ((floor_minor is null) = (balance_minor is null)),
            CONSTRAINT accounts_floor_ck CHECK (balance_minor >= floor_minor)
        """,
    )
    ddl.create_index(
        "accounts_owner_ix",
        "accounts (owner_id, kind)",
        "Statement lines: the accounts of a merchant over all cities.",
    )
    ddl.create_table(
        "transfers",
        "city",
        "One movement between two accounts of one currency; one business event and kind is posted once.",
        """
            city_id integer NOT NULL,
            transfer_id uuid NOT NULL,
            debit_account_id uuid NOT NULL,
            credit_account_id uuid NOT NULL,
            currency text NOT NULL,
            amount_minor bigint NOT NULL,
            ref_type text NOT NULL,
            ref_id uuid NOT NULL,
            kind text NOT NULL,
            posted_at timestamptz NOT NULL,
            CONSTRAINT transfers_pk PRIMARY KEY (city_id, transfer_id),
            CONSTRAINT transfers_ref_uq UNIQUE (city_id, ref_type, ref_id, kind),
            CONSTRAINT transfers_debit_fk FOREIGN KEY(city_id, debit_account_id, currency) REFERENCES accounts (city_id, account_id, currency) ON DELETE RESTRICT,
            CONSTRAINT transfers_credit_fk FOREIGN KEY(city_id, credit_account_id, currency) REFERENCES accounts (city_id, account_id, currency) ON DELETE RESTRICT,
            CONSTRAINT transfers_amount_ck CHECK (amount_minor > 0),
            CONSTRAINT transfers_accounts_ck CHECK (debit_account_id <> credit_account_id),
            CONSTRAINT transfers_ref_type_ck CHECK (ref_type in ('payment', 'refund', 'redemption_unit', 'coupon'))
        """,
    )
    for side in ("debit", "credit"):
        ddl.create_index(
            f"transfers_{side}_ix",
            f"transfers (city_id, {side}_account_id, transfer_id)",
            "Balances and statement lines: the transfers of an account, newest first.",
        )


def downgrade() -> None:
    """Drops what upgrade made."""
    ddl.drop_tables(tuple(reversed(TABLES)))
