"""Short texts made of terms, in Chinese or English: amounts, badges, summaries, one-line addresses; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from app.core.money import exponent_of
from app.discovery.types import GroupDeal, Terms

Tongue = Literal["zh", "en"]

_SYMBOLS = {
    "CNY": "¥",
    "JPY": "¥",
    "EUR": "€",
    "USD": "$",
    "GBP": "£",
    "HKD": "HK$",
    "TWD": "NT$",
    "KRW": "₩",
    "INR": "₹",
    "VND": "₫",
}


def tongue_for(wanted: Sequence[str], default: str) -> Tongue:
    """The better liked of the two languages that texts are composed in; then the city's own; then English."""
    for tag in (*wanted, default.lower()):
        language = tag.partition("-")[0]
        if language == "zh":
            return "zh"
        if language == "en":
            return "en"
    return "en"


def amount(minor: int, currency: str) -> str:
    """An amount for reading: symbol, no decimals when they are zero (``¥20``, ``€2.50``, ``KWD 1.250``)."""
    exponent = exponent_of(currency)
    value = Decimal(minor).scaleb(-exponent)
    text = f"{value:,.{exponent}f}"
    if exponent and minor % 10**exponent == 0:
        text = text.partition(".")[0]
    symbol = _SYMBOLS.get(currency)
    return f"{symbol}{text}" if symbol else f"{currency}\u00a0{text}"


def badge(terms: Terms, tongue: Tongue) -> str:
    """What a coupon is worth, in a few characters."""
    if terms.kind == "amount_off":
        return f"−{amount(terms.face_value_minor or 0, terms.currency)}"
    if terms.kind == "percent_off":
        return _percent(terms.percent_off_bp or 0, tongue)
    if terms.kind == "voucher":
        return amount(terms.face_value_minor or 0, terms.currency)
    if terms.kind == "gift":
        return "赠品" if tongue == "zh" else "Gift"
    if terms.price_minor == 0:
        return "免费" if tongue == "zh" else "Free"
    return amount(terms.price_minor, terms.currency)


def _percent(basis_points: int, tongue: Tongue) -> str:
    """``8.5折`` says what is paid, ``−15%`` what is taken off."""
    if tongue == "zh":
        return "免费" if basis_points == 10_000 else f"{_plain(Decimal(10_000 - basis_points) / 1000)}折"
    return f"−{_plain(Decimal(basis_points) / 100)}%"


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def summary(terms: Terms, group: GroupDeal | None, tongue: Tongue) -> str:
    """The terms in a line."""
    parts = [_offer(terms, tongue)]
    if terms.min_spend_minor > 0:
        least = amount(terms.min_spend_minor, terms.currency)
        parts.append(f"满{least}可用" if tongue == "zh" else f"from {least} spent")
    if terms.cap_minor is not None:
        most = amount(terms.cap_minor, terms.currency)
        parts.append(f"最多减{most}" if tongue == "zh" else f"at most {most} off")
    if group is not None:
        price = amount(group.price_minor, terms.currency)
        parts.append(f"{group.target}人成团{price}" if tongue == "zh" else f"{price} for groups of {group.target}")
    return (" · " if tongue == "zh" else ", ").join(parts)


def _offer(terms: Terms, tongue: Tongue) -> str:
    zh = tongue == "zh"
    worth = amount(terms.face_value_minor or 0, terms.currency)
    price = amount(terms.price_minor, terms.currency)
    if terms.kind == "amount_off":
        return f"减{worth}" if zh else f"{worth} off"
    if terms.kind == "percent_off":
        return (
            _percent(terms.percent_off_bp or 0, "zh") if zh else f"{_percent(terms.percent_off_bp or 0, 'en')[1:]} off"
        )
    if terms.kind == "voucher":
        if terms.price_minor == 0:
            return f"{worth}代金券" if zh else f"{worth} voucher"
        return f"{price}抵{worth}" if zh else f"{worth} voucher for {price}"
    if terms.kind == "gift":
        return "到店赠品" if zh else "Free gift"
    if terms.list_price_minor is not None and terms.list_price_minor > terms.price_minor:
        before = amount(terms.list_price_minor, terms.currency)
        return f"套餐{price}(原价{before})" if zh else f"Set for {price} instead of {before}"
    return f"套餐{price}" if zh else f"Set for {price}"


_NUMBER_FIRST = frozenset({"US", "CA", "GB", "IE", "FR", "AU", "NZ", "IN"})


def address_line(address: Mapping[str, Any], country_code: str | None) -> str:
    """An address on one line in the order of its country; empty when nothing is known."""
    parts = {name: str(address.get(name) or "").strip() for name in ("street", "house_number", "postcode", "city")}
    street, number, postcode, city = parts["street"], parts["house_number"], parts["postcode"], parts["city"]
    full = str(address.get("full") or "").strip()
    if full and not street:
        return full
    if country_code == "CN":
        door = f"{number}号" if number.isdigit() and _is_han(street) else number
        joint = "" if _is_han(street) or not street else " "
        return f"{city if _is_han(city) else ''}{street}{joint}{door}" or city
    first = f"{number} {street}" if country_code in _NUMBER_FIRST else f"{street} {number}"
    lines = [first.strip(), f"{postcode} {city}".strip()]
    return ", ".join(line for line in lines if line)


def _is_han(text: str) -> bool:
    return any("\u4e00" <= char <= "\u9fff" for char in text)
