"""Frozen values of the read side: what is asked, what a page of one city holds, what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from app.discovery.masks import FieldMask
from app.discovery.ranking import Ranking, Snapshots, Standing
from app.discovery.redeemable import Redeemable
from app.places.opening_hours import HoursPattern
from geo.bbox import Bbox
from geo.coordinates import LonLat
from geo.grid_shift import Datum

FACETS = ("category", "price", "coupon_kind", "district", "distance")
TOTAL_CAP = 1000
"""Totals are exact up to here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceFilters:
    """Which places: keys are joined by and, values of one key by or; empty filters nothing.

    ``attributes`` are (name, values); ``include_fringe`` goes with ``region_id``; ``open_at`` keeps places open at an
    instant, ``include_unknown`` those whose hours, or price where prices are asked, nobody knows as well.
    """

    categories: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    attributes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    price_from: int | None = None
    price_to: int | None = None
    text: str | None = None
    region_id: UUID | None = None
    include_fringe: bool = False
    open_now: bool = False
    open_at: datetime | None = None
    include_unknown: bool = False
    has_coupon: bool = False


@dataclass(frozen=True, slots=True)
class Serves:
    """A point, as given and in WGS 84, that a place's areas must cover; ``kinds`` of areas, none: any."""

    given: LonLat
    point: LonLat
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AroundSearch:
    """What both searches around a point share.

    A ``cell`` stands in place of the point: both are its middle then, and answers tell bands of distance.

    ``given`` are the digits as they came, in ``datum``; ``origin`` is the same point in WGS 84, seven decimals.
    The radius is in whole millimetres and its edge is inside. ``relaxed_from`` is what was asked where this is wider.
    ``area`` is one that the caller drew; ``serves`` keeps to places that serve a point.
    """

    given: LonLat
    origin: LonLat
    datum: Datum
    radius_mm: int
    filters: PlaceFilters
    limit: int
    cursor: str | None
    cell: str | None = None
    relaxed_from: AroundSearch | None = None
    area: RegionFilter | None = None
    serves: Serves | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NearbySearch(AroundSearch):
    """Places around a point; ``relax`` names what may be widened when nothing is found: radius, open_now.

    ``ranking`` None orders by distance; ``facets`` are counted beside the first page.
    """

    sort: str = "distance"
    ranking: Ranking | None = None
    collapse: bool = False
    facets: tuple[str, ...] = ()
    relax: tuple[str, ...] = ()
    fields: FieldMask | None = None
    explain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponSearch(AroundSearch):
    """Coupons around a point; ``group_deal`` None takes both sorts.

    ``redeemable``: None, ``now`` keeps those that can be used at ``use_at`` (None: at once), ``explain`` tells of all.
    """

    kinds: tuple[str, ...]
    group_deal: bool | None
    in_service_area: bool
    sort: str = "distance"
    collapse: str = "none"
    redeemable: str | None = None
    use_at: datetime | None = None
    party: int | None = None
    member_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSearch(AroundSearch):
    """Places by words, in a city, a shape, or anywhere; ``filters.text`` None takes every place of the shape.

    ``scope``: what ``origin`` is: the middle of a ``circle``, a ``box`` or a ``polygon`` that places must lie in, of
    what they are to be near (``bias``), or nothing yet where a ``region`` or a ``city`` is named. ``tells_distance``
    where the caller gave the point. ``bias_mm`` is the radius within which nearness makes no difference.
    """

    scope: str
    city: str | None = None
    bias_mm: int = 0
    tells_distance: bool = False
    fields: FieldMask | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """A city within the radius: the version that all pages read, and how near its places can be at the least."""

    city_id: int
    version: int
    lower_mm: int


@dataclass(frozen=True, slots=True)
class RegionFilter:
    """An area to keep to, in the version of its own city; ``boundary`` (WKB) is bound where another city is asked.

    ``region_id`` None: an area that the caller drew, of no city. ``fringe``: with its own city's places that lie not
    farther outside than it extends; ``bbox`` has room for them.
    """

    region_id: UUID | None
    city_id: int
    version: int
    boundary: bytes
    bbox: Bbox
    fringe: bool = False


@dataclass(frozen=True, slots=True)
class PatternsAt:
    """A bit for each hours pattern of a version: those open at an instant, and those not known to be closed."""

    opened: bytes
    not_closed: bytes


Position = tuple[int, UUID]
"""Where a page ends: distance in millimetres, then id."""
SortKey = tuple[str, int]
"""What coupons are sorted by before their distance: a currency where prices order, and a number, least first."""


class SourcePoint(NamedTuple):
    """The digits that the source gave, in its own datum."""

    datum: str
    lon: float
    lat: float


class Leg(NamedTuple):
    """How far a search by words has come: in which of its parts, and where in each lane of it."""

    number: int
    after: tuple[Position | None, ...]


class PlaceFacts(NamedTuple):
    """What the version in force states about one place; ``merchant_id`` is who runs it, if anyone does."""

    city_id: int
    place_id: UUID
    location: LonLat
    source: SourcePoint
    names: Mapping[str, str]
    category_id: str
    address: Mapping[str, Any]
    price_level: int | None
    hours: HoursPattern | None
    merchant_id: UUID | None


class PlaceCard(NamedTuple):
    """A place as lists show it: facts, names of who runs it, how many live coupons it has and the newest of them."""

    place: PlaceFacts
    merchant: Mapping[str, str] | None
    coupon_count: int
    coupons: tuple[CouponBrief, ...]


class Match(NamedTuple):
    """How a place was found by words: its ``phone``, its whole ``name``, all ``words``; nothing where none were asked.

    ``score``: millionths, by which near ones come first; None where nearness does not count.
    """

    by: str | None
    score: int | None


class PlaceHit(NamedTuple):
    """A place with its distance from the origin, and its score where that orders."""

    distance_mm: int
    card: PlaceCard
    standing: Standing | None = None
    match: Match | None = None

    @property
    def position(self) -> Position:
        """Its place in the order."""
        return self.distance_mm, self.card.place.place_id


class CouponBrief(NamedTuple):
    """A coupon as a place lists it."""

    coupon_id: UUID
    kind: str
    titles: Mapping[str, str]
    terms: Terms


class Terms(NamedTuple):
    """What a coupon costs and gives, enough for a badge and a summary; minor units of ``currency``."""

    kind: str
    currency: str
    price_minor: int
    list_price_minor: int | None
    face_value_minor: int | None
    percent_off_bp: int | None
    cap_minor: int | None
    min_spend_minor: int


@dataclass(frozen=True, slots=True)
class GroupDeal:
    """A price for several who join."""

    target: int
    seats: int
    price_minor: int


@dataclass(frozen=True, slots=True)
class CouponFacts:
    """A coupon under the terms in force."""

    city_id: int
    coupon_id: UUID
    version: int
    merchant_id: UUID
    state: str
    terms: Terms
    titles: Mapping[str, str]
    summaries: Mapping[str, str]
    time_zone: str
    claim_until: datetime
    use_until: datetime | None
    stock_left: int
    group_deal: GroupDeal | None
    fulfilment: str
    place_count: int


@dataclass(frozen=True, slots=True)
class CouponCard:
    """A coupon as lists show it, names of its merchant, and an area of its scope that covers the origin."""

    coupon: CouponFacts
    merchant: Mapping[str, str] | None
    service_area_id: UUID | None


@dataclass(frozen=True, slots=True)
class CouponHit:
    """A coupon with the nearest place where it can be used, and whether that is so at the time asked."""

    distance_mm: int
    card: CouponCard
    place: PlaceFacts
    redeemable: Redeemable | None = None


H = TypeVar("H")


class Hit(Protocol):
    """Anything with a place in the order."""

    @property
    def distance_mm(self) -> int:
        """Whole millimetres from the origin."""

    @property
    def position(self) -> Position:
        """Distance, then id."""


@dataclass(frozen=True, slots=True)
class CityPage(Generic[H]):
    """The nearest of one city past a position; ``total`` counts all of it, up to one more than the cap.

    Not ``exact``: more rows than were looked at may belong to it. ``epoch`` and ``snapshot``: those it was read under,
    where told. ``moved``: ids of hits that have moved since the first page.
    """

    hits: Sequence[H]
    total: int
    exact: bool = True
    epoch: int | None = None
    snapshot: str | None = None
    moved: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Total:
    """How many there are: exactly, or at least."""

    value: int
    exact: bool


class Relaxed(NamedTuple):
    """How far a search was widened: its radius, and whether places that are not open count."""

    radius_mm: int
    any_hours: bool


@dataclass(frozen=True, slots=True)
class Frozen:
    """What the first page settles for all that follow it; travels in the cursor."""

    origin: LonLat
    as_of: datetime
    reaches: tuple[Reach, ...]
    categories_version: int
    holidays_version: int
    brands_version: int
    region_version: int
    total: Total | None
    after: Position | None
    relaxed: Relaxed | None = None
    snapshots: Snapshots = ()
    after_score: int | None = None
    seen: str | None = None
    after_key: SortKey | None = None
    leg: Leg | None = None
