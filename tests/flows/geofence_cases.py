"""Fences and positions for tests that call every operation: what exists, spares, first requests that work, writes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from app.core.clock import system_clock
from app.core.ids import new_city_id
from tests.flows.area_cases import ANY_JSON

FENCE, EVENT = "/v1/geofences/{geofence_id}", "/v1/geofence-events/{event_id}"
SAVED, OFFER = "/v1/me/saved/{saved_id}", f"{FENCE}/offer"
MEMBERS = (
    *("GET /v1/me/location", "PUT /v1/me/location", "POST /v1/positions", "DELETE /v1/me/positions"),
    *("GET /v1/me/saved", "GET /v1/me/alerts", *(f"{method} {SAVED}" for method in ("GET", "PUT", "DELETE"))),
)
MERCHANTS = (
    *("GET /v1/geofences", "POST /v1/geofences", f"GET {FENCE}/versions"),
    *(f"{method} {FENCE}" for method in ("GET", "PATCH", "DELETE")),
    *(f"{method} {OFFER}" for method in ("GET", "PUT", "DELETE")),
)
FOR: dict[tuple[str, ...], frozenset[str]] = {
    MEMBERS: frozenset({"member"}),
    MERCHANTS: frozenset({"owner", "partner"}),
    (f"GET {EVENT}",): frozenset({"owner", "partner", "operator", "admin"}),
}
WRITES = {label for label in (*MEMBERS, *MERCHANTS) if not label.startswith("GET ")}
CHOICES = {"positions": True, "offers": True, "time_zone": "Asia/Shanghai"}
LON, LAT = 120.16, 30.25
# What well-formed data may be refused with: which drawings are valid, which names are taken, who agreed.
# A drawing may be any JSON, which we read strictly.
DRAWN = (*ANY_JSON, "invalid-body", "invalid-geometry", "geometry-too-large")
SAYS_NO = {
    "create_geofence": (*DRAWN, "geofence-exists", "geofence-limit"),
    "change_geofence": (*DRAWN, "geofence-over"),
    "choose_location": ("invalid-body",),
    "send_positions": ("consent-required",),
    "save_area": (*DRAWN, "saved-limit"),
    "offer_in_geofence": ("coupon-not-published",),
}


def fence_body(merchant: str, **more: Any) -> dict[str, Any]:
    """A fence, to be created."""
    circle = {"center": {"lon": LON, "lat": LAT}, "radius_m": 300}
    name = f"door-{secrets.token_hex(6)}"
    return {"merchant_id": merchant, "external_id": name, "name": "Door", "city_id": 2, "circle": circle} | more


def saved_body() -> dict[str, Any]:
    """An area to be saved."""
    circle = {"center": {"lon": LON, "lat": LAT}, "radius_m": 500}
    return {"name": "Home", "circle": circle, "watch": ["new_coupon"]}


def fixes() -> dict[str, Any]:
    """A position inside of it."""
    return {"fixes": [{"at": system_clock().isoformat(), "lon": LON, "lat": LAT, "accuracy_m": 10}]}


def make_fence(post: Callable[[str, str, Any], Any], put: Callable[[str, str, Any], Any], owner: str, member: str,
               merchant: str, coupon: str) -> str:  # fmt: skip
    """A fence that offers a coupon, and that a member who agreed and saved an area has just entered."""
    fence = str(post(owner, "/v1/geofences", fence_body(merchant))["geofence_id"])
    put(owner, f"/v1/geofences/{fence}/offer", {"coupon_id": coupon})
    put(member, "/v1/me/location", CHOICES)
    put(member, f"/v1/me/saved/made-{member}", saved_body())
    assert post(member, "/v1/positions", fixes())["events"] >= 1
    return fence


def sensible(operation_id: str, body: dict[str, Any], instants: Callable[[], str]) -> dict[str, Any]:
    """A generated body without what JSON Schema has no word for."""
    if operation_id == "choose_location":
        return body | {"positions": True}  # who withdraws can't show that positions are taken
    if operation_id == "send_positions" and isinstance(body.get("fixes"), list):
        return body | {"fixes": [fix | {"at": instants()} if isinstance(fix, dict) else fix for fix in body["fixes"]]}
    return body


def paths(fence: str, event: str) -> dict[str, list[dict[str, str]]]:
    """Path values that exist; what a deletion uses up gets ids of nothing."""
    mine = [{"geofence_id": fence}]
    return {
        FENCE: mine,
        f"{FENCE}/versions": mine,
        OFFER: mine,
        **{f"DELETE {path}": [{"geofence_id": str(new_city_id(2))}] for path in (FENCE, OFFER)},
        SAVED: [{"saved_id": "made-member1"}],
        f"DELETE {SAVED}": [{"saved_id": "nothing"}],
        EVENT: [{"event_id": event}],
    }


def first(merchant: str, coupon: str) -> dict[str, Any]:
    """First requests that work for whoever may make them."""
    keyed = {"Idempotency-Key": secrets.token_hex(16)}
    return {
        "POST /v1/geofences": {"headers": keyed, "body": fence_body(merchant)},
        f"PATCH {FENCE}": {"headers": {"If-Match": "*"}, "body": {"name": f"Door {secrets.token_hex(3)}"}},
        "PUT /v1/me/location": {"body": CHOICES},
        "POST /v1/positions": {"body": fixes()},
        f"PUT {SAVED}": {"headers": {"If-Match": "*"}, "body": saved_body()},
        f"PUT {OFFER}": {"body": {"coupon_id": coupon}},
    }


def fresh(label: str, given: dict[str, Any]) -> dict[str, Any]:
    """A first request, under a name that no earlier run has given."""
    if label != "POST /v1/geofences":
        return given
    return {**given, "body": {**given["body"], "external_id": f"door-{secrets.token_hex(6)}"}}


def member_spares(put: Callable[[str, str, Any], Any]) -> dict[str, str]:
    """An area that a member may forget."""
    put("member1", "/v1/me/saved/spare", saved_body())
    return {"saved": "spare"}


def owner_spares(post: Callable[[str, str, Any], Any], put: Callable[[str, str, Any], Any], merchant: str, coupon: str
                 ) -> dict[str, str]:  # fmt: skip
    """A fence to be deleted, and one whose offer is to be taken back."""
    ids = {
        name: str(post("owner1", "/v1/geofences", fence_body(merchant))["geofence_id"]) for name in ("fence", "offer")
    }
    put("owner1", f"/v1/geofences/{ids['offer']}/offer", {"coupon_id": coupon})
    return ids


def spares(ids: Mapping[str, str]) -> dict[str, list[dict[str, str]]]:
    """Path values that one run may use up."""
    if "saved" in ids:
        return {f"DELETE {SAVED}": [{"saved_id": ids["saved"]}]}
    if "fence" not in ids:
        return {}
    return {
        f"DELETE {FENCE}": [{"geofence_id": ids["fence"]}],
        f"DELETE {OFFER}": [{"geofence_id": ids["offer"]}],
    }


def member_calls(saved: str) -> dict[str, tuple[str, str, Any]]:
    """What a member does, in an order in which each works."""
    return {
        "PUT /v1/me/location": ("PUT", "/v1/me/location", CHOICES),
        "POST /v1/positions": ("POST", "/v1/positions", fixes()),
        "DELETE /v1/me/positions": ("DELETE", "/v1/me/positions", None),
        f"PUT {SAVED}": ("PUT", f"/v1/me/saved/{saved}", saved_body()),
        f"DELETE {SAVED}": ("DELETE", f"/v1/me/saved/{saved}", None),
    }


def merchant_calls(merchant: str, coupon: str, fence: str, ids: Mapping[str, str]) -> dict[str, tuple[str, str, Any]]:
    """What an owner and a partner do with fences."""
    return {
        "POST /v1/geofences": ("POST", "/v1/geofences", fence_body(merchant)),
        f"PATCH {FENCE}": ("PATCH", f"/v1/geofences/{fence}", {"tags": [secrets.token_hex(3)]}),
        f"DELETE {FENCE}": ("DELETE", f"/v1/geofences/{ids['fence']}", None),
        f"PUT {OFFER}": ("PUT", f"/v1/geofences/{ids['offer']}/offer", {"coupon_id": coupon}),
        f"DELETE {OFFER}": ("DELETE", f"/v1/geofences/{ids['offer']}/offer", None),
    }


def foreign_calls(fence: str, merchant: str, coupon: str, nobody: str) -> list[tuple[Any, Any]]:
    """Writes that name what is another's, each beside the same with what nobody has."""
    missing = str(new_city_id(2))
    return [
        *(
            ((method, f"/v1/geofences/{fence}", body), (method, f"/v1/geofences/{missing}", body))
            for method, body in (("PATCH", {"name": "mine"}), ("DELETE", None))
        ),
        *(
            ((method, f"/v1/geofences/{fence}/offer", body), (method, f"/v1/geofences/{missing}/offer", body))
            for method, body in (("PUT", {"coupon_id": coupon}), ("DELETE", None))
        ),
        (("POST", "/v1/geofences", fence_body(merchant)), ("POST", "/v1/geofences", fence_body(nobody))),
    ]
