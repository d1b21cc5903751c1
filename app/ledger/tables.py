"""Accounts and transfers; a transfer is balanced by construction and is never changed or removed."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    Uuid,
)

from app.core.schema import declare, foreign_key

accounts = declare(
    "accounts",
    "city",
    "Where money stands: of the platform (owner nil), a merchant or a coupon; only floored ones keep a balance.",
    Column("account_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("owner_id", Uuid, nullable=False),
    Column("currency", Text, nullable=False),
    Column("floor_minor", BigInteger),
    Column("balance_minor", BigInteger),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "account_id", name="accounts_pk"),
    UniqueConstraint("city_id", "kind", "owner_id", "currency", name="accounts_kind_uq"),
    UniqueConstraint("city_id", "account_id", "currency", name="accounts_currency_uq"),
    foreign_key("accounts_city_fk", ["city_id"], "cities"),
    foreign_key("accounts_currency_fk", ["currency"], "currencies"),
    CheckConstraint(
        "kind in ('provider_clearing', 'provider_fee_expense', 'promo_expense', 'platform_revenue',"
        " 'prepaid_liability', 'stray_liability', 'merchant_payable', 'promo_available', 'promo_used',"
        " 'promo_funding', 'payout_due', 'payout_clearing', 'merchant_receivable')",
        name="kind",
    ),
    CheckConstraint("(floor_minor is null) = (balance_minor is null)", name="floored"),
    CheckConstraint("balance_minor >= floor_minor", name="floor"),
)
Index("accounts_owner_ix", accounts.c.owner_id, accounts.c.kind)

transfers = declare(
    "transfers",
    "city",
    "One movement between two accounts of one currency; one business event and kind is posted once.",
    Column("transfer_id", Uuid, nullable=False),
    Column("debit_account_id", Uuid, nullable=False),
    Column("credit_account_id", Uuid, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("ref_type", Text, nullable=False),
    Column("ref_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("posted_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "transfer_id", name="transfers_pk"),
    UniqueConstraint("city_id", "ref_type", "ref_id", "kind", name="transfers_ref_uq"),
    foreign_key(
        "transfers_debit_fk",
        ["city_id", "debit_account_id", "currency"],
        "accounts",
        ["city_id", "account_id", "currency"],
    ),
    foreign_key(
        "transfers_credit_fk",
        ["city_id", "credit_account_id", "currency"],
        "accounts",
        ["city_id", "account_id", "currency"],
    ),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("debit_account_id <> credit_account_id", name="accounts"),
    CheckConstraint("ref_type in ('payment', 'refund', 'redemption_unit', 'coupon', 'settlement')", name="ref_type"),
)
Index("transfers_debit_ix", transfers.c.city_id, transfers.c.debit_account_id, transfers.c.transfer_id)
Index("transfers_credit_ix", transfers.c.city_id, transfers.c.credit_account_id, transfers.c.transfer_id)
