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


ALIPAY = {
    "FUJIN_ALIPAY_APP_ID": "2026000000000001",
    "FUJIN_ALIPAY_SELLER_ID": "2088000000000001",
    "FUJIN_ALIPAY_KEY_FILE": "/run/keys/app.pem",
    "FUJIN_ALIPAY_PUBLIC_KEY_FILE": "/run/keys/alipay.pem",
}
STRIPE = {
    "FUJIN_STRIPE_KEY": "sk_test_0123456789abcdef",
    "FUJIN_STRIPE_WEBHOOK_SECRET": "whsec_0123456789abcdef0123",
}


def test_a_provider_on_offer_wants_everything_it_works_with() -> None:
    with pytest.raises(InvalidSettings) as caught:
        load_settings({**GOOD, "FUJIN_PROVIDERS": "cash,alipay,stripe"})
    told = str(caught.value)
    assert f"{', '.join(ALIPAY)} must be set for the provider alipay" in told
    assert f"{', '.join(STRIPE)} must be set for the provider stripe" in told
    assert load_settings({**GOOD, **ALIPAY, **STRIPE, "FUJIN_PROVIDERS": "alipay,stripe"}).providers


@pytest.mark.parametrize("given", [ALIPAY, STRIPE])
def test_half_a_provider_is_refused_even_when_it_is_not_on_offer(given: dict[str, str]) -> None:
    assert load_settings({**GOOD, **given}).providers == ("cash",)
    for name in given:
        left = {other: value for other, value in given.items() if other != name}
        with pytest.raises(InvalidSettings, match=name):
            load_settings({**GOOD, **left})


@pytest.mark.parametrize(
    ("variable", "wrong"),
    [
        ("FUJIN_STRIPE_WEBHOOK_SECRET", "whsec_"),  # an empty secret would make everybody's signature good
        ("FUJIN_STRIPE_WEBHOOK_SECRET", " "),
        ("FUJIN_STRIPE_KEY", "pk_test_0123456789abcdef"),
        ("FUJIN_STRIPE_URL", "http://api.stripe.example"),
        ("FUJIN_ALIPAY_URL", "http://localhost.example:80/gateway.do"),
        ("FUJIN_ALIPAY_APP_ID", "app"),
        ("FUJIN_PROVIDERS", "cash,paypal"),
    ],
)
def test_what_could_not_work_is_told_at_the_start(variable: str, wrong: str) -> None:
    with pytest.raises(InvalidSettings, match=variable) as caught:
        load_settings({**GOOD, **ALIPAY, **STRIPE, variable: wrong})
    assert str(caught.value).count(variable) == 1
    assert "pk_test" not in str(caught.value)


def test_a_stand_in_on_this_machine_needs_no_tls() -> None:
    here = {"FUJIN_ALIPAY_URL": "http://127.0.0.1:8090/gateway.do", "FUJIN_STRIPE_URL": "http://[::1]:8090/"}
    found = load_settings({**GOOD, **here})
    assert (found.alipay_url, found.stripe_url) == ("http://127.0.0.1:8090/gateway.do", "http://[::1]:8090")
