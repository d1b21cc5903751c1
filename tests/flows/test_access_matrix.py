"""Every operation × every role × {own, other merchant's, other city's, missing}, generated from the API document.

What a role may do is read from the document (``x-roles``, ``security``); what it owns stands in ``things``. Foreign
things must answer exactly as missing ones: same status, same body but for the request id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.core.ids import new_city_id, new_id
from app.core.settings import Settings
from app.imports.demo.people import PARTNER_CLIENT_ID
from tests.flows.access import ROLES, WRITES, Answered, Case, admitted, alike, ask, operations
from tests.flows.api_campaign import REPORTS, VERSION, WHY_NOT
from tests.flows.area_cases import ALL as ALL_AREAS
from tests.flows.area_cases import AREA, PLAN, REVIEWS, SQUARE
from tests.flows.geofence_cases import EVENT, FENCE, SAVED
from tests.flows.made_things import Made

SEE_ALL = ("operator1", "operator2", "admin")
OWNERS_OF_MERCHANT_1 = {"staff1", "owner1", "partner1"}


def flow_things(ours: Made, theirs: Made) -> dict[str, dict[str, Case]]:
    """The same for the routes of the loop."""
    by_request = "/v1/redemptions/by-request/{request_no}"
    claim = {
        "own": Case({"claim_id": ours.active_claim}, frozenset({"member1"})),
        "other's": Case({"claim_id": theirs.active_claim}, frozenset()),
        "missing": Case({"claim_id": str(new_city_id(2))}, frozenset()),
    }

    def merchants(name: str, own: str, other: str, nothing: str, seen: set[str]) -> dict[str, Case]:
        return {
            "own": Case({name: own}, frozenset(seen)),
            "other merchant's": Case({name: other}, frozenset({"owner2"})),
            "missing": Case({name: nothing}, frozenset()),
        }

    tills, owners = OWNERS_OF_MERCHANT_1, OWNERS_OF_MERCHANT_1 - {"staff1"}
    asked = f"{by_request}?place_id={{place_id}}"
    return {
        **{f"/v1/claims/{{claim_id}}{ending}": claim for ending in ("", "/code", "/qr.svg")},
        "/v1/places/{place_id}/presence-code": merchants(
            "place_id", ours.place, theirs.place, str(new_city_id(2)), tills
        ),
        "/v1/groups/{group_id}": {
            "own": Case({"group_id": ours.group}, frozenset({"member1", *tills})),
            "other's": Case({"group_id": theirs.group}, frozenset({"owner2"})),
            "missing": Case({"group_id": str(new_city_id(2))}, frozenset()),
        },
        "/v1/redemptions/{redemption_id}": merchants(
            "redemption_id", ours.redemption, theirs.redemption, str(new_city_id(2)), tills
        ),
        by_request: {
            "own": Case({"": asked, "request_no": ours.request_no, "place_id": ours.place}, frozenset(tills)),
            "other merchant's": Case(
                {"": asked, "request_no": theirs.request_no, "place_id": theirs.place}, frozenset({"owner2"})
            ),
            "missing": Case({"": asked, "request_no": "never", "place_id": str(new_city_id(2))}, frozenset()),
        },
        "/v1/payments/{payment_id}": {
            **merchants("payment_id", ours.payment, theirs.payment, str(new_city_id(2)), tills),
            "own claim's": Case({"payment_id": ours.claim_payment}, frozenset({"member1", *owners})),
            "other's claim's": Case({"payment_id": theirs.claim_payment}, frozenset({"owner2"})),
        },
        "/v1/refunds/{refund_id}": {
            **merchants("refund_id", ours.refund, theirs.refund, str(new_city_id(2)), tills),
            "own claim's": Case({"refund_id": ours.claim_refund}, frozenset({"member1", *owners})),
            "other's claim's": Case({"refund_id": theirs.claim_refund}, frozenset({"owner2"})),
        },
        **{
            f"/v1/settlements/{{settlement_id}}{ending}": merchants(
                "settlement_id", ours.settlement, theirs.settlement, str(new_city_id(2)), owners
            )
            for ending in ("", "/lines", "/lines.csv")
        },
        "/v1/webhook-endpoints/{endpoint_id}": merchants(
            "endpoint_id", ours.endpoint, theirs.endpoint, str(new_id()), owners
        ),
        **{
            f"{FENCE}{ending}": merchants("geofence_id", ours.fence, theirs.fence, str(new_city_id(2)), owners)
            for ending in ("", "/versions", "/offer")
        },
        SAVED: {
            "own": Case({"saved_id": "made-member1"}, frozenset({"member1"})),
            "other's": Case({"saved_id": "made-member2"}, frozenset()),
            "missing": Case({"saved_id": "nothing"}, frozenset()),
        },
        EVENT: {
            "own": Case({"event_id": ours.fence_event}, frozenset({*owners, "operator1", "admin"})),
            "other merchant's": Case({"event_id": theirs.fence_event}, frozenset({"owner2", "operator1", "admin"})),
            "missing": Case({"event_id": str(new_city_id(2))}, frozenset()),
        },
        "/v1/deliveries/{event_id}/attempts": merchants(
            "event_id", ours.event, theirs.event, str(new_city_id(2)), owners
        ),
    }


@pytest.fixture(scope="module")
def things(seeded_settings: Settings, made: tuple[Made, Made]) -> dict[str, dict[str, Case]]:
    """Per path of the document: own, other merchant's, other city's and missing path values."""
    engine = sa.create_engine(seeded_settings.database_owner_url or "")
    with engine.connect() as conn:

        def one(statement: str, **given: Any) -> str:
            return str(conn.execute(sa.text(statement), given).scalar_one())

        staff = "SELECT merchant_id FROM login_names JOIN merchant_staff USING (member_id) WHERE login_norm = :name"
        first, second = one(staff, name="name:owner1"), one(staff, name="name:owner2")
        coupon = (
            "SELECT coupon_id FROM coupons WHERE merchant_id = :merchant AND state = :state ORDER BY coupon_id LIMIT 1"
        )
        foreign_coupon = "SELECT coupon_id FROM coupons WHERE city_id = 3 AND state = 'draft' ORDER BY 1 LIMIT 1"
        place = "SELECT place_id FROM place_operators WHERE merchant_id = :merchant ORDER BY place_id LIMIT 1"
        far_place = "SELECT place_id FROM place_facts WHERE city_id = 3 ORDER BY place_id LIMIT 1"
        far_run = one("SELECT place_id FROM place_operators WHERE city_id = 3 ORDER BY place_id LIMIT 1")
        far = one("SELECT merchant_id FROM merchants WHERE home_city_id = 3 ORDER BY 1 LIMIT 1")
        region = "SELECT region_id FROM region_facts WHERE city_id = :city ORDER BY region_id LIMIT 1"
        far_merchant = "SELECT merchant_id FROM merchants WHERE home_city_id = 3 ORDER BY 1 LIMIT 1"
        found = {
            "/v1/places/{place_id}": {
                "own": Case({"place_id": one(place, merchant=first)}),
                "other merchant's": Case({"place_id": one(place, merchant=second)}),
                "other city's": Case({"place_id": one(far_place)}),
                "missing": Case({"place_id": str(new_city_id(2))}, frozenset()),
            },
            "/v1/places/{place_id}/why-not": {
                "own": Case({"place_id": one(place, merchant=first)}, frozenset({*OWNERS_OF_MERCHANT_1, *SEE_ALL})),
                "other merchant's": Case({"place_id": one(place, merchant=second)}, frozenset({"owner2", *SEE_ALL})),
                "other city's": Case({"place_id": one(far_place)}, frozenset(SEE_ALL)),
                "missing": Case({"place_id": str(new_city_id(2))}, frozenset()),
            },
            "/v1/coupons/{coupon_id}": {
                "own": Case(
                    {"coupon_id": one(coupon, merchant=first, state="draft")},
                    frozenset({*OWNERS_OF_MERCHANT_1, "admin"}),
                ),
                "other merchant's": Case(
                    {"coupon_id": one(coupon, merchant=second, state="draft")}, frozenset({"owner2", "admin"})
                ),
                "other city's": Case({"coupon_id": one(foreign_coupon)}, frozenset({"admin"})),
                "missing": Case({"coupon_id": str(new_city_id(2))}, frozenset()),
            },
            "/v1/coupons/{coupon_id}/management": {
                "own": Case(
                    {"coupon_id": one(coupon, merchant=first, state="draft")},
                    frozenset({"staff1", "owner1", "operator1", "admin"}),
                ),
                "other merchant's": Case(
                    {"coupon_id": one(coupon, merchant=second, state="published")},
                    frozenset({"owner2", "operator1", "admin"}),
                ),
                "other city's": Case({"coupon_id": one(foreign_coupon)}, frozenset({"operator2", "admin"})),
                "missing": Case({"coupon_id": str(new_city_id(2))}, frozenset()),
            },
            "/v1/merchants/{merchant_id}/coupons": {
                "own": Case({"merchant_id": first}, frozenset({"staff1", "owner1", *SEE_ALL})),
                "other merchant's": Case({"merchant_id": second}, frozenset({"owner2", *SEE_ALL})),
                "other city's": Case({"merchant_id": one(far_merchant)}, frozenset(SEE_ALL)),
                "missing": Case({"merchant_id": str(new_id())}, frozenset()),
            },
            "/v1/merchants/{merchant_id}": {
                "own": Case({"merchant_id": first}),
                "other merchant's": Case({"merchant_id": second}),
                "other city's": Case({"merchant_id": one(far_merchant)}),
                "missing": Case({"merchant_id": str(new_id())}, frozenset()),
            },
            "/v1/merchants/{merchant_id}/places": {
                "own": Case({"merchant_id": first}),
                "other merchant's": Case({"merchant_id": second}),
                "other city's": Case({"merchant_id": one(far_merchant)}),
                "missing": Case({"merchant_id": str(new_id())}, frozenset()),
            },
            "/v1/merchants/{merchant_id}/staff": {
                "own": Case({"merchant_id": first}, frozenset({"owner1", "admin"})),
                "other merchant's": Case({"merchant_id": second}, frozenset({"owner2", "admin"})),
                "other city's": Case({"merchant_id": one(far_merchant)}, frozenset({"admin"})),
                "missing": Case({"merchant_id": str(new_id())}, frozenset()),
            },
            "/v1/regions/{region_id}": {
                "own": Case({"region_id": one(region, city=2)}),
                "other city's": Case({"region_id": one(region, city=3)}),
                "missing": Case({"region_id": str(new_city_id(2))}, frozenset()),
            },
            **{
                path: {
                    "own": Case({"": f"{path}?city=hangzhou"}, frozenset({"operator1", "admin"})),
                    "other city's": Case({"": f"{path}?city=berlin"}, frozenset({"operator2", "admin"})),
                    "missing": Case({"": f"{path}?city=atlantis"}, frozenset()),
                }
                for path in ("/v1/reviews", "/v1/overlays")
            },
            "/v1/datasets/{city}/{kind}/versions": {
                "own": Case({"city": "hangzhou", "kind": "places"}, frozenset({"operator1", "admin"})),
                "other city's": Case({"city": "berlin", "kind": "places"}, frozenset({"operator2", "admin"})),
                "missing": Case({"city": "atlantis", "kind": "places"}, frozenset()),
            },
            VERSION: {
                "own": Case({"city": "hangzhou", "kind": "regions", "version": "1"}, frozenset({"operator1", "admin"})),
                "other city's": Case(
                    {"city": "berlin", "kind": "regions", "version": "1"}, frozenset({"operator2", "admin"})
                ),
                "missing": Case({"city": "hangzhou", "kind": "regions", "version": "99"}, frozenset()),
            },
        }
        found |= {f"{VERSION}/{part}": found[VERSION] for part in REPORTS}
        published = one(coupon, merchant=first, state="published")
        row = {"key": f"{PARTNER_CLIENT_ID}|matrix", "coupon": published, "merchant": first}
        conn.execute(
            sa.text("INSERT INTO partner_coupons VALUES (:key, 2, :coupon, :merchant, '2026-11-22T09:30:00Z')"), row
        )
        conn.execute(
            sa.text("INSERT INTO partner_coupon_versions VALUES (:key, 1, 1, '\\x00', '2026-11-22T09:30:00Z')"), row
        )
        conn.commit()
        found["/v1/flow/coupons/{external_id}"] = {
            "own": Case({"external_id": "matrix"}, frozenset({"partner1"})),
            "missing": Case({"external_id": "nothing"}, frozenset()),
        }
    engine.dispose()
    return found | flow_things(*made) | area_things(*made, far_run, first, second, far)


def area_things(
    ours: Made, theirs: Made, far_place: str, first: str, second: str, far_merchant: str
) -> dict[str, dict[str, Case]]:
    """The same for service areas and who says how large they may be."""
    lookers, nothing = frozenset({"staff1", "owner1", "operator1", "admin"}), str(new_city_id(2))
    others = frozenset({"owner2", "operator1", "admin"})
    areas = {
        f"{AREA}{ending}": {
            "own": Case({"place_id": ours.place, "external_id": ours.area}, lookers),
            "other merchant's": Case({"place_id": theirs.place, "external_id": theirs.area}, others),
            "missing": Case({"place_id": nothing, "external_id": "nothing"}, frozenset()),
        }
        for ending in ("", "/versions")
    }
    return areas | {
        ALL_AREAS: {
            "own": Case({"place_id": ours.place}, lookers),
            "other merchant's": Case({"place_id": theirs.place}, others),
            "other city's": Case({"place_id": far_place}, frozenset({"operator2", "admin"})),
            "missing": Case({"place_id": nothing}, frozenset()),
        },
        REVIEWS: {
            "own": Case({"": f"{REVIEWS}?city=hangzhou"}, frozenset({"operator1", "admin"})),
            "other city's": Case({"": f"{REVIEWS}?city=berlin"}, frozenset({"operator2", "admin"})),
            "missing": Case({"": f"{REVIEWS}?city=atlantis"}, frozenset()),
        },
        PLAN: {
            "own": Case({"merchant_id": first}, frozenset({"owner1", "operator1", "admin"})),
            "other merchant's": Case({"merchant_id": second}, others),
            "other city's": Case({"merchant_id": far_merchant}, frozenset({"operator2", "admin"})),
            "missing": Case({"merchant_id": str(new_id())}, frozenset()),
        },
    }


# Operations without a thing of anyone's in their path: query values and bodies that make them answer.
OPEN = {
    "GET /v1/places/nearby": "?lat=30.25&lon=120.16",
    "GET /v1/coupons/nearby": "?lat=30.25&lon=120.16",
    "GET /v1/places/search": "?q=cafe&city=hangzhou",
    "POST /v1/places/search": "",
    "GET /v1/regions/lookup": "?lat=30.25&lon=120.16",
    "GET /v1/service-areas/containing": "?lat=30.25&lon=120.16",
    "POST /v1/service-areas/check": "",
    "POST /v1/places/within": "",
    "GET /v1/regions": "",
    "GET /v1/categories": "",
    "GET /v1/cities": "",
    "GET /v1/changes": "?city=hangzhou&limit=1",
    "GET /v1/me": "",
    "GET /v1/ledger": "",
    "GET /v1/settlements": "",
    "GET /v1/claims": "",
    "GET /v1/flags": "",
    "GET /v1/datasets": "",
    "GET /v1/flow": "",
    "GET /schemas/events": "",
    "GET /v1/events": "",
    "GET /v1/deliveries": "",
    "GET /v1/webhook-endpoints": "",
    "GET /v1/geofences": "",
    "GET /v1/me/location": "",
    "GET /v1/me/saved": "",
    "GET /v1/me/alerts": "",
    "GET /healthz": "",
    "GET /readyz": "",
    "GET /metrics": "",
    "GET /openapi.json": "",
    "GET /problems": "",
    "GET /.well-known/jwks.json": "",
}
BODIES = {
    "POST /v1/places/search": {"q": "cafe", "city": "hangzhou"},
    "POST /v1/places/within": {"geometry": SQUARE},
    "POST /v1/service-areas/check": {"points": [{"lon": 120.16, "lat": 30.25}]},
}
QUERIES = {WHY_NOT: "?lat=30.25&lon=120.16", f"{VERSION}/diff.geojson": "?layer=added"}
TILES = {
    "/v1/tiles/{layer}/{z}/{x}/{y}.mvt": "/v1/tiles/places/0/0/0.mvt",
    "/v1/tiles/{layer}.json": "/v1/tiles/places.json",
    "/schemas/events/{name}": "/schemas/events/fujin.claim.granted.v1.json",
}


def test_every_operation_is_in_the_matrix(document: dict[str, Any], things: dict[str, dict[str, Case]]) -> None:
    known = {f"{method} {path}" for method, path, _ in operations(document)}
    listed = set(OPEN) | WRITES | {f"GET {path}" for path in (*things, *TILES)}
    assert known == listed


def test_roles_reach_what_the_document_says_and_nothing_else(
    document: dict[str, Any],
    things: dict[str, dict[str, Case]],
    live_server_url: str,
    demo_tokens: dict[str, dict[str, str]],
) -> None:
    wrong: list[str] = []
    tried = 0
    for method, path, operation in operations(document):
        if f"{method} {path}" in WRITES:
            continue
        cases = things.get(path, {"open": Case({"": TILES.get(path, path) + OPEN.get(f"{method} {path}", "")})})
        missing: dict[str, Answered] = {}
        for kind in sorted(cases, key=lambda kind: kind != "missing"):
            case = cases[kind]
            for name in ROLES:
                token = None if name == "anonymous" else demo_tokens[name]["token"]
                target = case.values.get("", path).format(**{k: v for k, v in case.values.items() if k})
                target += QUERIES.get(path, "")
                answer = ask(live_server_url, method, target, token, BODIES.get(f"{method} {path}"))
                tried += 1
                expected = _expected(operation, case, name)
                said = f"{method} {target} as {name}, {kind}: {answer.status}, expected {expected}"
                if answer.status not in expected:
                    wrong.append(said)
                elif kind == "missing":
                    missing[name] = answer
                elif answer.status == 404 and not alike(answer.body, missing[name].body):
                    wrong.append(f"{said}, but its body differs from a missing thing's")
    assert not wrong, "\n".join(wrong)
    assert tried > 250


def _expected(operation: Mapping[str, Any], case: Case, name: str) -> set[int]:
    if not admitted(operation, name):
        return {401} if name == "anonymous" else {403}
    if case.seen_by is not None and name not in case.seen_by:
        return {404}
    return {200, 204}


@pytest.mark.parametrize(
    "forged",
    ["x", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiIsInJvbGUiOiJhZG1pbiJ9.", str(UUID(int=0))],
)
def test_a_forged_token_is_refused_by_every_operation(
    forged: str, document: dict[str, Any], live_server_url: str
) -> None:
    for method, path, _ in operations(document):
        target = TILES.get(path, path)
        for name, value in {"{city}": "berlin", "{kind}": "places", "{version}": "1"}.items():
            target = target.replace(name, value)
        while "{" in target:
            start, end = target.index("{"), target.index("}")
            target = target[:start] + str(UUID(int=7)) + target[end + 1 :]
        answer = ask(live_server_url, method, target, forged)
        assert (answer.status, answer.body["code"]) == (401, "invalid-token"), f"{method} {target}"
