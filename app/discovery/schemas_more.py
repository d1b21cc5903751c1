"""Parameters that several searches share beside their filters: field masks, lists of words, cells, points."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from marshmallow import Schema, fields, post_load

from app.discovery.masks import mask_of
from app.discovery.schemas import DatumQuery, PlaceView, told
from app.discovery.shapes_details import PlaceDetailSchema
from app.http.fields import Text, fault
from geo.cells import parse_cell
from geo.coordinates import LonLat
from geo.errors import GeoError
from geo.grid_shift import Datum

MOST_WORDS = 50
_FRACTION = r"(\.[0-9]{1,15})?"
LAT_LON = rf"^-?(90(\.0{{1,15}})?|[1-8]?[0-9]{_FRACTION}),-?(180(\.0{{1,15}})?|(1[0-7][0-9]|[1-9]?[0-9]){_FRACTION})$"


def members_of(shape: type[Schema], *, without: Collection[str] = ()) -> tuple[str, ...]:
    """Names that a mask over a shape may hold: its members, and ``member.inner`` where a member has its own."""
    return tuple(name for name in _names(shape()) if name.partition(".")[0] not in without)


def _names(shape: Schema, *, deep: bool = True) -> Iterator[str]:
    for name, field in shape.fields.items():
        member = field.data_key or name
        yield member
        inner: Any = field.inner if isinstance(field, fields.List) else field
        if deep and isinstance(inner, fields.Nested):
            yield from (f"{member}.{part}" for part in _names(inner.schema, deep=False))


class Words(Text):
    """Some of a few words, with commas between them; repeated ones count once."""

    def __init__(self, *words: str, **options: Any) -> None:
        one = "|".join(map(re.escape, words))
        pattern = f"^({one})(,({one})){{0,{MOST_WORDS - 1}}}$"
        super().__init__(longest=2000, metadata={"pattern": pattern, **options.pop("metadata", {})}, **options)
        self.words = words

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> Any:
        given = super()._deserialize(value, attr, data, **options).split(",")
        unknown = [word for word in given if word not in self.words]
        if unknown:
            said = f"there is no {unknown[0][:60]!r}; give some of: {', '.join(self.words)}; commas between them"
            raise fault(said, "invalid-parameter")
        if len(given) > MOST_WORDS:
            raise fault(f"give at most {MOST_WORDS}", "invalid-parameter")
        return tuple(dict.fromkeys(given))


class LatLon(Text):
    """A latitude and a longitude in degrees with a comma between them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(longest=60, metadata={"pattern": LAT_LON}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> Any:
        given = super()._deserialize(value, attr, data, **options)
        if not re.fullmatch(LAT_LON, given, re.ASCII):
            raise fault("give latitude,longitude in degrees, as in 30.25,120.16", "invalid-coordinate")
        lat, lon = given.split(",")
        return LonLat(float(lon) + 0.0, float(lat) + 0.0).rounded()


class Mask(Words):
    """A field mask over a shape."""

    def __init__(self, shape: type[Schema], *, without: Collection[str] = (), **options: Any) -> None:
        super().__init__(*members_of(shape, without=without), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> Any:
        return mask_of(super()._deserialize(value, attr, data, **options))


class PlaceQuery(DatumQuery):
    """``GET /v1/places/{id}``."""

    mask = told(
        Mask(PlaceDetailSchema, data_key="fields", load_default=None),
        "which members to show, with commas between them; `place_id` is always shown",
        "name,location,hours,coupons",
    )

    @post_load
    def _view(self, data: dict[str, Any], **_: Any) -> PlaceView:
        return PlaceView(Datum(data["datum"]), data["mask"])


class CellCode(Text):
    """A geohash of six characters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(longest=60, metadata={"pattern": "^[0-9b-hjkmnp-z]{6}$"}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> Any:
        try:
            return parse_cell(super()._deserialize(value, attr, data, **options))
        except GeoError as error:
            raise fault(error.detail, error.code, error.hint) from None
