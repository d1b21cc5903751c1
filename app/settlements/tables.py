"""Statements, their lines, and the transfers that each line is made of."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    Uuid,
)

from app.core.schema import declare, foreign_key

settlements = declare(
    "settlements",
    "city",
    "What a merchant is owed for a period, in one currency; closed ones are only paid or disputed, never edited.",
    Column("settlement_id", Uuid, nullable=False),
    Column("merchant_id", Uuid, nullable=False),
    Column("currency", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("period_from", DateTime(timezone=True), nullable=False),
    Column("period_to", DateTime(timezone=True), nullable=False),
    # what becomes of the lines
    Column("opening_minor", BigInteger, nullable=False),
    Column("lines_minor", BigInteger, nullable=False),
    Column("receivable_minor", BigInteger, nullable=False),
    Column("recovered_minor", BigInteger, nullable=False),
    Column("payout_minor", BigInteger, nullable=False),
    Column("carried_minor", BigInteger, nullable=False),
    # the sums of the lines' parts
    Column("gross_minor", BigInteger, nullable=False),
    Column("unused_minor", BigInteger, nullable=False),
    Column("merchant_discount_minor", BigInteger, nullable=False),
    Column("platform_discount_minor", BigInteger, nullable=False),
    Column("paid_minor", BigInteger, nullable=False),
    Column("paid_to_merchant_minor", BigInteger, nullable=False),
    Column("provider_fee_minor", BigInteger, nullable=False),
    Column("platform_fee_minor", BigInteger, nullable=False),
    Column("tax_base_minor", BigInteger, nullable=False),
    Column("net_minor", BigInteger, nullable=False),
    Column("line_count", Integer, nullable=False),
    Column("file_sha256", LargeBinary),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    Column("paid_at", DateTime(timezone=True)),
    Column("payout_ref", Text),
    Column("disputed_at", DateTime(timezone=True)),
    Column("dispute_reason", Text),
    Column("seq", Integer, nullable=False),
    PrimaryKeyConstraint("city_id", "settlement_id", name="settlements_pk"),
    UniqueConstraint("city_id", "merchant_id", "currency", "number", name="settlements_number_uq"),
    foreign_key("settlements_city_fk", ["city_id"], "cities"),
    foreign_key("settlements_merchant_fk", ["merchant_id"], "merchants", local_only=True),
    foreign_key("settlements_currency_fk", ["currency"], "currencies"),
    CheckConstraint("state in ('draft', 'closed', 'paid', 'disputed')", name="state"),
    CheckConstraint("period_from < period_to and number > 0 and line_count >= 0 and seq >= 0", name="period"),
    CheckConstraint(
        "opening_minor <= 0 and receivable_minor >= 0 and recovered_minor >= 0 and payout_minor >= 0"
        " and carried_minor <= 0 and (payout_minor = 0 or carried_minor = 0)"
        " and opening_minor + lines_minor + receivable_minor - recovered_minor = payout_minor + carried_minor",
        name="netting",
    ),
    CheckConstraint("net_minor = lines_minor", name="net"),
    CheckConstraint(
        "(state = 'draft') = (closed_at is null) and (closed_at is null) = (file_sha256 is null)", name="closed"
    ),
    CheckConstraint(
        "(paid_at is null) = (payout_ref is null) and (state <> 'paid' or paid_at is not null)"
        " and (paid_at is null or (state in ('paid', 'disputed') and payout_minor > 0))",
        name="paid",
    ),
    CheckConstraint(
        "(state = 'disputed') = (disputed_at is not null) and (disputed_at is null) = (dispute_reason is null)",
        name="disputed",
    ),
)
Index("settlements_merchant_ix", settlements.c.merchant_id, settlements.c.settlement_id)

settlement_lines = declare(
    "settlement_lines",
    "city",
    "A line of a closed statement, down to who funded which cent; never changed.",
    Column("settlement_id", Uuid, nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("happening", Text, nullable=False),
    Column("happened_at", DateTime(timezone=True), nullable=False),
    Column("redemption_id", Uuid, nullable=False),
    Column("payment_id", Uuid),
    Column("refund_id", Uuid),
    Column("place_id", Uuid, nullable=False),
    Column("request_no", Text, nullable=False),
    Column("pos_order_no", Text),
    Column("gross_minor", BigInteger, nullable=False),
    Column("unused_minor", BigInteger, nullable=False),
    Column("merchant_discount_minor", BigInteger, nullable=False),
    Column("platform_discount_minor", BigInteger, nullable=False),
    Column("paid_minor", BigInteger, nullable=False),
    Column("paid_to_merchant_minor", BigInteger, nullable=False),
    Column("provider_fee_minor", BigInteger, nullable=False),
    Column("platform_fee_minor", BigInteger, nullable=False),
    Column("tax_base_minor", BigInteger, nullable=False),
    Column("net_minor", BigInteger, nullable=False),
    PrimaryKeyConstraint("city_id", "settlement_id", "line_no", name="settlement_lines_pk"),
    foreign_key("settlement_lines_settlement_fk", ["city_id", "settlement_id"], "settlements"),
    foreign_key("settlement_lines_redemption_fk", ["city_id", "redemption_id"], "redemptions"),
    CheckConstraint("line_no > 0", name="line_no"),
    CheckConstraint("happening in ('sale', 'payment', 'refund', 'reversal')", name="happening"),
    CheckConstraint(
        "gross_minor + unused_minor = merchant_discount_minor + platform_discount_minor + paid_minor"
        " and tax_base_minor = platform_discount_minor + paid_minor"
        " and net_minor = paid_minor - paid_to_merchant_minor + platform_discount_minor - platform_fee_minor",
        name="amounts",
    ),
)

settlement_transfers = declare(
    "settlement_transfers",
    "city",
    "Which transfer went into which line of which statement: a transfer is settled once.",
    Column("transfer_id", Uuid, nullable=False),
    Column("settlement_id", Uuid, nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    PrimaryKeyConstraint("city_id", "transfer_id", name="settlement_transfers_pk"),
    foreign_key("settlement_transfers_transfer_fk", ["city_id", "transfer_id"], "transfers"),
    foreign_key("settlement_transfers_line_fk", ["city_id", "settlement_id", "line_no"], "settlement_lines"),
    CheckConstraint("amount_minor <> 0", name="amount"),
)
Index("settlement_transfers_line_ix", settlement_transfers.c.city_id, settlement_transfers.c.settlement_id)
