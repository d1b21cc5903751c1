"""Every provider that this installation can talk to; those on offer for new payments are a setting."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from app.core.clock import Clock
from app.core.db import Database
from app.core.settings import InvalidSettings, Settings
from app.payments.providers.alipay import Alipay, AlipayAccount
from app.payments.providers.alipay_signing import BadKey, private_key, public_key
from app.payments.providers.cash import Cash
from app.payments.providers.gateway import Provider
from app.payments.providers.test_wallet import TestWallet, notice_secret


def providers_of(settings: Settings, database: Database, clock: Clock) -> Mapping[str, Provider]:
    """Providers by name, also those that are set up but not on offer: payments that they began are still asked for."""
    found: list[Provider] = [Cash(), TestWallet(database, notice_secret(settings), clock)]
    if settings.alipay_app_id is not None:
        found.append(Alipay(_alipay_account(settings), clock))
    if settings.stripe_key is not None:
        # Its library takes a tenth of a second and some 20 MB a process, for those alone that use it.
        from app.payments.providers.stripe import Stripe, StripeAccount

        account = StripeAccount(
            settings.stripe_key, settings.stripe_webhook_secret or "", settings.stripe_url, settings.public_url
        )
        found.append(Stripe(account))
    return {each.name: each for each in found}


def _alipay_account(settings: Settings) -> AlipayAccount:
    try:
        key = private_key(_text("FUJIN_ALIPAY_KEY_FILE", settings.alipay_key_file))
    except BadKey as fault:
        raise InvalidSettings(f"settings:\n  - the file of FUJIN_ALIPAY_KEY_FILE {fault}") from None
    try:
        alipay_key = public_key(_text("FUJIN_ALIPAY_PUBLIC_KEY_FILE", settings.alipay_public_key_file))
    except BadKey as fault:
        raise InvalidSettings(f"settings:\n  - the file of FUJIN_ALIPAY_PUBLIC_KEY_FILE {fault}") from None
    return AlipayAccount(
        app_id=settings.alipay_app_id or "",
        seller_id=settings.alipay_seller_id or "",
        key=key,
        alipay_key=alipay_key,
        url=settings.alipay_url,
        notify_url=f"{settings.public_url}/v1/providers/alipay/notify",
    )


def _text(variable: str, path: Path | None) -> str:
    try:
        return "" if path is None else path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as fault:
        raise InvalidSettings(f"settings:\n  - {variable} can't be read ({type(fault).__name__})") from None
