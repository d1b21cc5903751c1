"""Chinese datums against vectors published by others, and the outline that decides who is shifted."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import geo.data
from geo.coordinates import LonLat
from geo.distance import distance_m, distances_m
from geo.errors import UnknownDatum
from geo.grid_shift import (
    Datum,
    from_wgs84,
    from_wgs84_many,
    in_mainland,
    in_mainland_many,
    parse_datum,
    to_wgs84,
    to_wgs84_many,
)

points = st.builds(LonLat, st.floats(-180, 180), st.floats(-90, 90))
chinese = st.sampled_from([Datum.GCJ02, Datum.BD09])


@pytest.mark.parametrize(
    ("wgs", "gcj"),
    [
        # eviltransform's tests: Shanghai, Shenzhen, Beijing.
        ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
        ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
        ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
        # coordtransform's README.
        ((116.404, 39.915), (116.41024449916938, 39.91640428150164)),
    ],
)
def test_gcj02_equals_published_vectors(wgs: tuple[float, float], gcj: tuple[float, float]) -> None:
    assert from_wgs84(LonLat(*wgs), Datum.GCJ02).xy == pytest.approx(gcj, abs=1e-11)
    assert distance_m(to_wgs84(LonLat(*gcj), Datum.GCJ02), LonLat(*wgs)) < 1e-5


def test_bd09_equals_published_vectors() -> None:
    """coordtransform's README gives GCJ-02 to BD-09, its users' tests WGS 84 to BD-09."""
    wgs = to_wgs84(LonLat(116.404, 39.915), Datum.GCJ02)
    assert from_wgs84(wgs, Datum.BD09).xy == pytest.approx((116.41036949371029, 39.92133699351021), abs=1e-9)
    assert from_wgs84(LonLat(116.404, 39.915), Datum.BD09).xy == pytest.approx(
        (116.41662724378733, 39.922699552216216), abs=1e-11
    )


def test_a_position_in_hangzhou_as_a_map_vendor_converts_it() -> None:
    """Example answer of Alibaba Cloud's address service; its inverse is a single step (2 m)."""
    gcj, bd = LonLat(120.026268, 30.279164), LonLat(120.032768, 30.285238)
    wgs = to_wgs84(gcj, Datum.GCJ02)
    assert distance_m(wgs, LonLat(120.021519, 30.281543)) < 2
    assert distance_m(from_wgs84(wgs, Datum.BD09), bd) < 0.1


def test_the_example_of_baidus_conversion_service() -> None:
    """geoconv from=1 to=5 answers within a metre of the public formula."""
    bd = from_wgs84(LonLat(114.21892734521, 29.575429778924), Datum.BD09)
    assert distance_m(bd, LonLat(114.2307519546763, 29.57908428837437)) < 1


def mainland_grid() -> tuple[np.ndarray, np.ndarray]:
    lons, lats = np.meshgrid(np.linspace(73.013, 135.1, 211), np.linspace(18.017, 53.9, 207))
    inside = in_mainland_many(lons.ravel(), lats.ravel())
    return lons.ravel()[inside], lats.ravel()[inside]


@pytest.mark.parametrize(("datum", "least", "most"), [(Datum.GCJ02, 15, 705), (Datum.BD09, 650, 1550)])
def test_there_and_back_is_exact_all_over_the_mainland(datum: Datum, least: float, most: float) -> None:
    lons, lats = mainland_grid()
    assert len(lons) > 15_000
    shifted = from_wgs84_many(lons, lats, datum)
    metres = np.array([distances_m(a, b, c, d) for a, b, c, d in zip(lons, lats, *shifted, strict=True)])
    assert least < metres.min()
    assert metres.max() < most
    back = to_wgs84_many(*shifted, datum)
    assert np.abs(back[0] - lons).max() < 1e-12
    assert np.abs(back[1] - lats).max() < 1e-12


def test_the_inverse_is_good_to_a_micrometre_at_the_digits_of_the_input() -> None:
    point = LonLat(113.2644, 23.1291)
    again = from_wgs84(to_wgs84(point, Datum.GCJ02), Datum.GCJ02)
    assert distance_m(again, point) < 1e-6


@given(points, chinese)
def test_outside_the_mainland_the_datums_are_alike(point: LonLat, datum: Datum) -> None:
    if not in_mainland(point):
        assert from_wgs84(point, datum) == point


@given(points, chinese)
def test_shifted_positions_come_back(point: LonLat, datum: Datum) -> None:
    if in_mainland(point):
        assert distance_m(to_wgs84(from_wgs84(point, datum), datum), point) < 1e-6


def test_wgs84_is_left_alone() -> None:
    beijing = LonLat(116.4, 39.9)
    assert from_wgs84(beijing, Datum.WGS84) is beijing
    assert to_wgs84(beijing, Datum.WGS84) is beijing
    lons, lats = np.array([116.4]), np.array([39.9])
    assert to_wgs84_many(lons, lats, Datum.WGS84) == (lons, lats)
    assert from_wgs84_many(lons, lats, Datum.WGS84) == (lons, lats)


def test_digits_of_two_positions_at_the_border_are_read_as_the_one_on_the_mainland() -> None:
    """On the Hong Kong bank of the river; the same digits are those of a shifted position 604 m away in Shenzhen."""
    bank = LonLat(114.1140, 22.5295)
    assert not in_mainland(bank)
    assert from_wgs84(bank, Datum.GCJ02) == bank
    read = to_wgs84(bank, Datum.GCJ02)
    assert in_mainland(read)
    assert distance_m(read, bank) == pytest.approx(604, abs=1)
    assert distance_m(from_wgs84(read, Datum.GCJ02), bank) < 1e-6


MAINLAND = {
    "Shanghai Bund": (121.4900, 31.2400),
    "Shanghai Lingang": (121.9300, 30.9000),
    "Yangshan port": (122.0700, 30.6200),
    "Chongming": (121.7000, 31.6000),
    "Zhoushan": (122.2000, 30.0000),
    "Hangzhou": (120.1700, 30.2500),
    "Ningbo Beilun": (121.8500, 29.9300),
    "Xiamen": (118.0800, 24.4500),
    "Gulangyu": (118.0620, 24.4470),
    "Xiamen Xiang'an": (118.2500, 24.6000),
    "Pingtan": (119.7900, 25.5000),
    "Lianjiang Huangqi": (119.8800, 26.3300),
    "Shenzhen Luohu port": (114.1150, 22.5345),
    "Shenzhen Futian port": (114.0690, 22.5185),
    "Shenzhen Shekou": (113.9150, 22.4800),
    "Shenzhen Bay port": (113.9450, 22.5000),
    "Shenzhen Yantian": (114.2700, 22.5750),
    "Shenzhen Nan'ao": (114.4850, 22.5350),
    "Zhuhai Gongbei": (113.5500, 22.2200),
    "Zhuhai Hengqin": (113.5300, 22.1300),
    "Zhuhai Wanzai": (113.5220, 22.1980),
    "Qingdao": (120.3800, 36.0600),
    "Dalian": (121.6100, 38.9100),
    "Dandong": (124.3900, 40.1290),
    "Haikou": (110.3300, 20.0300),
    "Sanya": (109.5000, 18.2500),
    "Beihai Weizhou": (109.1200, 21.0400),
    "Dongxing": (107.9720, 21.5480),
    "Heihe": (127.4900, 50.2450),
    "Suifenhe": (131.1500, 44.4000),
    "Tumen": (129.8430, 42.9660),
    "Hekou": (103.9400, 22.5300),
    "Ruili": (97.8500, 24.0100),
    "Horgos": (80.4200, 44.2100),
    "Kashgar": (75.9900, 39.4700),
    "Urumqi": (87.6000, 43.8000),
    "Lhasa": (91.1100, 29.6500),
    "Harbin": (126.6300, 45.7500),
}
ELSEWHERE = {
    "Hong Kong": (114.1700, 22.3200),
    "Hong Kong airport": (113.9200, 22.3100),
    "Hong Kong Lo Wu": (114.1130, 22.5280),
    "Hong Kong Lok Ma Chau": (114.0655, 22.5130),
    "Hong Kong Sha Tau Kok": (114.2230, 22.5430),
    "Hong Kong Tung Ping Chau": (114.4330, 22.5430),
    "Macau": (113.5450, 22.1900),
    "Macau border gate": (113.5490, 22.2120),
    "Macau Taipa": (113.5600, 22.1550),
    "Macau Coloane": (113.5600, 22.1200),
    "Taipei": (121.5600, 25.0400),
    "Kaohsiung": (120.3000, 22.6300),
    "Penghu": (119.5700, 23.5700),
    "Kinmen": (118.3200, 24.4400),
    "Little Kinmen": (118.2400, 24.4300),
    "Matsu Nangan": (119.9400, 26.1500),
    "Matsu Beigan": (119.9900, 26.2200),
    "Dongyin": (120.4900, 26.3700),
    "Sinuiju": (124.4000, 40.1000),
    "Vladivostok": (131.9000, 43.1200),
    "Blagoveshchensk": (127.5300, 50.2700),
    "Mong Cai": (107.9700, 21.5200),
    "Lao Cai": (103.9700, 22.4800),
    "Hanoi": (105.8500, 21.0300),
    "Kathmandu": (85.3200, 27.7200),
    "Ulan Bator": (106.9000, 47.9000),
    "Almaty": (76.9000, 43.2500),
    "Seoul": (127.0000, 37.5600),
    "Naha": (127.6800, 26.2100),
    "Manila": (120.9800, 14.6000),
}


@pytest.mark.parametrize("name", MAINLAND)
def test_places_of_the_mainland_are_shifted(name: str) -> None:
    point = LonLat(*MAINLAND[name])
    assert in_mainland(point)
    assert 10 < distance_m(from_wgs84(point, Datum.GCJ02), point) < 710


@pytest.mark.parametrize("name", ELSEWHERE)
def test_places_elsewhere_are_not(name: str) -> None:
    point = LonLat(*ELSEWHERE[name])
    assert not in_mainland(point)
    assert from_wgs84(point, Datum.GCJ02) == point
    assert from_wgs84(point, Datum.BD09) == point


@pytest.mark.parametrize("name", ["Hong Kong", "Macau", "Taipei", "Kinmen", "Seoul", "Naha"])
def test_chinese_digits_far_from_the_mainland_are_read_as_they_are(name: str) -> None:
    point = LonLat(*ELSEWHERE[name])
    assert to_wgs84(point, Datum.GCJ02) == point


def test_names_of_datums_are_read_strictly() -> None:
    assert parse_datum("gcj02") is Datum.GCJ02
    for bad in ("GCJ02", "", "gcj-02", "wgs84 ", "cgcs2000"):
        with pytest.raises(UnknownDatum) as refused:
            parse_datum(bad)
        assert refused.value.pointer == "/datum"


def test_the_outline_is_compact_and_says_where_it_comes_from() -> None:
    path = Path(geo.data.__path__[0]) / "mainland_china.geojson"
    assert path.stat().st_size < 65_000
    assert "CC0" in json.loads(path.read_text("utf-8"))["properties"]["source"]


@pytest.mark.parametrize("lonlat", [(0, -90), (0, 90), (77, 90), (180, 0), (-180, -17), (13.4, 52.5)])
@pytest.mark.parametrize("datum", list(Datum))
def test_far_from_china_all_datums_are_one(lonlat: tuple[float, float], datum: Datum) -> None:
    point = LonLat(*lonlat)
    assert to_wgs84(point, datum) == point
    assert from_wgs84(point, datum) == point


@pytest.mark.parametrize(
    ("wgs", "gcj", "bd"),
    [
        # From gcoord's table of Chinese cities: Nagqu, Shenyang, Shantou, Quanzhou, Xilinhot, Jiuquan.
        ((92.0499619, 31.4784436), (92.0512438, 31.4762063), (92.0576832, 31.4824421)),
        ((123.4253306, 41.8032629), (123.4314787, 41.8057023), (123.438095, 41.8114013)),
        ((116.6775114, 23.3567569), (116.6819735, 23.3540964), (116.6885014, 23.3598884)),
        ((118.6711365, 24.8770487), (118.6756787, 24.8741363), (118.6821251, 24.8804872)),
        ((116.0414035, 43.9312805), (116.0482308, 43.9334573), (116.0546232, 43.9397782)),
        ((98.4937175, 39.7319946), (98.4943595, 39.7328234), (98.5008441, 39.7388949)),
    ],
)
def test_published_cities_are_met_within_a_metre_in_all_three_datums(
    wgs: tuple[float, float], gcj: tuple[float, float], bd: tuple[float, float]
) -> None:
    assert distance_m(from_wgs84(LonLat(*wgs), Datum.GCJ02), LonLat(*gcj)) < 1
    assert distance_m(from_wgs84(LonLat(*wgs), Datum.BD09), LonLat(*bd)) < 1
    assert distance_m(to_wgs84(LonLat(*gcj), Datum.GCJ02), LonLat(*wgs)) < 1
    assert distance_m(to_wgs84(LonLat(*bd), Datum.BD09), LonLat(*wgs)) < 1


def test_the_inverses_that_gcoord_publishes() -> None:
    """The unit tests of gcoord for 123° E, 45° N, compared by them to five decimals."""
    assert to_wgs84(LonLat(123, 45), Datum.GCJ02).xy == pytest.approx((122.99395597, 44.99804071), abs=5e-6)
    assert to_wgs84(LonLat(123, 45), Datum.BD09).xy == pytest.approx((122.98762210, 44.99171540), abs=5e-6)


def stepped(goal: tuple[np.ndarray, np.ndarray], steps: int, datum: Datum) -> tuple[np.ndarray, np.ndarray]:
    """The textbook iteration with nothing but the forward formula."""
    guess = goal
    for _ in range(steps):
        reached = from_wgs84_many(*guess, datum)
        guess = guess[0] - (reached[0] - goal[0]), guess[1] - (reached[1] - goal[1])
    return guess


def test_one_step_errs_by_metres_and_five_steps_by_less_than_a_micrometre() -> None:
    lons, lats = mainland_grid()
    # A shift's length inside the border the forward formula holds all along the way.
    deep = np.all([in_mainland_many(lons + dx, lats + dy) for dx in (-0.03, 0.03) for dy in (-0.03, 0.03)], axis=0)
    lons, lats = lons[deep], lats[deep]
    gcj = from_wgs84_many(lons, lats, Datum.GCJ02)
    errors = {}
    for steps in (1, 5):
        back = stepped(gcj, steps, Datum.GCJ02)
        errors[steps] = max(distances_m(a, b, c, d) for a, b, c, d in zip(lons, lats, *back, strict=True))
    assert 2 < errors[1] < 5
    assert errors[5] < 1e-6
    ours = to_wgs84_many(*gcj, Datum.GCJ02)
    assert max(distances_m(a, b, c, d) for a, b, c, d in zip(lons, lats, *ours, strict=True)) < 1e-7


@pytest.mark.parametrize("datum", [Datum.GCJ02, Datum.BD09])
def test_whole_degrees_in_whole_numbers_are_not_cut_off(datum: Datum) -> None:
    for convert in (to_wgs84_many, from_wgs84_many):
        whole = convert(np.array([116, 2]), np.array([39, 48]), datum)  # type: ignore[arg-type]
        exact = convert(np.array([116.0, 2.0]), np.array([39.0, 48.0]), datum)
        assert [part.tolist() for part in whole] == [part.tolist() for part in exact]
        assert whole[0][0] != 116


@pytest.mark.parametrize("datum", list(Datum))
def test_what_is_no_position_goes_through_unchanged_and_harms_no_other(datum: Datum) -> None:
    lons, lats = np.array([np.nan, np.inf, 116.4, 500.0]), np.array([39.9, np.nan, 39.9, -500.0])
    for convert in (to_wgs84_many, from_wgs84_many):
        new_lons, new_lats = convert(lons, lats, datum)
        assert np.isnan(new_lons[0])
        assert (new_lons[1], new_lons[3], new_lats[3]) == (np.inf, 500, -500)
        alone = convert(lons[2:3], lats[2:3], datum)
        assert (new_lons[2], new_lats[2]) == (alone[0][0], alone[1][0])
    assert lons.tolist()[2:] == [116.4, 500.0]  # the given arrays are left as they were


@given(st.lists(points, min_size=1, max_size=8), chinese)
def test_many_positions_are_shifted_as_single_ones_are(places: list[LonLat], datum: Datum) -> None:
    lons, lats = np.array([p.lon for p in places]), np.array([p.lat for p in places])
    for one, many in ((to_wgs84, to_wgs84_many), (from_wgs84, from_wgs84_many)):
        assert [LonLat(a, b) for a, b in zip(*many(lons, lats, datum), strict=True)] == [one(p, datum) for p in places]
