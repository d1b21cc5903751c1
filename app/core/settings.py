"""Settings from the environment: one frozen value, parsed once, all faults reported together."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any


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


def _providers(text: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = set(found) - {"cash", "test_wallet"}
    if unknown or not found:
        raise ValueError("must name providers among cash and test_wallet, with commas between them")
    return found


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return text.rstrip("/")


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
        "FUJIN_PROVIDERS", "payment providers on offer: cash, test_wallet", _providers, ("cash",)
    )
    settlement_floor_minor: int = _setting(
        "FUJIN_SETTLEMENT_FLOOR_MINOR",
        "how far below zero a merchant's statements carry on, minor units; beyond it the rest is receivable",
        _amount,
        100_000,
    )
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
    trusted_proxies: int = _setting("FUJIN_TRUSTED_PROXIES", "proxies in front whose X-Forwarded-For counts", int, 0)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment (or a given mapping); InvalidSettings names every fault at once."""
    source = os.environ if environ is None else environ
    values: dict[str, Any] = {}
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
        try:
            values[item.name] = item.metadata["parse"](raw)
        except ValueError as error:
            shown = "" if item.metadata["secret"] else f" (it is {raw!r})"
            faults.append(f"{variable} {error}{shown}")
    if faults:
        raise InvalidSettings("settings:\n" + "\n".join(f"  - {fault}" for fault in faults))
    return Settings(**values)
