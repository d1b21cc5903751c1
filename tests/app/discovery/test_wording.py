"""Short texts made of terms, written out by hand."""

from __future__ import annotations

import pytest

from app.discovery.types import GroupDeal, Terms
from app.discovery.wording import Tongue, address_line, amount, badge, summary, tongue_for

AMOUNT = Terms("amount_off", "CNY", 0, None, 2000, None, None, 10000)
PERCENT = Terms("percent_off", "EUR", 0, None, None, 1500, 800, 0)
VOUCHER = Terms("voucher", "CNY", 8000, None, 10000, None, None, 0)
PACKAGE = Terms("package", "EUR", 2490, 3500, None, None, None, 0)
GIFT = Terms("gift", "CNY", 0, None, None, None, None, 0)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (2000, "CNY", "¥20"),
        (1250, "CNY", "¥12.50"),
        (1234567, "EUR", "€12,345.67"),
        (500, "JPY", "¥500"),
        (1250, "KWD", "KWD\u00a01.250"),
        (0, "USD", "$0"),
        (5, "GBP", "£0.05"),
    ],
)
def test_amounts_follow_their_currency(minor: int, currency: str, text: str) -> None:
    assert amount(minor, currency) == text


@pytest.mark.parametrize(
    ("terms", "zh", "en"),
    [
        (AMOUNT, "−¥20", "−¥20"),
        (PERCENT, "8.5折", "−15%"),
        (PERCENT._replace(percent_off_bp=2000), "8折", "−20%"),
        (PERCENT._replace(percent_off_bp=1250), "8.75折", "−12.5%"),
        (PERCENT._replace(percent_off_bp=10000), "免费", "−100%"),
        (VOUCHER, "¥100", "¥100"),
        (PACKAGE, "€24.90", "€24.90"),
        (GIFT, "赠品", "Gift"),
    ],
)
def test_badges_say_the_worth(terms: Terms, zh: str, en: str) -> None:
    assert (badge(terms, "zh"), badge(terms, "en")) == (zh, en)


@pytest.mark.parametrize(
    ("terms", "group", "zh", "en"),
    [
        (AMOUNT, None, "减¥20 · 满¥100可用", "¥20 off, from ¥100 spent"),
        (PERCENT, None, "8.5折 · 最多减€8", "15% off, at most €8 off"),
        (VOUCHER, None, "¥80抵¥100", "¥100 voucher for ¥80"),
        (
            PACKAGE,
            GroupDeal(3, 5, 1990),
            "套餐€24.90(原价€35) · 3人成团€19.90",
            "Set for €24.90 instead of €35, €19.90 for groups of 3",
        ),
        (GIFT, None, "到店赠品", "Free gift"),
    ],
)
def test_summaries_say_the_terms(terms: Terms, group: GroupDeal | None, zh: str, en: str) -> None:
    assert (summary(terms, group, "zh"), summary(terms, group, "en")) == (zh, en)


@pytest.mark.parametrize(
    ("address", "country", "line"),
    [
        ({"street": "湖滨路", "house_number": "28", "city": "杭州市"}, "CN", "杭州市湖滨路28号"),
        ({"street": "Hubin Road", "house_number": "28"}, "CN", "Hubin Road 28"),
        ({"city": "杭州市"}, "CN", "杭州市"),
        (
            {"street": "Alt-Tempelhof", "house_number": "27", "postcode": "12103", "city": "Berlin"},
            "DE",
            "Alt-Tempelhof 27, 12103 Berlin",
        ),
        ({"house_number": "10", "street": "Downing Street", "city": "London"}, "GB", "10 Downing Street, London"),
        ({"postcode": "AD500"}, "AD", "AD500"),
        ({}, None, ""),
    ],
)
def test_addresses_read_as_in_their_country(address: dict[str, str], country: str | None, line: str) -> None:
    assert address_line(address, country) == line


@pytest.mark.parametrize(
    ("wanted", "default", "tongue"),
    [(("de", "zh-cn"), "de", "zh"), ((), "zh-Hans", "zh"), (("fi",), "de", "en"), (("en-gb", "zh"), "zh-Hans", "en")],
)
def test_texts_are_composed_in_the_better_liked_tongue(wanted: tuple[str, ...], default: str, tongue: Tongue) -> None:
    assert tongue_for(wanted, default) == tongue
