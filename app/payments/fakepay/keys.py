"""The keys that fakepay and the product share, made anew and kept in a private folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from app.payments.fakepay.alipay_desk import AlipayKeys
from app.payments.fakepay.desk import Keys
from app.payments.fakepay.stripe_desk import StripeKeys
from app.payments.providers.alipay_signing import private_key

APP_ID: Final = "2026000000000001"
SELLER_ID: Final = "2088000000000001"
SETTINGS: Final = "settings.env"
_BITS: Final = 2048


def keys_in(folder: Path, webhook_url: str | None) -> Keys:
    """The keys of a folder, which are made when they are not there; only its owner may read them."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    app_key, own_key = _rsa(folder / "app_private_key.pem"), _rsa(folder / "fakepay_private_key.pem")
    _write(folder / "fakepay_public_key.pem", public_pem(own_key))
    stripe_key = _text(folder / "stripe_key", f"sk_test_{secrets.token_hex(16)}")
    webhook_secret = _text(folder / "stripe_webhook_secret", f"whsec_{secrets.token_hex(16)}")
    return Keys(
        AlipayKeys(APP_ID, SELLER_ID, app_key.public_key(), own_key),
        StripeKeys(stripe_key, webhook_secret, webhook_url),
    )


def settings_of(folder: Path, keys: Keys, url: str) -> dict[str, str]:
    """The settings with which the product takes fakepay for both providers."""
    return {
        "FUJIN_PROVIDERS": "cash,test_wallet,alipay,stripe",
        "FUJIN_ALIPAY_APP_ID": APP_ID,
        "FUJIN_ALIPAY_SELLER_ID": SELLER_ID,
        "FUJIN_ALIPAY_KEY_FILE": str(folder / "app_private_key.pem"),
        "FUJIN_ALIPAY_PUBLIC_KEY_FILE": str(folder / "fakepay_public_key.pem"),
        "FUJIN_ALIPAY_URL": f"{url}/gateway.do",
        "FUJIN_STRIPE_KEY": keys.stripe.key,
        "FUJIN_STRIPE_WEBHOOK_SECRET": keys.stripe.webhook_secret,
        "FUJIN_STRIPE_URL": url,
    }


def write_settings(folder: Path, settings: dict[str, str]) -> Path:
    """Puts the settings into a private file that a shell reads."""
    path = folder / SETTINGS
    _write(path, "".join(f"{name}={value}\n" for name, value in settings.items()))
    return path


def public_pem(key: RSAPrivateKey) -> str:
    """The public half in PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _rsa(path: Path) -> RSAPrivateKey:
    if path.exists():
        return private_key(path.read_text("ascii"))
    made = generate_private_key(public_exponent=65_537, key_size=_BITS)
    _write(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
    return made


def _text(path: Path, fresh: str) -> str:
    if not path.exists():
        _write(path, fresh)
    return path.read_text("ascii").strip()


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
