"""Source tags become clean names, addresses, telephone numbers and attributes; what is doubtful is dropped."""

import re
from collections.abc import Mapping

# Tag suffix → our language tag. `name:zh` is taken as Simplified unless a Traditional-only character shows.
NAME_LANGUAGES = {
    "zh-Hans": "zh-Hans",
    "zh-CN": "zh-Hans",
    "zh": "zh-Hans",
    "zh-Hant": "zh-Hant",
    "en": "en",
    "de": "de",
    "fi": "fi",
    "sv": "sv",
    "ca": "ca",
    "es": "es",
    "fr": "fr",
}
TRADITIONAL = frozenset(
    "國學園醫館東門車廣場銀業務體麗龍鳳華萬與專電話號樓處辦廳麥當勞節書報紙點線經濟義亞歐灣臺羅漢觀劇飯"
)
ATTRIBUTES = {
    "wheelchair": frozenset({"yes", "no", "limited", "designated"}),
    "diet:vegan": frozenset({"yes", "no", "only", "limited"}),
    "diet:vegetarian": frozenset({"yes", "no", "only", "limited"}),
    "takeaway": frozenset({"yes", "no", "only"}),
    "delivery": frozenset({"yes", "no", "only"}),
    "outdoor_seating": frozenset({"yes", "no"}),
    "internet_access": frozenset({"yes", "no", "wlan", "wired", "terminal"}),
}
# International prefix, national number lengths, and the start of mobile numbers: a mobile number may be a
# person's own, so it is left out.
PHONE_PLANS = {
    "CN": ("86", range(9, 12), re.compile(r"1[3-9]\d{9}$")),
    "DE": ("49", range(5, 13), re.compile(r"1[5-7]")),
    "FI": ("358", range(5, 12), re.compile(r"(4\d|50)")),
    "AD": ("376", range(6, 9), re.compile(r"[346]")),
}
HOUSE_NUMBER_AT_END = re.compile(r"^(?P<street>.*\D)\s+(?P<number>\d+\s?[a-zA-Z]?(?:\s?[-–/]\s?\d*\s?[a-zA-Z]?)?)$")


def tidy(text: str | None) -> str | None:
    """Runs of blanks become one; control characters go; nothing left is None."""
    if text is None:
        return None
    kept = "".join(" " if char.isspace() else char for char in text if char.isprintable() or char.isspace())
    return " ".join(kept.split()) or None


def names_of(tags: Mapping[str, str]) -> dict[str, str]:
    """`local` first, then each language that the source has."""
    names: dict[str, str] = {}
    local = tidy(tags.get("name"))
    if local:
        names["local"] = local
    for suffix, language in NAME_LANGUAGES.items():
        value = tidy(tags.get(f"name:{suffix}"))
        if value is None:
            continue
        traditional = language == "zh-Hans" and TRADITIONAL & set(value)
        names.setdefault("zh-Hant" if traditional else language, value)
    return names


def postcode_of(text: str | None, pattern: str) -> str | None:
    """`310012.0`, a number that was once read as a float, is 310012. None when it isn't like `pattern`."""
    value = re.sub(r"\.0$", "", tidy(text) or "")
    return value if re.fullmatch(pattern, value) else None


def phone_of(text: str | None, country: str, area_code: str | None = None) -> str | None:
    """The first number of a list as `+86 571…`; a bare 8-digit local number gets the area code.

    None for mobile numbers and for numbers that are too short or too long for the country.
    """
    prefix, lengths, mobile = PHONE_PLANS[country]
    first = re.split(r"[;,]", text or "")[0]
    digits = re.sub(r"\(0\)|\D", "", first)
    international = first.strip().startswith("+") or digits.startswith("00")
    digits = digits.removeprefix("00")
    if international and not digits.startswith(prefix):
        return None
    national = digits.removeprefix(prefix) if international else digits
    national = national.lstrip("0")
    if area_code and len(national) == 8 and not international:
        national = area_code + national
    if len(national) not in lengths or mobile.match(national):
        return None
    return f"+{prefix} {national}"


def website_of(tags: Mapping[str, str]) -> str | None:
    value = (tags.get("website") or tags.get("contact:website") or "").split(";")[0].strip()
    if value.startswith("www."):
        value = "http://" + value
    return value if re.fullmatch(r"https?://[^\s<>\"@]+\.[^\s<>\"@]+", value) else None


def attributes_of(tags: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for key, allowed in ATTRIBUTES.items():
        value = (tags.get(key) or "").strip().lower()
        if value in allowed:
            found[key.replace(":", "_")] = value
    cuisine = tidy(tags.get("cuisine"))
    if cuisine:
        found["cuisine"] = cuisine
    return found


def split_house_number(text: str | None) -> tuple[str | None, str | None]:
    """`Kastanienallee 5a` → ("Kastanienallee", "5a")."""
    value = tidy(text)
    match = HOUSE_NUMBER_AT_END.match(value or "")
    if match is None:
        return value, None
    return match["street"].strip().rstrip(","), match["number"].strip()


def town_of(text: str | None) -> str | None:
    """A town's name; a number that slipped into the field is dropped."""
    value = tidy(text)
    return value if value and not any(char.isdigit() for char in value) else None


def without_empty(values: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in values.items() if value}
