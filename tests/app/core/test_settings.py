"""Settings are parsed once, and all faults are told together."""

from __future__ import annotations

import pytest

from app.core.db import normalised_url
from app.core.settings import InvalidSettings, load_settings

GOOD = {
    "DATABASE_URL": "postgresql://u@h/d",
    "FUJIN_SECRET_KEY": "0123456789abcdef" * 2,
    "FUJIN_CODE_PEPPER": "f0e1d2c3b4a59687" * 2,
}


def test_three_settings_are_enough() -> None:
    settings = load_settings(GOOD)
    assert (settings.demo, settings.database_read_url, settings.read_timeout_s) == (False, None, 2.0)


def test_every_fault_is_reported_at_once_without_showing_secrets() -> None:
    with pytest.raises(InvalidSettings) as caught:
        load_settings(
            {
                "FUJIN_SECRET_KEY": "short-secret",
                "FUJIN_DEMO": "yes",
                "FUJIN_READ_TIMEOUT_S": "0",
                "FUJIN_PUBLIC_URL": "x",
            }
        )
    told = str(caught.value)
    for name in (
        "DATABASE_URL",
        "FUJIN_SECRET_KEY",
        "FUJIN_CODE_PEPPER",
        "FUJIN_DEMO",
        "FUJIN_READ_TIMEOUT_S",
        "FUJIN_PUBLIC_URL",
    ):
        assert name in told
    assert "short-secret" not in told


@pytest.mark.parametrize("weak", ["a" * 64, "12345", ""])
def test_a_weak_secret_is_refused(weak: str) -> None:
    with pytest.raises(InvalidSettings, match="FUJIN_SECRET_KEY"):
        load_settings({**GOOD, "FUJIN_SECRET_KEY": weak})


def test_a_bare_url_gets_its_driver() -> None:
    assert normalised_url("postgresql://u:p@h/d") == "postgresql+psycopg2://u:p@h/d"
    assert normalised_url("postgres://u@h/d") == "postgresql+psycopg2://u@h/d"
