"""Which column of a foreign file holds which of our properties: declared by the sender, else guessed by its name.

A guess is told as one, and only made where the values of the first rows bear it out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.imports.members import BASEMAP, PLACE, REGION

CONSTANT: Final = "="
WORLD_KINDS: Final = frozenset({"categories", "brands", "holidays"})


def _words(**lists: str) -> dict[str, tuple[str, ...]]:
    return {name.replace("__", "."): tuple(words.split()) for name, words in lists.items()}


SHAPE: Final = _words(
    lon="lon lng long longitude loncoord 经度 längengrad",
    lat="lat latitude latcoord 纬度 breitengrad",
    x="x xcoord xcoordinate easting coordx pointx",
    y="y ycoord ycoordinate northing coordy pointy",
    latlon="latlon latlng location geolocation position coordinates geopoint geopoint2d geocoordinates 坐标",
    lonlat="lonlat lnglat longlat location center centerpoint",
    geometry="wkt geometry geom thegeom wkb ewkb wkbgeometry shape fence boundary geographie geojson",
)
_KEYS: Final = (
    "sourcekey sourceid id osmid placeid poiid uid uuid gmlid globalid recordid locationid objectid identifier key 编号"
)
_NAMES: Final = (
    "name nameloc namelocal title label displayname tradingname businessname shopname storename placename poiname"
    " facilityname applicant 名称 店名 商户名称 商户名 nom nombre nome bezeichnung nimi"
)
_PLACES: Final = _words(
    source_key=_KEYS,
    name=_NAMES,
    category_id="categoryid",
    category=(
        "category primarycategory fclass subcategory typecode amenity shop type kind class facilitytype industry"
        " industryanzsic4description categories 类别 分类 类型 typ categorie kategorie"
    ),
    alternate_category_ids="alternatecategoryids",
    brand_id="brandid",
    address__street=(
        "street addrstreet streetname streetaddress address addressline addressline1 buildingaddress"
        " 地址 adresse strasse"
    ),
    address__house_number="housenumber addrhousenumber streetnumber hausnummer",
    address__postcode="postcode addrpostcode postalcode zipcode zip plz 邮编",
    address__city="city addrcity town locality 城市 ort",
    address__district="district addrdistrict cluesmallarea 区 区县",
    address__suburb="suburb addrsuburb subdistrict addrsubdistrict 街道",
    phone="phone tel telephone phonenumber contactphone 电话",
    website="website url web homepage contactwebsite 网址",
    opening_hours="openinghours hours businesshours dayshours 营业时间",
    workday_calendar="workdaycalendar",
    price_level="pricelevel",
    closed="closed permanentlyclosed",
)
_REGIONS: Final = _words(
    source_key="sourcekey sourceid osmid gmlid globalid",
    region_code="regioncode code adcode ags pcode gid shn ref iso31662 borocode 行政区划代码 区划代码 filename",
    names__local=_NAMES + " boroname bezirk district regionname filename",
    kind="kind regionkind",
    admin_level="adminlevel level",
    parent_key="parentkey parent parentid parentcode",
    note="note",
    demo="demo",
    extend_m="extendm",
)
_BASEMAP: Final = _words(layer="layer", name="name", min_zoom="minzoom", **{"class": "class fclass"})
PROPERTIES: Final = {"places": _PLACES, "regions": _REGIONS, "basemap": _BASEMAP}
_OURS: Final = {"places": PLACE, "regions": REGION, "basemap": BASEMAP}
_GROUPS: Final = frozenset({"names", "address", "attributes"})
_LANGUAGE_COLUMN: Final = re.compile(r"(?:names?|title)[._: -]?\(?([a-z]{2}(?:[-_][A-Za-z]{2,4})?)\)?", re.I)
_ADM_COLUMN: Final = re.compile(r"adm(\d)_(en|zh|pcode|name)", re.I)
_POINT: Final = re.compile(r"\s*[\[(]?\s*([-+]?\d+(?:\.\d+)?)\s*[,; ]\s*([-+]?\d+(?:\.\d+)?)\s*[\])]?\s*")
_WKT: Final = re.compile(
    r"\s*(SRID=\d+;\s*)?(MULTI)?(POINT|LINESTRING|POLYGON|GEOMETRYCOLLECTION)\s*Z?M?\s*(\(|EMPTY)", re.I
)
_HEX: Final = re.compile(r"0[01][0-9A-Fa-f]{18,}")
_POINT_WITH_COMMAS: Final = re.compile(r"\s*[\[(]?\s*([-+]?\d+,\d+)\s*[; ]\s*([-+]?\d+,\d+)\s*[\])]?\s*")
_NUMBER: Final = re.compile(r"\s*[-+]?\d+([.,]\d+)?([eE][-+]?\d+)?\s*")


def plain(name: str) -> str:
    """A column's name without case, blanks and signs."""
    return "".join(char for char in name.casefold() if char.isalnum())


_STRONG_KEYS: Final = frozenset({"osmid", "placeid", "poiid", "uuid", "gmlid", "globalid"})
_KNOWN: Final = frozenset(
    word for table in (SHAPE, *PROPERTIES.values()) for words in table.values() for word in words if len(word) > 1
)


def is_known(cell: str) -> bool:
    """True for a word that some property of ours is guessed by: the row it stands in is a header."""
    return plain(cell) in _KNOWN


def point_of(text: str) -> tuple[float, float] | None:
    """Both numbers of a cell with a position, in its order; with decimal commas there is another sign between."""
    match = _POINT.fullmatch(text) or _POINT_WITH_COMMAS.fullmatch(text)
    return (float(match[1].replace(",", ".")), float(match[2].replace(",", "."))) if match else None


def is_point_with_commas(text: str) -> bool:
    """True for a cell with a position in decimal commas."""
    return _POINT_WITH_COMMAS.fullmatch(text) is not None


def is_shape(text: str) -> bool:
    """True for well-known text, and well-known binary in hexadecimal digits."""
    return bool(_WKT.match(text) or _HEX.fullmatch(text))


@dataclass(frozen=True, slots=True)
class Guess:
    """Our properties with the columns they come from, and which of these nobody declared.

    ``unfit_keys`` says of each column that looks like a key and is none, why, and what is the key instead.
    """

    used: Mapping[str, str]
    guessed: frozenset[str]
    unfit_keys: tuple[str, ...] = ()

    def unused(self, columns: Iterable[str]) -> tuple[str, ...]:
        """The columns that nothing is read from."""
        taken = set(self.used.values())
        return tuple(name for name in columns if name not in taken)


def guess(
    kind: str, columns: Sequence[str], sample: Sequence[Mapping[str, Any]], declared: Mapping[str, str], *, shapes: bool
) -> Guess:
    """The mapping of a file; ``shapes`` says that it brings shapes of its own, so no column has to hold them."""
    look = _Look(columns, sample, set(declared.values()))
    found = {name: name for name in look.named_as_ours(kind) if name not in declared}
    if not shapes:
        found |= look.shape_columns(declared.keys() & SHAPE.keys())
    for name, words in PROPERTIES.get(kind, {}).items():
        if name not in declared and name not in found:
            column = look.named(words, unique=name == "source_key")
            if column is not None:
                found[name] = column
                # One column may be key, code and name of an area; elsewhere each is used once.
                if kind != "regions" or name not in ("source_key", "region_code"):
                    look.taken.add(column)
    if kind != "basemap":
        found |= {name: column for name, column in look.languages() if name not in declared}
    if kind == "regions":
        found |= {name: column for name, column in look.pcodes().items() if name not in declared and name not in found}
    if "source_key" not in found and "source_key" not in declared and kind in ("places", "regions"):
        code = found.get("region_code") or declared.get("region_code")
        is_key = code is not None and look.is_key(code)
        column = code if is_key else look.named(_KEYS.split(), unique=True) or look.any_key() or code
        if column is not None:
            found["source_key"] = column
    if kind == "regions" and "region_code" not in {*found, *declared} and "source_key" in {*found, *declared}:
        found["region_code"] = declared.get("source_key") or found["source_key"]
    return Guess({**found, **declared}, frozenset(found), tuple(look.unfit_keys(kind, found.get("source_key"))))


class _Look:
    """The columns of a file with the values of its first rows."""

    def __init__(self, columns: Sequence[str], sample: Sequence[Mapping[str, Any]], taken: set[str]) -> None:
        self._columns = columns
        self._by_word: dict[str, str] = {}
        for column in columns:
            self._by_word.setdefault(plain(column), column)
        self._sample = sample
        self._unfit: dict[str, str] = {}
        self.taken = taken

    def values(self, column: str) -> list[Any]:
        return [row[column] for row in self._sample if row.get(column) not in (None, "")]

    def named(self, words: Iterable[str], *, unique: bool = False) -> str | None:
        for word in words:
            column = self._by_word.get(word)
            if column is not None and column not in self.taken and self.values(column):
                if unique and not self.is_key(column):
                    self._unfit[column] = self._said(column)
                    continue
                return column
        return None

    def named_as_ours(self, kind: str) -> Iterable[str]:
        """Columns that are called exactly like a property of ours, or `address.city` like a member of one."""
        ours = _OURS.get(kind, frozenset())
        for column in self._columns:
            group, _, member = column.partition(".")
            if column not in self.taken and (column in ours or (member and group in ours & _GROUPS)):
                self.taken.add(column)
                yield column

    def any_key(self) -> str | None:
        """A column that is called like a key and is one."""
        for column in self._columns:
            if plain(column).endswith(("id", "code", "key", "nr", "编码", "代码")):
                if self.is_key(column):
                    return column
                # What most rows share, as a postcode or a category's id, is nobody's idea of a key.
                if column not in self.taken and 2 * sum(self._counted(column)) <= len(self._sample):
                    self._unfit[column] = self._said(column)
        return None

    def is_key(self, column: str) -> bool:
        """True when every row has a value of its own there."""
        lacking, repeated = self._counted(column)
        # Some sources give a thing twice, once for each of its kinds; the second row is refused later on.
        allowed = 0.03 * len(self._sample) if plain(column) in _STRONG_KEYS else 0
        return bool(self._sample) and not lacking and repeated <= allowed

    def unfit_keys(self, kind: str, key: str | None) -> Iterable[str]:
        """A sentence on each column that was no key; ``key`` is the column that is one."""
        none = "the key is made of name and position" if kind == "places" else "there is no other"
        instead = none if key is None else f"{key} is the key"
        for column, said in self._unfit.items():
            if column != key:
                yield f"{column} looks like a key, but {said}; {instead}. To take it anyway, map source_key={column}"

    def _counted(self, column: str) -> tuple[int, int]:
        """How many rows have no value there, and how many one that came before."""
        values = [str(value) for value in self.values(column)]
        return len(self._sample) - len(values), len(values) - len(set(values))

    def _said(self, column: str) -> str:
        rows, (lacking, repeated) = len(self._sample), self._counted(column)
        told = [(repeated, "repeat a value of one before"), (lacking, "have none")]
        return f"of the first {rows:,} rows " + " and ".join(f"{n / rows:.1%} {what}" for n, what in told if n)

    def shape_columns(self, declared: Collection[str]) -> dict[str, str]:
        """What is not ``declared`` of where the rows are; of a pair its other half."""
        for pair in (("lon", "lat"), ("x", "y")):
            wanted = [name for name in pair if name not in declared]
            if len(wanted) < len(pair) or not declared:
                columns = [self.named(SHAPE[name]) for name in wanted]
                if None not in columns and all(self._mostly(str(column), _NUMBER.fullmatch) for column in columns):
                    self.taken |= {str(column) for column in columns}
                    return {name: str(column) for name, column in zip(wanted, columns, strict=True)}
        if declared:
            return {}
        for column in self._columns:
            texts = [str(value) for value in self.values(column)]
            if texts and sum(map(is_shape, texts)) >= 0.8 * len(texts):
                self.taken.add(column)
                return {"geometry": column}
        for column in self._columns:
            if plain(column) in (*SHAPE["latlon"], *SHAPE["lonlat"]) and self._mostly(column, point_of):
                self.taken.add(column)
                return {self._order(column): column}
        return {}

    def _order(self, column: str) -> str:
        """A first number beyond 90 is a longitude; otherwise latitude comes first, unless the name says it doesn't."""
        points = [point for value in self.values(column) if (point := point_of(str(value))) is not None]
        if any(abs(first) > 90 for first, _ in points):
            return "lonlat"
        if any(abs(second) > 90 for _, second in points):
            return "latlon"
        return "lonlat" if plain(column) in ("lonlat", "lnglat", "longlat") else "latlon"

    def _mostly(self, column: str, fits: Callable[[str], object]) -> bool:
        values = self.values(column)
        return bool(values) and sum(bool(fits(str(value))) for value in values) >= 0.8 * len(values)

    def languages(self) -> Iterable[tuple[str, str]]:
        for column in self._columns:
            match = _LANGUAGE_COLUMN.fullmatch(column.strip())
            if match is not None and column not in self.taken and self.values(column):
                self.taken.add(column)
                yield f"names.{_language(match[1])}", column

    def pcodes(self) -> dict[str, str]:
        """Columns of the United Nations' boundaries, ADM2_PCODE, ADM2_EN, ADM2_ZH; the lowest level counts."""
        levels = [
            (int(match[1]), match[2].lower(), column)
            for column in self._columns
            if (match := _ADM_COLUMN.fullmatch(column))
        ]
        lowest = max((level for level, _, _ in levels), default=None)
        called = {"en": "names.en", "zh": "names.zh-Hans", "name": "names.local", "pcode": "region_code"}
        return {called[what]: column for level, what, column in levels if level == lowest}


def _language(text: str) -> str:
    base, _, more = text.replace("_", "-").partition("-")
    base = base.lower()
    if base == "zh":
        return "zh-Hant" if more.lower() in ("hant", "tw", "hk") else "zh-Hans"
    return f"{base}-{more}" if more else base
