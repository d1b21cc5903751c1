"""What searches of places are filtered by, in query strings and in bodies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from marshmallow import Schema, ValidationError, fields, pre_load

from app.discovery.schemas import DEFAULT_LIMIT, cursor_field, limit_field, told
from app.discovery.types import PlaceFilters
from app.http.fields import Flag, Id, Instant, Text, WholeNumber
from app.postings.tokens import asked_of

MAX_VALUES = 50
MAX_ATTRIBUTES = 5
ATTRIBUTE = "attr."
ATTRIBUTE_NAME = re.compile(r"[\w:]{1,60}")


class FilterFields(Schema):
    """Filters that every search of places takes, and which page of it."""

    category = told(
        fields.List(Text(longest=60), load_default=list),
        f"ids from /v1/categories; any of them, with all beneath; at most {MAX_VALUES}",
        ["restaurant"],
    )
    exclude_category = told(
        fields.List(Text(longest=60), load_default=list),
        f"ids from /v1/categories; none of them, nor what is beneath; at most {MAX_VALUES}",
        ["fast_food"],
    )
    brand = told(fields.List(Text(longest=60), load_default=list), f"ids of brands; any of them; at most {MAX_VALUES}")
    price_min = told(WholeNumber(low=1, high=4, load_default=None), "lowest price level, 1 (cheap) to 4", 1)
    price_max = told(WholeNumber(low=1, high=4, load_default=None), "highest price level, 1 (cheap) to 4", 3)
    q = told(
        Text(longest=100, load_default=None),
        "words that the place's names must all have; a word may be a beginning, Chinese is matched by pairs",
        "cafe",
    )
    region = told(Id(load_default=None), "id from /v1/regions: only places in that area, its border included")
    include_fringe = told(
        Flag(load_default=False), "with region: also places of its city not farther outside than the area extends"
    )
    open_now = told(Flag(load_default=False), "only places that are surely open now")
    open_at = told(
        Instant(load_default=None),
        "only places that are surely open at this time, RFC 3339 with offset, in the years 1970 to 2100",
    )
    include_unknown = told(
        Flag(load_default=False), "also places whose opening hours, or whose price, nobody knows, where that is asked"
    )
    limit = limit_field(DEFAULT_LIMIT)
    cursor = cursor_field()


class WithAttributes(Schema):
    """``attr.<key>=<value>`` beside the named parameters of a query string."""

    repeatable = (ATTRIBUTE,)

    @pre_load
    def _take_attributes_out(self, data: Any, **_: Any) -> Any:
        given = getattr(data, "data", data)
        names = [name for name in given if name.startswith(ATTRIBUTE)]
        if not names:
            return data
        lists = {field.data_key or name for name, field in self.load_fields.items() if isinstance(field, fields.List)}
        return {name: given.getlist(name) if name in lists else given[name] for name in given if name not in names}


def refused(parameter: str, detail: str, code: str = "invalid-parameter") -> ValidationError:
    """A fault of one parameter."""
    return ValidationError({parameter: {"detail": detail, "code": code}})


def filters_of(data: Mapping[str, Any], attributes: Iterable[tuple[str, Sequence[str]]]) -> PlaceFilters:
    """The filters of a query or a body that was read."""
    for name in ("category", "exclude_category", "brand"):
        if len(data[name]) > MAX_VALUES:
            raise refused(name, f"give at most {MAX_VALUES}")
    both = sorted(set(data["category"]) & set(data["exclude_category"]))
    if both:
        raise refused("exclude_category", f"{both[0]} is asked for and left out at once; take one away")
    low, high = data["price_min"], data["price_max"]
    if low is not None and high is not None and low > high:
        raise refused("price_max", "give a price_max that is not under price_min")
    if data["include_fringe"] and data["region"] is None:
        raise refused("include_fringe", "name the region whose fringe is meant", "conflicting-parameters")
    if data["open_now"] and data["open_at"] is not None:
        raise refused("open_at", "give open_now or open_at, not both")
    if data["q"] is not None and not asked_of(data["q"]):
        raise refused("q", "give a word with a letter or a digit")
    return PlaceFilters(
        categories=tuple(dict.fromkeys(data["category"])),
        excluded=tuple(dict.fromkeys(data["exclude_category"])),
        brands=tuple(dict.fromkeys(data["brand"])),
        attributes=_attributes(attributes),
        price_from=low,
        price_to=high,
        text=data["q"],
        region_id=data["region"],
        include_fringe=data["include_fringe"],
        open_now=data["open_now"],
        open_at=data["open_at"],
        include_unknown=data["include_unknown"],
        has_coupon=data.get("has_coupon", False),
    )


def attributes_in(query: Any) -> list[tuple[str, Sequence[str]]]:
    """What a query string says of attributes."""
    given = getattr(query, "data", query)
    return [(name.removeprefix(ATTRIBUTE), given.getlist(name)) for name in given if name.startswith(ATTRIBUTE)]


def _attributes(given: Iterable[tuple[str, Sequence[str]]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found = []
    for name, values in given:
        if not ATTRIBUTE_NAME.fullmatch(name):
            raise refused(ATTRIBUTE + name, "name an attribute by letters, digits, _ and :, as in attr.wheelchair=yes")
        if not 0 < len(values) <= MAX_VALUES or not all(
            0 < len(value) <= 100 and value.isprintable() for value in values
        ):
            raise refused(ATTRIBUTE + name, f"give 1 to {MAX_VALUES} values of 1 to 100 characters")
        found.append((name, tuple(dict.fromkeys(values))))
    if len(found) > MAX_ATTRIBUTES:
        raise refused(ATTRIBUTE + found[-1][0], f"ask for at most {MAX_ATTRIBUTES} attributes")
    return tuple(found)
