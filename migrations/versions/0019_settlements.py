"""Statements of what merchants are owed, their lines, and the accounts through which they are paid out."""

from __future__ import annotations

from migrations import ddl

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLES = ("settlements", "settlement_lines", "settlement_transfers")
KINDS = (
    "'provider_clearing', 'provider_fee_expense', 'promo_expense', 'platform_revenue', 'prepaid_liability',"
    " 'stray_liability', 'merchant_payable', 'promo_available', 'promo_used', 'promo_funding'"
)
MORE_KINDS = f"{KINDS}, 'payout_due', 'payout_clearing', 'merchant_receivable'"
REF_TYPES = "'payment', 'refund', 'redemption_unit', 'coupon'"
PARTS = """
            gross_minor bigint NOT NULL,
            unused_minor bigint NOT NULL,
            merchant_discount_minor bigint NOT NULL,
            platform_discount_minor bigint NOT NULL,
            paid_minor bigint NOT NULL,
            paid_to_merchant_minor bigint NOT NULL,
            provider_fee_minor bigint NOT NULL,
            platform_fee_minor bigint NOT NULL,
            tax_base_minor bigint NOT NULL,
            net_minor bigint NOT NULL,"""
VIEWS = {
    "settlement": """
        SELECT settlement_id, city_id, merchant_id, currency, number, state, period_from, period_to, opening_minor,
               lines_minor, receivable_minor, recovered_minor, payout_minor, carried_minor, closed_at, paid_at
        FROM settlements
    """,
    "settlement_line": """
        SELECT settlement_id, city_id, transfer_id, line_no, amount_minor FROM settlement_transfers
    """,
}


def upgrade() -> None:
    """Creates the tables and widens the books by what pays merchants out."""
    ddl.create_table(
        "settlements",
        "city",
        "What a merchant is owed for a period, in one currency; closed ones are only paid or disputed, never edited.",
        f"""
            city_id integer NOT NULL,
            settlement_id uuid NOT NULL,
            merchant_id uuid NOT NULL,
            currency text NOT NULL,
            number integer NOT NULL,
            state text NOT NULL,
            period_from timestamptz NOT NULL,
            period_to timestamptz NOT NULL,
            opening_minor bigint NOT NULL,
            lines_minor bigint NOT NULL,
            receivable_minor bigint NOT NULL,
            recovered_minor bigint NOT NULL,
            payout_minor bigint NOT NULL,
            carried_minor bigint NOT NULL,{PARTS}
            line_count integer NOT NULL,
            file_sha256 bytea,
            created_at timestamptz NOT NULL,
            closed_at timestamptz,
            paid_at timestamptz,
            payout_ref text,
            disputed_at timestamptz,
            dispute_reason text,
            seq integer NOT NULL,
            CONSTRAINT settlements_pk PRIMARY KEY (city_id, settlement_id),
            CONSTRAINT settlements_number_uq UNIQUE (city_id, merchant_id, currency, number),
            CONSTRAINT settlements_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT,
            CONSTRAINT settlements_merchant_fk FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id) ON DELETE RESTRICT,
            CONSTRAINT settlements_currency_fk FOREIGN KEY(currency) REFERENCES currencies (currency) ON DELETE RESTRICT,
            CONSTRAINT settlements_state_ck CHECK (state in ('draft', 'closed', 'paid', 'disputed')),
            CONSTRAINT settlements_period_ck CHECK (period_from < period_to and number > 0 and line_count >= 0 and seq >= 0),
            CONSTRAINT settlements_netting_ck CHECK (opening_minor <= 0 and receivable_minor >= 0 and recovered_minor >= 0 and payout_minor >= 0 and carried_minor <= 0 and (payout_minor = 0 or carried_minor = 0) and opening_minor + lines_minor + receivable_minor - recovered_minor = payout_minor + carried_minor),
            CONSTRAINT settlements_net_ck CHECK (net_minor = lines_minor),
            CONSTRAINT settlements_closed_ck CHECK ((state = 'draft') = (closed_at is null) and (closed_at is null) = (file_sha256 is null)),
            CONSTRAINT settlements_paid_ck CHECK ((paid_at is null) = (payout_ref is null) and (state <> 'paid' or paid_at is not null) and (paid_at is null or (state in ('paid', 'disputed') and payout_minor > 0))),
            CONSTRAINT settlements_disputed_ck CHECK ((state = 'disputed') = (disputed_at is not null) and (disputed_at is null) = (dispute_reason is null))
        """,
    )
    ddl.local_only("settlements", "settlements_merchant_fk")
    ddl.create_index(
        "settlements_merchant_ix",
        "settlements (merchant_id, settlement_id)",
        "The statements of a merchant over all cities, newest first.",
    )
    ddl.create_table(
        "settlement_lines",
        "city",
        "A line of a closed statement, down to who funded which cent; never changed.",
        f"""
            city_id integer NOT NULL,
            settlement_id uuid NOT NULL,
            line_no integer NOT NULL,
            happening text NOT NULL,
            happened_at timestamptz NOT NULL,
            redemption_id uuid NOT NULL,
            payment_id uuid,
            refund_id uuid,
            place_id uuid NOT NULL,
            request_no text NOT NULL,
            pos_order_no text,{PARTS}
            CONSTRAINT settlement_lines_pk PRIMARY KEY (city_id, settlement_id, line_no),
            CONSTRAINT settlement_lines_settlement_fk FOREIGN KEY(city_id, settlement_id) REFERENCES settlements (city_id, settlement_id) ON DELETE RESTRICT,
            CONSTRAINT settlement_lines_redemption_fk FOREIGN KEY(city_id, redemption_id) REFERENCES redemptions (city_id, redemption_id) ON DELETE RESTRICT,
            CONSTRAINT settlement_lines_line_no_ck CHECK (line_no > 0),
            CONSTRAINT settlement_lines_happening_ck CHECK (happening in ('sale', 'payment', 'refund', 'reversal')),
            CONSTRAINT settlement_lines_amounts_ck CHECK (gross_minor + unused_minor = merchant_discount_minor + platform_discount_minor + paid_minor and tax_base_minor = platform_discount_minor + paid_minor and net_minor = paid_minor - paid_to_merchant_minor + platform_discount_minor - platform_fee_minor)
        """,
    )
    ddl.create_table(
        "settlement_transfers",
        "city",
        "Which transfer went into which line of which statement: a transfer is settled once.",
        """
            city_id integer NOT NULL,
            transfer_id uuid NOT NULL,
            settlement_id uuid NOT NULL,
            line_no integer NOT NULL,
            amount_minor bigint NOT NULL,
            CONSTRAINT settlement_transfers_pk PRIMARY KEY (city_id, transfer_id),
            CONSTRAINT settlement_transfers_transfer_fk FOREIGN KEY(city_id, transfer_id) REFERENCES transfers (city_id, transfer_id) ON DELETE RESTRICT,
            CONSTRAINT settlement_transfers_line_fk FOREIGN KEY(city_id, settlement_id, line_no) REFERENCES settlement_lines (city_id, settlement_id, line_no) ON DELETE RESTRICT,
            CONSTRAINT settlement_transfers_amount_ck CHECK (amount_minor <> 0)
        """,
    )
    ddl.create_index(
        "settlement_transfers_line_ix",
        "settlement_transfers (city_id, settlement_id)",
        "Audit: the transfers of a statement.",
    )
    _widen("accounts", "kind", f"kind in ({MORE_KINDS})")
    _widen("transfers", "ref_type", f"ref_type in ({REF_TYPES}, 'settlement')")
    for name, query in VIEWS.items():
        ddl.run(f"CREATE VIEW audit.{name} AS {query}")
    for role in ddl.ROLES:
        ddl.grant(role, "SELECT", "TABLE " + ", ".join(f"audit.{name}" for name in VIEWS))
    ddl.grant("fujin_app", "SELECT, INSERT", f"TABLE {', '.join(TABLES)}")
    ddl.grant("fujin_app", "UPDATE", "TABLE settlements")


def downgrade() -> None:
    """Drops what upgrade made, what statements moved included: the payable accounts stand as if none had been closed."""
    for name in reversed(VIEWS):
        ddl.run(f"DROP VIEW audit.{name}")
    ddl.drop_tables(tuple(reversed(TABLES)))
    ddl.run("DELETE FROM transfers WHERE ref_type = 'settlement'")
    ddl.run(f"DELETE FROM accounts WHERE kind NOT IN ({KINDS})")
    _widen("transfers", "ref_type", f"ref_type in ({REF_TYPES})")
    _widen("accounts", "kind", f"kind in ({KINDS})")


def _widen(table: str, name: str, condition: str) -> None:
    """Puts another condition in the place of a CHECK; the rows are looked at without keeping writers out."""
    ddl.run(f"ALTER TABLE {table} DROP CONSTRAINT {table}_{name}_ck")
    ddl.run(f"ALTER TABLE {table} ADD CONSTRAINT {table}_{name}_ck CHECK ({condition}) NOT VALID")
    ddl.run(f"ALTER TABLE {table} VALIDATE CONSTRAINT {table}_{name}_ck")
