"""Query strings of searches around a point become frozen values here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, post_load, validates_schema

from app.coupons.tables import COUPON_KINDS
from app.discovery.ranking import DEFAULT_WEIGHTS, MAX_BUCKET_M, POPULARITY_ALONE, Ranking, weights_of
from app.discovery.relaxing import RELAX
from app.discovery.schemas import PointQuery, point_of, told
from app.discovery.schemas_filters import FilterFields, WithAttributes, attributes_in, filters_of, refused
from app.discovery.schemas_more import CellCode, LatLon, Mask, Words
from app.discovery.shapes import FLAGS, PlaceHitSchema
from app.discovery.types import FACETS, CouponSearch, NearbySearch, Serves
from app.http.fields import Choice, DecimalNumber, Flag, Instant, Text, WholeNumber, fault, latitude, longitude
from app.service_areas.types import KINDS as AREA_KINDS
from geo.grid_shift import Datum, to_wgs84

MAX_RADIUS_M = 50_000
DEFAULT_RADIUS_M = 3_000
MISSING = "missing-parameter"
COUPON_SORTS = ("distance", "discount", "price", "-price", "ending_soon", "newest", "sales")


class RadiusMetres(DecimalNumber):
    """A radius in metres, whole millimetres."""

    def __init__(self, **options: Any) -> None:
        super().__init__(low=1, high=MAX_RADIUS_M, code="invalid-radius", unit=" metres", **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> float:
        number = super()._deserialize(value, attr, data, **options)
        if abs(number * 1000 - round(number * 1000)) > 1e-6:
            raise fault("give at most three decimals", self.code)
        return number


class AroundQuery(WithAttributes, FilterFields, PointQuery):
    """What both searches around a point take; ``attr.<key>=<value>`` beside the named ones."""

    lat = told(latitude(load_default=None), "latitude in degrees; rounded to 7 decimals", 30.25)
    lon = told(longitude(load_default=None), "longitude in degrees; rounded to 7 decimals", 120.16)
    cell = told(
        CellCode(load_default=None),
        "a geohash of six characters in place of `lat` and `lon`: the search starts from its middle, answers tell"
        " bands of distance and sort by band and id",
    )
    radius_m = told(
        RadiusMetres(load_default=float(DEFAULT_RADIUS_M)),
        f"radius in metres, 1 to {MAX_RADIUS_M}, at most three decimals; its edge is inside",
        DEFAULT_RADIUS_M,
    )
    serves = told(
        LatLon(load_default=None),
        "`latitude,longitude`, in the same datum: only what is offered by places that serve this point with a published"
        " area that covers it, border included, and whose schedule is not closed then; one may search elsewhere",
    )
    serves_kind = told(
        fields.List(Choice(*AREA_KINDS), load_default=list),
        "with `serves`: by areas of these kinds; any of them, all kinds when left out",
    )

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _point_or_cell(self, data: Mapping[str, Any], original: Any, **_: Any) -> None:
        given = getattr(original, "data", original)
        if "cell" not in given:
            said = {"detail": "this parameter is required, or a cell in place of lat and lon", "code": MISSING}
            missing = {name: said for name in ("lat", "lon") if name not in given}
            if missing:
                raise ValidationError(missing)
        elif data.get("cell") is not None and ("lat" in given or "lon" in given):
            raise refused("cell", "give lat and lon, or a cell, not both", "conflicting-parameters")


def _where(data: Mapping[str, Any]) -> dict[str, Any]:
    """The point, or the middle of the cell that stands in its place."""
    cell = data["cell"]
    if cell is None:
        given, origin, datum = point_of(data)
        return {"given": given, "origin": origin, "datum": datum}
    if data["datum"] != Datum.WGS84.value:
        raise refused("datum", "a cell is of WGS 84: leave datum out, or give lat and lon")
    middle = cell.center.rounded()
    return {"given": middle, "origin": middle, "datum": Datum.WGS84, "cell": cell.code}


def _around(data: Mapping[str, Any], original: Any) -> dict[str, Any]:
    return {
        **_where(data),
        "radius_mm": round(data["radius_m"] * 1000),
        "filters": filters_of(data, attributes_in(original)),
        "limit": data["limit"],
        "cursor": data["cursor"],
        "serves": _serves(data),
    }


def _serves(data: Mapping[str, Any]) -> Serves | None:
    given, kinds = data["serves"], tuple(dict.fromkeys(data["serves_kind"]))
    if given is None:
        if kinds:
            raise refused("serves_kind", "this goes with serves alone; give a point, or leave it out")
        return None
    if data["cell"] is not None:
        raise refused("serves", "serves goes with lat and lon, not with a cell", "conflicting-parameters")
    return Serves(given, to_wgs84(given, Datum(data["datum"])).rounded(), kinds)


class PlacesNearbyQuery(AroundQuery):
    """``GET /v1/places/nearby``."""

    has_coupon = told(Flag(load_default=False), "only places where a coupon that can be claimed now can be used")
    relax = told(
        Words(*RELAX, load_default=None),
        "what may be widened when nothing is found: `radius` doubles up to 20 km, then `open_now` (or `open_at`) is"
        " dropped; `applied` says what was, and what lies outside of what was asked has `outside_requested`",
    )
    mask = told(
        Mask(PlaceHitSchema, without=FLAGS, data_key="fields", load_default=None),
        "which members to show of each place, with commas between them; `place_id` is always shown",
        "name,location,hours.state,distance_m",
    )
    sort = told(
        Choice("distance", "blend", "popularity", "rating", load_default="distance"),
        "nearest first, or by score; `rating` is refused while no data set brings ratings",
        "distance",
    )
    weights = told(
        Text(longest=100, load_default=None),
        "with `sort=blend`: parts and how much each counts; normalised to a sum of 1, a part left out counts 0;"
        " `distance:0.5,rating:0.2,popularity:0.2,coupon:0.1` when left out",
    )
    distance_bucket_m = told(
        WholeNumber(low=0, high=MAX_BUCKET_M, load_default=None),
        "with `sort=blend`: distances within one bucket of so many metres count alike; 0: each counts as it is",
    )
    min_rating = told(
        DecimalNumber(low=0, high=5, code="invalid-parameter", load_default=None),
        "refused while no data set brings ratings",
    )
    collapse = told(
        Choice("none", "merchant", load_default="none"),
        "`merchant`: of each merchant in a city the nearest place alone; places that nobody runs stay",
        "none",
    )
    facets = told(
        Words(*FACETS, load_default=None),
        f"counts beside the first page, of {', '.join(FACETS)}, joined by commas; each under all other filters",
        "category,price",
    )
    explain = told(
        Flag(load_default=False),
        "each place with the verdict of every filter: all places for operators and admins, for people of a merchant"
        " their own; refused to everyone else",
        False,
    )

    @post_load(pass_original=True)
    def _search(self, data: dict[str, Any], original: Any, **_: Any) -> NearbySearch:
        if data["serves"] is not None and (data["sort"] != "distance" or data["collapse"] != "none" or data["facets"]):
            said = "other orders, collapse and facets don't go with serves; the nearest come first"
            raise refused("serves", said, "conflicting-parameters")
        return NearbySearch(
            sort=data["sort"],
            ranking=_ranking(data),
            collapse=data["collapse"] == "merchant",
            facets=data["facets"] or (),
            relax=data["relax"] or (),
            fields=data["mask"],
            explain=data["explain"],
            **_around(data, original),
        )


def _ranking(data: Mapping[str, Any]) -> Ranking | None:
    if data["min_rating"] is not None:
        raise refused("min_rating", "no data set brings ratings yet; leave it out", "ratings-missing")
    if data["sort"] == "rating":
        raise refused(
            "sort", "no data set brings ratings yet; sort by distance, blend or popularity", "ratings-missing"
        )
    for name in ("weights", "distance_bucket_m"):
        if data[name] is not None and data["sort"] != "blend":
            raise refused(name, "this goes with sort=blend alone; leave it out, or sort by blend")
    if data["cell"] is not None and (data["sort"], data["collapse"]) != ("distance", "none"):
        raise refused(
            "cell", "other orders and collapse go with lat and lon, not with a cell", "conflicting-parameters"
        )
    if data["sort"] == "distance":
        return None
    if data["sort"] == "popularity":
        return Ranking(POPULARITY_ALONE)
    try:
        weights = DEFAULT_WEIGHTS if data["weights"] is None else weights_of(data["weights"])
    except ValueError as error:
        raise refused("weights", str(error)) from None
    return Ranking(weights, (data["distance_bucket_m"] or 0) * 1000)


class CouponsNearbyQuery(AroundQuery):
    """``GET /v1/coupons/nearby``."""

    kind = told(fields.List(Choice(*COUPON_KINDS), load_default=list), "kinds of coupon; any of them", ["amount_off"])
    group_deal = told(Flag(load_default=None), "`true`: only group deals; `false`: none of them; left out: both")
    in_service_area = told(
        Flag(load_default=False),
        "only coupons whose terms name a published service area that covers the point (that of `serves` where it is"
        " given), border included",
    )
    sort = told(
        Choice(*COUPON_SORTS, load_default="distance"),
        "what comes first, then the nearest: `discount` the largest share saved (unknown last), `price` and `-price`"
        " the price alone (currencies one after another), `ending_soon` by `claim_until`, `newest` by when it was"
        " published, `sales` by units taken",
        "distance",
    )
    collapse = told(
        Choice("none", "place", "merchant", load_default="none"),
        "only the first coupon, in the order asked for, of each place or of each merchant",
        "none",
    )
    redeemable = told(
        Choice("now", "explain", load_default=None),
        "`now`: only coupons that can be used at `at` with `party` people; `explain`: all, with what stands against it",
    )
    at = told(Instant(load_default=None), "with `redeemable`: when it is to be used, RFC 3339 with offset; else now")
    party = told(WholeNumber(low=1, high=1000, load_default=None), "with `redeemable`: how many people come")

    @post_load(pass_original=True)
    def _search(self, data: dict[str, Any], original: Any, **_: Any) -> CouponSearch:
        for name in ("at", "party"):
            if data[name] is not None and data["redeemable"] is None:
                raise refused(name, f"{name} goes with redeemable; give redeemable=now or redeemable=explain too")
        if data["cell"] is not None and (data["sort"], data["collapse"], data["redeemable"]) != (
            "distance",
            "none",
            None,
        ):
            raise refused(
                "cell",
                "other orders, collapse and redeemable go with lat and lon, not with a cell",
                "conflicting-parameters",
            )
        return CouponSearch(
            kinds=tuple(dict.fromkeys(data["kind"])),
            group_deal=data["group_deal"],
            in_service_area=data["in_service_area"],
            sort=data["sort"],
            collapse=data["collapse"],
            redeemable=data["redeemable"],
            use_at=data["at"],
            party=data["party"],
            **_around(data, original),
        )
