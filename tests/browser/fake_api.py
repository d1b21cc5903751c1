"""A stand-in for the JSON API with places drawn by hand around one point.

For states that the real server can't be asked for.

Distances are written here as the answer gives them; nothing is computed, so the page can't agree by sharing a formula.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, jsonify, request

from app.web.pages import create_pages
from tests.browser.fake_regional import add_regional
from tests.browser.fake_shop import Shop, add_shop
from tests.browser.fake_statements import add_statements
from tests.browser.fake_till import add_till

POINT = {"lon": 120.16, "lat": 30.25}
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
JSON = dict[str, Any]

CATEGORIES: list[JSON] = [
    {"category_id": "food", "parent_id": None, "name": "Food & drink", "has_children": True},
    {"category_id": "shop", "parent_id": None, "name": "Shops", "has_children": False},
    {"category_id": "restaurant", "parent_id": "food", "name": "Restaurants", "has_children": True},
    {"category_id": "cafe", "parent_id": "food", "name": "Cafés", "has_children": False},
    {"category_id": "chinese_restaurant", "parent_id": "restaurant", "name": "Chinese", "has_children": False},
]
CITY: JSON = {
    "city_id": 2,
    "slug": "hangzhou",
    "name": "杭州",
    "lang": "zh-Hans",
    "names": {"zh-Hans": "杭州", "en": "Hangzhou"},
    "centre": POINT,
    "zoom": 14,
    "bbox": [118.3, 29.1, 120.8, 30.6],
    "time_zone": "Asia/Shanghai",
    "currency": "CNY",
    "attribution": ["© OpenStreetMap contributors", "Hangzhou Areas (CC BY 4.0)"],
    "place_count": 45,
    "coupon_count": 3,
}
BERLIN: JSON = {
    **CITY,
    "city_id": 3,
    "slug": "berlin",
    "name": "Berlin",
    "lang": "de",
    "names": {"de": "Berlin"},
    "centre": {"lon": 13.4, "lat": 52.52},
    "bbox": [13.0, 52.3, 13.8, 52.7],
    "time_zone": "Europe/Berlin",
    "currency": "EUR",
}
OSM = "© OpenStreetMap contributors"
TILE_CREDITS = {"basemap": OSM, "places": OSM, "regions": f"{OSM} · Amt für Statistik Berlin-Brandenburg"}
NAMES = ["外婆家", "Tent Bar", HOSTILE, "知味观", "Blue Bottle", "楼外楼", "新周记", "弄堂里", "绿茶餐厅"]
STATES = ["open", "closed", "unknown"]


def coupon_brief(number: int) -> JSON:
    """A coupon as a place lists it."""
    return {"coupon_id": f"coupon-{number}", "kind": "amount_off", "title": "满100减20", "badge": "−¥20"}


def place(number: int) -> JSON:
    """Place ``number`` (0 is nearest), 37.5 m further out each; every third has a coupon."""
    with_coupon = number % 3 == 0
    state = STATES[number % 3]
    return {
        "place_id": f"place-{number}",
        "city_id": 2,
        "name": NAMES[number] if number < len(NAMES) else f"Place {number}",
        "lang": "zh-Hans",
        "names": {"zh-Hans": "外婆家", "en": "Grandma's Home"},
        "category": {"category_id": "restaurant", "name": "Restaurants"},
        "location": {"lon": POINT["lon"] + 0.0004 * number, "lat": POINT["lat"] + 0.0001 * (number % 5)},
        "distance_m": 12.5 + 37.5 * number,
        "address": {"text": "湖滨路 28 号"},
        "hours": {"state": state, "next_change_at": None if state == "unknown" else "2030-01-07T22:00:00+08:00"},
        "merchant": {"merchant_id": "merchant-1", "name": "外婆家"} if with_coupon else None,
        "coupons": [coupon_brief(number)] if with_coupon else [],
        "coupon_count": 1 if with_coupon else 0,
    }


def place_detail(number: int) -> JSON:
    """The same place with everything its sheet shows; the website is one the page must not link to."""
    found = place(number)
    day = [{"from": "11:00", "until": "14:00"}, {"from": "17:00", "until": "22:00"}]
    return {
        **found,
        "hours": {**found["hours"], "week": [day, day, day, day, day, [{"from": "00:00", "until": "24:00"}], []]},
        "phone": "+86 571 8710 1717",
        "website": "javascript:document.title='owned'" if number == 2 else "https://example.com/menu",
        "opening_hours": "Mo-Fr 11:00-14:00,17:00-22:00; Sa 00:00-24:00; Su off",
        "time_zone": "Asia/Shanghai",
        "attributes": {},
        "brand": None,
        "categories": CATEGORIES[:3],
        "regions": [
            {"region_id": "r1", "kind": "admin", "name": "浙江省"},
            {"region_id": "r2", "kind": "business_district", "name": "湖滨商圈", "demo": True},
        ],
        "source": {"name": "OpenStreetMap", "licence": "ODbL-1.0", "attribution": "© OpenStreetMap contributors"},
        "dataset_version": 1,
    }


def coupon(number: int) -> JSON:
    """A coupon of place ``number``, as the deals tab lists it."""
    return {
        "coupon_id": f"coupon-{number}",
        "city_id": 2,
        "version": 1,
        "kind": "amount_off",
        "title": HOSTILE if number == 3 else "满100减20",
        "lang": "zh-Hans",
        "summary": "全场通用",
        "badge": "−¥20",
        "price": {"amount_minor": 0, "currency": "CNY"},
        "face_value": {"amount_minor": 2000, "currency": "CNY"},
        "percent_off_bp": None,
        "min_spend": {"amount_minor": 10000, "currency": "CNY"},
        "cap": None,
        "claim_until": "2030-01-07T00:00:00+08:00",
        "use_until": "2030-02-07T00:00:00+08:00",
        "stock_left": 7,
        "group_deal": {"target": 3, "seats": 5, "price": {"amount_minor": 1250, "currency": "CNY"}},
        "fulfilment": "in_store",
        "merchant": {"merchant_id": "merchant-1", "name": "外婆家"},
        "distance_m": 12.5 + 37.5 * number,
        "place": place(number),
        "place_count": 2,
        "service_area_id": None,
    }


# Coupons whose claiming differs, by number; all others are free and claimed anywhere.
SPECIAL: dict[int, JSON] = {
    30: {"kind": "voucher", "price": 4000, "terms": {"per_member": 5, "refund_policy": "unused_and_expired"}},
    33: {"kind": "gift", "terms": {"per_member": 1, "claim_within_m": 300}},
    36: {"kind": "gift", "terms": {"per_member": 1}, "stock_left": 0},
    39: {"kind": "package", "terms": {"per_member": 1, "units": 5}},
    42: {"kind": "gift", "terms": {"per_member": 1, "per_device": 1}},
}


def coupon_detail(number: int) -> JSON:
    """A coupon with its terms and places; those of SPECIAL have no group deal."""
    found = {**coupon(number), "state": "published", "terms": {"per_member": 2, "units": 1}}
    special = SPECIAL.get(number)
    if special is not None:
        price = {"amount_minor": special.get("price", 0), "currency": "CNY"}
        found |= {"title": f"外婆家券 {number}", "group_deal": None} | special | {"price": price}
    return {**found, "places": [place(number), place(number + 1)]}


def _listing(found: list[JSON], limit: int = 20) -> Response:
    first = int(request.args.get("cursor", "0"))
    rest = len(found) > first + limit
    return jsonify(
        items=found[first : first + limit],
        next_cursor=str(first + limit) if rest else None,
        total={"value": len(found), "relation": "eq"},
        applied={"attribution": ["© OpenStreetMap contributors", "Stadt Hangzhou"]},
    )


def _places() -> Response:
    found = [place(number) for number in range(45)]
    radius = float(request.args.get("radius_m", "3000"))
    found = [each for each in found if each["distance_m"] <= radius]
    if request.args.get("open_now") == "true":
        unknown = request.args.get("include_unknown") == "true"
        found = [e for e in found if e["hours"]["state"] == "open" or (unknown and e["hours"]["state"] == "unknown")]
    if request.args.get("has_coupon") == "true":
        found = [each for each in found if each["coupon_count"]]
    if request.args.get("category") == "shop" or request.args["lat"].startswith("52"):
        found = []
    return _listing(found)


def _coupons() -> Response:
    return _listing([coupon(number) for number in (0, 3, 6)])


def fake_app(shop: Shop) -> Flask:
    """The real pages over canned answers; tiles are empty."""
    app = Flask("fake", static_folder=None)
    app.config["DEMO"] = True
    app.register_blueprint(create_pages())
    no_tiles = Response(status=204)
    routes: dict[str, Any] = {
        "/v1/cities": lambda: _listing([CITY, BERLIN]),
        "/v1/categories": lambda: _listing(CATEGORIES),
        "/v1/places/nearby": _places,
        "/v1/coupons/nearby": _coupons,
        "/v1/places/place-<int:number>": lambda number: jsonify(place_detail(number)),
        "/v1/coupons/coupon-<int:number>": lambda number: jsonify(coupon_detail(number)),
        "/v1/tiles/<layer>.json": lambda layer: jsonify(
            tilejson="3.0.0", minzoom=12, maxzoom=14, attribution=TILE_CREDITS[layer]
        ),
        "/v1/tiles/<layer>/<int:z>/<int:x>/<int:y>.mvt": lambda **_: no_tiles,
        "/openapi.json": lambda: jsonify(openapi="3.1.0", info={"title": "Fujin", "version": "1"}, paths={}),
    }
    for number, (rule, view) in enumerate(routes.items()):
        app.add_url_rule(rule, endpoint=f"fake{number}", view_func=view)
    add_shop(app, shop, lambda coupon_id: coupon_detail(int(coupon_id.removeprefix("coupon-"))))
    add_till(app, shop)
    add_statements(app)
    app.extensions["regional"] = add_regional(app, shop)
    return app
