"""Payments, refunds, notices of providers, and the test wallet's own books."""

from __future__ import annotations

from migrations import ddl

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLES = (
    "payments",
    "refunds",
    "provider_events",
    "wallet_trades",
    "wallet_refunds",
    "wallet_notices",
)


def upgrade() -> None:
    """Creates the tables, each with its group."""
    ddl.create_table(
        "payments",
        "city",
        "One attempt to pay for one thing through one provider; committed before the provider is asked.",
        """
            city_id integer NOT NULL,
            payment_id uuid NOT NULL,
            merchant_id uuid NOT NULL,
            member_id uuid,
            place_id uuid,
            purpose text NOT NULL,
            purpose_id uuid NOT NULL,
            attempt smallint NOT NULL,
            provider text NOT NULL,
            method text NOT NULL,
            asked jsonb NOT NULL,
            trade_no text NOT NULL,
            provider_trade_no text,
            pay_url text,
            amount_minor bigint NOT NULL,
            captured_minor bigint NOT NULL,
            refunding_minor bigint NOT NULL,
            refunded_minor bigint NOT NULL,
            fee_minor bigint NOT NULL,
            fee_returned_minor bigint NOT NULL,
            currency text NOT NULL,
            state text NOT NULL,
            failure text,
            caller text NOT NULL,
            caller_key text NOT NULL,
            pay_until timestamptz NOT NULL,
            seq integer NOT NULL,
            created_at timestamptz NOT NULL,
            changed_at timestamptz NOT NULL,
            succeeded_at timestamptz,
            CONSTRAINT payments_pk PRIMARY KEY (city_id, payment_id),
            CONSTRAINT payments_trade_uq UNIQUE (city_id, provider, trade_no),
            CONSTRAINT payments_attempt_uq UNIQUE (city_id, purpose, purpose_id, attempt),
            CONSTRAINT payments_caller_uq UNIQUE (city_id, caller, caller_key),
            CONSTRAINT payments_merchant_fk FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id) ON DELETE RESTRICT,
            CONSTRAINT payments_member_fk FOREIGN KEY(member_id) REFERENCES members (member_id) ON DELETE RESTRICT,
            CONSTRAINT payments_currency_fk FOREIGN KEY(currency) REFERENCES currencies (currency) ON DELETE RESTRICT,
            CONSTRAINT payments_purpose_ck CHECK (purpose in ('claim', 'redemption')),
            CONSTRAINT payments_method_ck CHECK (method in ('online', 'user_scans', 'merchant_scans', 'cash')),
            CONSTRAINT payments_state_ck CHECK (state in ('created', 'pending', 'unknown', 'succeeded', 'failed', 'cancelling', 'cancelled', 'stray')),
            CONSTRAINT payments_amounts_ck CHECK (amount_minor > 0 and captured_minor between 0 and amount_minor and refunding_minor >= 0 and refunded_minor >= 0 and refunded_minor + refunding_minor <= captured_minor),
            CONSTRAINT payments_fee_ck CHECK (fee_minor >= 0 and fee_returned_minor between 0 and fee_minor),
            CONSTRAINT payments_captured_ck CHECK ((state in ('succeeded', 'stray')) = (captured_minor > 0))
        """,
    )
    ddl.local_only("payments", "payments_merchant_fk")
    ddl.local_only("payments", "payments_member_fk")
    ddl.create_index(
        "payments_live_uq",
        "payments (city_id, purpose, purpose_id) WHERE state not in ('failed', 'cancelled', 'stray')",
        "At most one live payment for a thing; also: the payment of a thing.",
        unique=True,
    )
    ddl.create_index(
        "payments_provider_trade_uq",
        "payments (city_id, provider, provider_trade_no) WHERE provider_trade_no is not null",
        "A provider's trade belongs to one payment.",
        unique=True,
    )
    ddl.create_table(
        "refunds",
        "city",
        "Money going back from one payment; its number is the caller's, the provider is asked with one made from it.",
        """
            city_id integer NOT NULL,
            refund_id uuid NOT NULL,
            payment_id uuid NOT NULL,
            refund_no text NOT NULL,
            provider_refund_no text NOT NULL,
            cause text NOT NULL,
            cause_id uuid NOT NULL,
            amount_minor bigint NOT NULL,
            fee_returned_minor bigint NOT NULL,
            currency text NOT NULL,
            reason text NOT NULL,
            return_coupon boolean NOT NULL,
            state text NOT NULL,
            failure text,
            seq integer NOT NULL,
            created_at timestamptz NOT NULL,
            changed_at timestamptz NOT NULL,
            CONSTRAINT refunds_pk PRIMARY KEY (city_id, refund_id),
            CONSTRAINT refunds_no_uq UNIQUE (city_id, payment_id, refund_no),
            CONSTRAINT refunds_provider_no_uq UNIQUE (city_id, provider_refund_no),
            CONSTRAINT refunds_payment_fk FOREIGN KEY(city_id, payment_id) REFERENCES payments (city_id, payment_id) ON DELETE RESTRICT,
            CONSTRAINT refunds_currency_fk FOREIGN KEY(currency) REFERENCES currencies (currency) ON DELETE RESTRICT,
            CONSTRAINT refunds_cause_ck CHECK (cause in ('asked', 'stray', 'reversal', 'claim')),
            CONSTRAINT refunds_state_ck CHECK (state in ('requested', 'pending', 'succeeded', 'failed')),
            CONSTRAINT refunds_amount_ck CHECK (amount_minor > 0 and fee_returned_minor >= 0),
            CONSTRAINT refunds_refund_no_ck CHECK (length(refund_no) between 1 and 100)
        """,
    )
    ddl.create_table(
        "provider_events",
        "directory",
        "What a provider told us, as it came; one notice is applied once.",
        """
            event_key text NOT NULL,
            provider text NOT NULL,
            trade_no text NOT NULL,
            body bytea NOT NULL,
            applied boolean NOT NULL,
            outcome text NOT NULL,
            received_at timestamptz NOT NULL,
            CONSTRAINT provider_events_pk PRIMARY KEY (event_key)
        """,
    )
    ddl.create_table(
        "wallet_trades",
        "directory",
        "The test wallet's own book of trades, which stands for a partner's system.",
        """
            trade_no text NOT NULL,
            wallet_no text NOT NULL,
            amount_minor bigint NOT NULL,
            currency text NOT NULL,
            state text NOT NULL,
            told jsonb NOT NULL,
            fee_minor bigint NOT NULL,
            refunded_minor bigint NOT NULL,
            fee_returned_minor bigint NOT NULL,
            settles_at timestamptz,
            lost_answers integer NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT wallet_trades_pk PRIMARY KEY (trade_no),
            CONSTRAINT wallet_trades_state_ck CHECK (state in ('waiting', 'paid', 'declined', 'closed')),
            CONSTRAINT wallet_trades_refunded_ck CHECK (refunded_minor between 0 and amount_minor),
            CONSTRAINT wallet_trades_lost_answers_ck CHECK (lost_answers >= 0)
        """,
    )
    ddl.create_table(
        "wallet_refunds",
        "directory",
        "The test wallet's own book of refunds.",
        """
            refund_no text NOT NULL,
            trade_no text NOT NULL,
            amount_minor bigint NOT NULL,
            fee_returned_minor bigint NOT NULL,
            state text NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT wallet_refunds_pk PRIMARY KEY (refund_no),
            CONSTRAINT wallet_refunds_state_ck CHECK (state in ('done', 'refused'))
        """,
    )
    ddl.create_table(
        "wallet_notices",
        "directory",
        "Notices that the test wallet still has to send.",
        """
            notice_id text NOT NULL,
            trade_no text NOT NULL,
            body bytea NOT NULL,
            copies integer NOT NULL,
            send_at timestamptz NOT NULL,
            tries integer NOT NULL,
            sent_at timestamptz,
            CONSTRAINT wallet_notices_pk PRIMARY KEY (notice_id)
        """,
    )
    ddl.create_index(
        "wallet_notices_due_ix",
        "wallet_notices (send_at) WHERE sent_at is null",
        "Worker: notices that the test wallet still has to send.",
    )


def downgrade() -> None:
    """Drops what upgrade made."""
    ddl.drop_tables(tuple(reversed(TABLES)))
