"""Settings from the environment: one frozen value, parsed once, all faults reported together."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class InvalidSettings(Exception):
    """One or more settings are missing or wrong; the message lists each with what would be right."""


def _setting(
    variable: str,
    doc: str,
    parse: Callable[[str], Any] = str,
    default: Any = MISSING,
    *,
    secret: bool = False,
) -> Any:
    """A field read from ``variable``; without a default it is required."""
    meta = {"variable": variable, "doc": doc, "parse": parse, "secret": secret}
    return field(metadata=meta) if default is MISSING else field(default=default, metadata=meta)


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("must be 0 or 1")
    return text == "1"


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise ValueError("must be a positive number")
    return value


def _not_negative(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e6:
        raise ValueError("must be a number, zero or more")
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1_000_000:
        raise ValueError("must be a whole number from 1 to 1000000")
    return value


def _amount(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 10**15:
        raise ValueError("must be a whole number of minor units, zero or more")
    return value


def _bytes(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1 << 40:
        raise ValueError("must be a whole number of bytes, at most 2**40")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError("must be a share from 0 to 1")
    return value


def _versions_kept(text: str) -> int:
    value = int(text)
    if not 3 <= value <= 1000:
        raise ValueError("must be a whole number from 3 to 1000")
    return value


def _secret(text: str) -> str:
    if len(text) < 32 or len(set(text)) < 8:
        raise ValueError("must be at least 32 characters of randomness; make one with: openssl rand -hex 32")
    return text


def _log_level(text: str) -> str:
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
    return text.upper()


def _host_ports(text: str) -> tuple[str, ...]:
    found = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for part in found:
        host, _, port = part.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65_536:
            raise ValueError("must be host:port, several with commas between them")
    return found


def _fence_index(text: str) -> str:
    if text not in ("memory", "database"):
        raise ValueError("must be memory or database")
    return text


_PROVIDERS = ("cash", "test_wallet", "alipay", "stripe")


def _providers(text: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if set(found) - set(_PROVIDERS) or not found:
        raise ValueError(f"must name providers among {', '.join(_PROVIDERS)}, with commas between them")
    return found


def _partner_url(text: str) -> str:
    host = urlsplit(text).hostname or ""
    if not text.startswith("https://") and not (text.startswith("http://") and host in ("127.0.0.1", "::1")):
        raise ValueError("must begin with https://; with http:// it must name 127.0.0.1 or ::1")
    return text.rstrip("/")


def _number(text: str) -> str:
    if not (text.isascii() and text.isdigit() and 8 <= len(text) <= 32):
        raise ValueError("must be a number of 8 to 32 digits")
    return text


def _stripe_key(text: str) -> str:
    if not text.startswith(("sk_test_", "sk_live_", "rk_test_", "rk_live_")) or len(text) < 20:
        raise ValueError("must be a secret key of Stripe's, sk_… or rk_…")
    return text


def _webhook_secret(text: str) -> str:
    if not text.startswith("whsec_") or len(text) < 24:
        raise ValueError("must be the signing secret of the webhook endpoint, whsec_…")
    return text


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return text.rstrip("/")


def _flow(text: str) -> str | None:
    return None if text == "embedded" else _url(text)


def _hook_secret(text: str) -> bytes:
    try:
        found = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError:
        found = b""
    if not text.startswith("whsec_") or not 24 <= len(found) <= 64:
        raise ValueError("must be whsec_ and 24 to 64 bytes in base64, as the flow showed it")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set from outside; docs/settings.md lists the same."""

    database_url: str = _setting("DATABASE_URL", "database for the application's role", secret=True)
    database_owner_url: str | None = _setting(
        "DATABASE_OWNER_URL",
        "database for migrations and seeds; default: DATABASE_URL",
        default=None,
        secret=True,
    )
    database_read_url: str | None = _setting(
        "DATABASE_READ_URL", "database for searches; default: DATABASE_URL", default=None, secret=True
    )
    database_import_url: str | None = _setting(
        "DATABASE_IMPORT_URL",
        "database for loads of regional data; default: the owner's",
        default=None,
        secret=True,
    )
    secret_key: str = _setting(
        "FUJIN_SECRET_KEY", "signs cursors, seals codes and webhooks' secrets", _secret, secret=True
    )
    code_pepper: str = _setting(
        "FUJIN_CODE_PEPPER", "keys the hashes of phones, codes, devices and staff", _secret, secret=True
    )
    public_url: str = _setting(
        "FUJIN_PUBLIC_URL", "where people reach this installation", _url, "http://127.0.0.1:8000"
    )
    state_dir: Path = _setting(
        "FUJIN_STATE_DIR",
        "private folder for signing keys and the stand-in's one-time codes",
        Path,
        Path("var"),
    )
    upload_dir: Path | None = _setting(
        "FUJIN_UPLOAD_DIR",
        "private folder for uploaded files, shared by the web and its workers; default: uploads in FUJIN_STATE_DIR",
        Path,
        None,
    )
    upload_max_bytes: int = _setting("FUJIN_UPLOAD_MAX_BYTES", "longest uploaded file, bytes", _bytes, 2_147_483_648)
    unpacked_max_bytes: int = _setting(
        "FUJIN_UNPACKED_MAX_BYTES", "most bytes that a packed file may hold", _bytes, 8_589_934_592
    )
    unpack_ratio: float = _setting(
        "FUJIN_UNPACK_RATIO", "how many times its size a packed file may hold, from 16 MiB on", _positive, 20.0
    )
    upload_kept_h: float = _setting(
        "FUJIN_UPLOAD_KEPT_H", "hours that the file of a failed, discarded or shown version is kept", _positive, 24.0
    )
    versions_kept: int = _setting(
        "FUJIN_VERSIONS_KEPT", "versions of a city and kind whose rows are kept, 3 or more", _versions_kept, 3
    )
    gate_count_change: float = _setting(
        "FUJIN_GATE_COUNT_CHANGE", "share of rows that may come or go before a version needs a note", _share, 0.02
    )
    gate_lost_share: float = _setting(
        "FUJIN_GATE_LOST_SHARE", "share of rows that may vanish before a version needs a second person", _share, 0.2
    )
    gate_moved_m: float = _setting(
        "FUJIN_GATE_MOVED_M", "metres that places may move before a version needs a second person", _positive, 50.0
    )
    gate_reshaped_share: float = _setting(
        "FUJIN_GATE_RESHAPED_SHARE",
        "share of an administrative area's land that may change hands likewise",
        _share,
        0.1,
    )
    oidc_issuer: str | None = _setting(
        "FUJIN_OIDC_ISSUER", "issuer of the tokens; default: the embedded one", _url, None
    )
    oidc_jwks_url: str | None = _setting(
        "FUJIN_OIDC_JWKS_URL", "key set of that issuer; default: discovered", _url, None
    )
    oidc_audience: str = _setting("FUJIN_OIDC_AUDIENCE", "audience that tokens must name", str, "fujin")
    demo: bool = _setting("FUJIN_DEMO", "1 for the demo: demo data and commands that print tokens", _flag, False)
    log_level: str = _setting("FUJIN_LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR", _log_level, "INFO")
    database_pool_size: int = _setting("FUJIN_DATABASE_POOL_SIZE", "connections a process and engine", _count, 8)
    read_timeout_s: float = _setting("FUJIN_READ_TIMEOUT_S", "longest statement of a search", _positive, 2.0)
    write_timeout_s: float = _setting("FUJIN_WRITE_TIMEOUT_S", "longest statement of a write", _positive, 2.5)
    database_deadline_s: float = _setting(
        "FUJIN_DATABASE_DEADLINE_S",
        "longest wait for any answer of the database in a web process; 0 waits for ever",
        _not_negative,
        3.0,
    )
    providers: tuple[str, ...] = _setting(
        "FUJIN_PROVIDERS", "payment providers on offer: cash, test_wallet, alipay, stripe", _providers, ("cash",)
    )
    settlement_floor_minor: int = _setting(
        "FUJIN_SETTLEMENT_FLOOR_MINOR",
        "how far below zero a merchant's statements carry on, minor units; beyond it the rest is receivable",
        _amount,
        100_000,
    )
    alipay_app_id: str | None = _setting("FUJIN_ALIPAY_APP_ID", "number of our application at Alipay", _number, None)
    alipay_seller_id: str | None = _setting(
        "FUJIN_ALIPAY_SELLER_ID", "number of the account that is paid at Alipay (PID)", _number, None
    )
    alipay_key_file: Path | None = _setting(
        "FUJIN_ALIPAY_KEY_FILE", "file with our application's private key", Path, None
    )
    alipay_public_key_file: Path | None = _setting(
        "FUJIN_ALIPAY_PUBLIC_KEY_FILE", "file with Alipay's public key for our application", Path, None
    )
    alipay_url: str = _setting(
        "FUJIN_ALIPAY_URL", "Alipay's gateway", _partner_url, "https://openapi.alipay.com/gateway.do"
    )
    stripe_key: str | None = _setting(
        "FUJIN_STRIPE_KEY", "secret key of our account at Stripe", _stripe_key, None, secret=True
    )
    stripe_webhook_secret: str | None = _setting(
        "FUJIN_STRIPE_WEBHOOK_SECRET", "secret that signs Stripe's notices", _webhook_secret, None, secret=True
    )
    stripe_url: str = _setting("FUJIN_STRIPE_URL", "Stripe's API", _partner_url, "https://api.stripe.com")
    flow: str | None = _setting("FUJIN_FLOW", "embedded, or the address of a flow that stands elsewhere", _flow, None)
    flow_client_id: str | None = _setting("FUJIN_FLOW_CLIENT", "our client's id at that flow", str, None)
    flow_secret: str | None = _setting("FUJIN_FLOW_SECRET", "its secret", str, None, secret=True)
    flow_hook_secret: bytes | None = _setting(
        "FUJIN_FLOW_HOOK_SECRET",
        "secret (whsec_…) of our webhook endpoint there; without it its events are only polled",
        _hook_secret,
        None,
        secret=True,
    )
    flow_allow: tuple[str, ...] = _setting(
        "FUJIN_FLOW_ALLOW", "host:port of a flow that may be asked over plain http; default: none", _host_ports, ()
    )
    flow_poll_s: float = _setting("FUJIN_FLOW_POLL_S", "how often that flow's feed is read", _positive, 60.0)
    flow_timeout_s: float = _setting("FUJIN_FLOW_TIMEOUT_S", "longest wait for one answer of that flow", _positive, 3.0)
    webhook_allow: tuple[str, ...] = _setting(
        "FUJIN_WEBHOOK_ALLOW",
        "receivers (host:port) for which scheme, port and address are not checked; default: none",
        _host_ports,
        (),
    )
    rate_limit_per_minute: int = _setting(
        "FUJIN_RATE_LIMIT_PER_MINUTE", "requests a minute and caller (signed in, or address)", _count, 1200
    )
    sign_in_limit_per_minute: int = _setting(
        "FUJIN_SIGN_IN_LIMIT_PER_MINUTE", "sign-in requests a minute and address", _count, 30
    )
    report_limit_per_minute: int = _setting(
        "FUJIN_REPORT_LIMIT_PER_MINUTE", "reports of faults of places a minute and address", _count, 10
    )
    claim_tries_per_member: int = _setting(
        "FUJIN_CLAIM_TRIES_PER_MEMBER", "tries an hour and member to claim where the place counts", _count, 30
    )
    claim_tries_per_device: int = _setting(
        "FUJIN_CLAIM_TRIES_PER_DEVICE", "tries an hour and device to claim where the place counts", _count, 30
    )
    claim_tries_per_address: int = _setting(
        "FUJIN_CLAIM_TRIES_PER_ADDRESS", "tries an hour and address to claim where the place counts", _count, 300
    )
    geofence_index: str = _setting(
        "FUJIN_GEOFENCE_INDEX",
        "memory or database: who says which fences a position meets; memory is quicker, each process keeps them all",
        _fence_index,
        "memory",
    )
    trusted_proxies: int = _setting("FUJIN_TRUSTED_PROXIES", "proxies in front whose X-Forwarded-For counts", int, 0)


# What a provider can't work without; one of them set wants the others too.
_OF_PROVIDER = {
    "alipay": ("alipay_app_id", "alipay_seller_id", "alipay_key_file", "alipay_public_key_file"),
    "stripe": ("stripe_key", "stripe_webhook_secret"),
}


def _half_set(values: Mapping[str, Any], given: set[str]) -> list[str]:
    """Providers that are on offer or begun to be set up, and lack something; a wrong value is told elsewhere."""
    faults = []
    variable = {item.name: item.metadata["variable"] for item in fields(Settings)}
    for provider, names in _OF_PROVIDER.items():
        lacking = [variable[name] for name in names if name not in given]
        if lacking and (provider in values.get("providers", ()) or len(lacking) < len(names)):
            faults.append(f"{', '.join(lacking)} must be set for the provider {provider}")
    return faults


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment (or a given mapping); InvalidSettings names every fault at once."""
    source = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    given: set[str] = set()
    faults: list[str] = []
    for item in fields(Settings):
        variable = item.metadata["variable"]
        raw = source.get(variable, "")
        if raw == "" and variable == "DATABASE_URL":
            raw = source.get("FUJIN_DATABASE_URL", "")
        if raw == "":
            if item.default is MISSING:
                faults.append(f"{variable} is not set ({item.metadata['doc']})")
            continue
        given.add(item.name)
        try:
            values[item.name] = item.metadata["parse"](raw)
        except ValueError as error:
            shown = "" if item.metadata["secret"] else f" (it is {raw!r})"
            faults.append(f"{variable} {error}{shown}")
    faults += _half_set(values, given)
    faults += _flow_faults(values)
    if faults:
        raise InvalidSettings("settings:\n" + "\n".join(f"  - {fault}" for fault in faults))
    return Settings(**values)


def _flow_faults(values: Mapping[str, Any]) -> list[str]:
    """What a flow elsewhere needs besides its address."""
    flow = values.get("flow")
    if flow is None:
        return []
    return [
        f"{variable} is not set (FUJIN_FLOW needs it)"
        for name, variable in (("flow_client_id", "FUJIN_FLOW_CLIENT"), ("flow_secret", "FUJIN_FLOW_SECRET"))
        if not values.get(name)
    ]
