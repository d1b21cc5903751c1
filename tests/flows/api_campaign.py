"""Runs schemathesis over a running server as one principal, with ids that exist, and says what it found."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.core.ids import new_city_id, new_id
from app.core.settings import Settings
from app.imports.demo.people import FIRST_CITY, PARTNER_CLIENT_ID, partner_secret
from tests.flows import correction_cases, geofence_cases
from tests.flows.campaign_words import CONFIG, EXAMPLES_ALONE, SIGN_OUT
from tests.flows.made_things import REFUND, Made, Spares
from tests.flows.partner_cases import FIRST, area_questions, merchant_paths, merchant_spares

ROOT = Path(__file__).parent.parent.parent
SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
PRINCIPALS = ("anonymous", "member1", "staff1", "owner1", "operator1", "admin", "partner1")
AROUND_A_POINT = ("/v1/places/nearby", "/v1/coupons/nearby", "/v1/regions/lookup", "/v1/service-areas/containing")
WHY_NOT = "/v1/places/{place_id}/why-not"
VERSION = "/v1/datasets/{city}/{kind}/versions/{version}"
REPORTS = ("report", "refused.csv", "diff", "diff.geojson")
REDEMPTION, PAYMENT = "/v1/redemptions/{redemption_id}", "/v1/payments/{payment_id}"
BY_REQUEST, ENDPOINT = "/v1/redemptions/by-request/{request_no}", "/v1/webhook-endpoints/{endpoint_id}"
STEPS: dict[str, dict[str, str]] = {"commit": {}, "void": {"reason": "left"}, "reverse": {"reason": "wrong table"}}
ALL_PHASES = ("examples", "coverage", "fuzzing", "stateful")


@dataclass(frozen=True)
class Campaign:
    """What to run: ``examples`` cases an operation and phase, from a seed; of some operations what must work, alone."""

    examples: int
    seed: int
    phases: Sequence[str] = ALL_PHASES
    examples_alone: Sequence[str] = ()
    workers: int = 1


@dataclass(frozen=True)
class Found:
    """How many cases ran, which statuses each operation answered with, and what was wrong (empty: nothing)."""

    cases: int
    statuses: Mapping[str, Mapping[int, int]]
    failures: Sequence[str]
    output: str

    def never_2xx(self) -> set[str]:
        """Operations that were called and never succeeded."""
        return {label for label, counts in self.statuses.items() if not any(200 <= one < 300 for one in counts)}


def operations_of(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The operations of an API document by method and path."""
    methods = ("get", "post", "put", "patch", "delete")
    return {
        f"{method.upper()} {path}": item[method]
        for path, item in document["paths"].items()
        for method in methods
        if method in item
    }


def seeded_values(settings: Settings) -> dict[str, Any]:
    """Values that exist in a seeded database: path values by path, names by path and parameter, points, a sign-in."""
    engine = sa.create_engine(settings.database_owner_url or "")
    with engine.connect() as conn:

        def column(statement: str) -> list[str]:
            return [str(value) for value in conn.execute(sa.text(statement)).scalars()]

        places = column("SELECT place_id FROM place_facts WHERE md5(place_id::text) LIKE '00%' ORDER BY 1 LIMIT 60")
        coupons = column("SELECT coupon_id FROM coupons ORDER BY 1")
        merchants = column("SELECT merchant_id FROM merchants ORDER BY 1 LIMIT 40")
        regions = column("SELECT region_id FROM region_facts ORDER BY 1 LIMIT 60")
        cities = column("SELECT slug FROM cities WHERE city_id IN (SELECT city_id FROM place_facts) ORDER BY 1")
        categories = column("SELECT category_id FROM categories ORDER BY 1")
        near = "SELECT source_lat, source_lon FROM place_facts WHERE md5(place_id::text) LIKE '01%' ORDER BY 1 LIMIT 80"
        operated = conn.execute(sa.text("SELECT merchant_id::text, place_id::text FROM place_operators ORDER BY 1, 2"))
        run_by: dict[str, list[dict[str, str]]] = {}
        for merchant_id, place_id in operated:
            run_by.setdefault(merchant_id, []).append({"place_id": place_id})
        points = [[round(lat, 4), round(lon, 4)] for lat, lon in conn.execute(sa.text(near))]
    engine.dispose()
    cities.sort(key=lambda slug: slug != FIRST_CITY)  # the first operator's own city comes first
    partner = {
        "grant_type": "client_credentials",
        "client_id": PARTNER_CLIENT_ID,
        "client_secret": partner_secret(settings.secret_key),
    }
    here = {"query": {"lat": points[0][0], "lon": points[0][1]}}
    return {
        "paths": _paths(places, coupons, merchants, regions, cities),
        "names": {
            "/v1/places/nearby category": categories,
            "/v1/coupons/nearby category": categories,
            f"{WHY_NOT} category": categories,
            f"{WHY_NOT} region": regions,
            "/v1/places/nearby region": regions,
            "/v1/places/search category": categories,
            "/v1/places/search region": regions,
            "/v1/places/search city": cities,
            "/v1/coupons/nearby region": regions,
            **dict.fromkeys(correction_cases.CITY_LISTS, cities),
            "/v1/regions parent": regions,
            "/v1/categories parent": categories,
        },
        "points": points,
        "first": correction_cases.questions(cities[0])
        | {
            **{f"GET {path}": here for path in (*AROUND_A_POINT, WHY_NOT)},
            "GET /v1/places/search": {"query": {"q": "cafe", "city": cities[0]}},
            "POST /v1/places/search": {"body": {"q": "cafe", "city": cities[0]}},
            "POST /v1/auth/token": {"body": partner},
            "POST /v1/datasets/{city}/{kind}/versions": {
                **_keyed("[]"),
                "media_type": "application/octet-stream",
                "query": {"filename": "a.json", "source_name": "x", "licence": "x", "attribution": "x"},
            },
            f"POST {VERSION}/activate": {"body": {}},
            **area_questions(points[0], cities[0]),
            "PATCH /v1/me": {"headers": {"If-Match": "*"}, "body": {"display_name": "林晓"}},
        },
        "partner_sign_in": partner,
        "run_by": run_by,
    }


def _paths(
    places: list[str], coupons: list[str], merchants: list[str], regions: list[str], cities: list[str]
) -> dict[str, list[dict[str, Any]]]:
    versions = [{"city": city, "kind": kind} for city in cities for kind in ("places", "regions")]
    tiles = [
        {"layer": layer, "z": z, "x": x, "y": y}
        for layer in ("places", "regions", "areas", "basemap")
        for z, x, y in ((0, 0, 0), (9, 426, 210), (12, 2200, 1343), (14, 13660, 6750))
    ]
    return correction_cases.paths(places) | {
        "/v1/places/{place_id}": [{"place_id": one} for one in places],
        WHY_NOT: [{"place_id": one} for one in places],
        "/v1/coupons/{coupon_id}": [{"coupon_id": one} for one in coupons],
        "/v1/merchants/{merchant_id}": [{"merchant_id": one} for one in merchants],
        "/v1/merchants/{merchant_id}/places": [{"merchant_id": one} for one in merchants],
        "/v1/merchants/{merchant_id}/staff": [{"merchant_id": one} for one in merchants],
        "/v1/regions/{region_id}": [{"region_id": one} for one in regions],
        "/v1/datasets/{city}/{kind}/versions": versions,
        "/v1/datasets/{city}/{kind}/rollback": versions,
        **{
            f"{VERSION}/{step}": [{**one, "version": 1} for one in versions]
            for step in ("approve", "activate", "discard", "reload")
        },
        VERSION: [{**one, "version": 1} for one in versions],
        **{f"{VERSION}/{part}": [{**one, "version": 1} for one in versions] for part in REPORTS},
        "/v1/tiles/{layer}/{z}/{x}/{y}.mvt": tiles,
        "/v1/tiles/{layer}.json": [{"layer": tile["layer"]} for tile in tiles],
        "/schemas/events/{name}": [{"name": "fujin.claim.granted.v1.json"}],
    }


def with_made(values: Mapping[str, Any], ours: Made, theirs: Made) -> dict[str, Any]:
    """The values with what was made through HTTP: ids for the loop's paths, bodies, and first requests that must work.
    What a run would use up for the next (a deletion, a reversal) gets ids of nothing here, and spares for each run.
    """
    claim = [{"claim_id": ours.active_claim}]
    redemption, payment = [{"redemption_id": ours.redemption}], [{"payment_id": ours.payment}]
    endpoint = [{"endpoint_id": ours.endpoint}]
    paths = {
        **{f"/v1/claims/{{claim_id}}{ending}": claim for ending in ("", "/code", "/qr.svg")},
        "/v1/claims/{claim_id}/cancel": [{"claim_id": ours.spare_claim}],
        **{f"/v1/groups/{{group_id}}{ending}": [{"group_id": ours.group}] for ending in ("", "/join")},
        "/v1/places/{place_id}/presence-code": [{"place_id": ours.place}],
        REDEMPTION: redemption,
        f"POST {REDEMPTION}/commit": [{"redemption_id": ours.redemption}],
        **{f"POST {REDEMPTION}/{step}": [{"redemption_id": str(new_city_id(2))}] for step in ("void", "reverse")},
        BY_REQUEST: [{"request_no": ours.request_no}],
        **{f"{PAYMENT}{ending}": payment for ending in ("", "/resolve", "/refunds", "/cancel")},
        "/v1/refunds/{refund_id}": [{"refund_id": ours.refund}],
        **{
            f"/v1/settlements/{{settlement_id}}{ending}": [{"settlement_id": ours.settlement}]
            for ending in ("", "/lines", "/lines.csv")
        },
        ENDPOINT: endpoint,
        f"PATCH {ENDPOINT}": [{"endpoint_id": ours.other_endpoint}],
        f"DELETE {ENDPOINT}": [{"endpoint_id": str(new_id())}],
        **{f"{ENDPOINT}/{step}": endpoint for step in ("rotate-secret", "test")},
        "/v1/deliveries/{event_id}/attempts": [{"event_id": ours.event}],
        "/v1/events/{event_id}/redeliver": [{"event_id": ours.event}],
        "/v1/providers/{provider}/notify": [{"provider": "test_wallet"}],
        **merchant_paths(ours.merchant, ours.coupon, ours.place, ours.area),
        **geofence_cases.paths(ours.fence, ours.fence_event),
    }
    first = correction_cases.first(ours.place) | {
        "POST /v1/claims": {"coupon_id": ours.many},
        "POST /v1/claims/{claim_id}/cancel": {},
        "POST /v1/groups": {"coupon_id": ours.many},
        "POST /v1/groups/{group_id}/join": {"invite": ours.invite},
        "POST /v1/redemptions": ours.use,
        **{f"POST {REDEMPTION}/{step}": body for step, body in STEPS.items()},
        f"POST {PAYMENT}/resolve": {},
        f"POST {PAYMENT}/cancel": {},
        f"POST {PAYMENT}/refunds": REFUND,
        "POST /v1/webhook-endpoints": {"merchant_id": ours.merchant, "url": "https://93.184.215.14/first"},
        f"POST {ENDPOINT}/rotate-secret": {},
        f"POST {ENDPOINT}/test": {},
        "POST /v1/events/{event_id}/redeliver": {},
    }
    return {
        **values,
        "paths": {**values["paths"], **paths},
        "bodies": _bodies(ours, theirs),
        "of_members": {
            "payment": [{"payment_id": ours.claim_payment}],
            "refund": [{"refund_id": ours.claim_refund}],
        },
        "first": {
            **values["first"],
            **{label: _keyed(body) for label, body in first.items()},
            "POST /v1/codes/lookup": {"body": {"code": ours.used_code, "place_id": ours.place}},
            f"GET {BY_REQUEST}": {"query": {"place_id": ours.place}},
            "GET /v1/groups/{group_id}": {"query": {"invite": ours.invite}},
            f"PATCH {ENDPOINT}": {"headers": {"If-Match": "*"}, "body": {"description": "changed"}},
            **(FIRST | geofence_cases.first(ours.merchant, ours.coupon)),
        },
    }


def _keyed(body: Any) -> dict[str, Any]:
    return {"headers": {"Idempotency-Key": secrets.token_hex(16)}, "body": body}


def _bodies(ours: Made, theirs: Made) -> dict[str, dict[str, list[Any]]]:
    """Values for the members of generated bodies, by operation: what exists, of both merchants, and good amounts."""
    orders = [{"gross_minor": minor, "currency": code} for minor, code in ((50_000, "CNY"), (0, "CNY"), (900, "EUR"))]
    codes, places = [ours.used_code, ours.active_code, theirs.active_code], [ours.place, ours.place, theirs.place]
    return {
        "claim": {"coupon_id": [ours.coupon, ours.many, theirs.coupon, theirs.voucher], "device_id": ["phone-1"]},
        "start_group": {"coupon_id": [ours.coupon, theirs.voucher]},
        "join_group": {"invite": [ours.invite, theirs.invite]},
        "look_code_up": {"code": codes, "place_id": places, "order": orders},
        "redeem": {"codes": [[{"code": code}] for code in codes], "place_id": places, "order": orders},
        "create_payment": {"purpose_id": [ours.redemption, ours.paid_claim, theirs.redemption]},
        "refund_payment": {"amount": [{"amount_minor": minor, "currency": "CNY"} for minor in (1, 2, 10**9)]},
        "create_webhook_endpoint": {"merchant_id": [ours.merchant, theirs.merchant]},
        "redeliver_event": {"endpoint_id": [ours.endpoint, theirs.endpoint]},
    }


def with_spares(values: Mapping[str, Any], spares: Spares) -> dict[str, Any]:
    """The values with what this run alone may use up, each by the first request of its operation."""
    ids = spares.ids
    paths, first, bodies = dict(values["paths"]), dict(values["first"]), dict(values["bodies"])
    for step in STEPS:
        if step in ids:
            paths[f"POST {REDEMPTION}/{step}"] = [{"redemption_id": ids[step]}]
    if "cancel" in ids:
        paths[f"POST {PAYMENT}/cancel"] = [{"payment_id": ids["cancel"]}]
    if "cancel_claim" in ids:  # a member's own payments are those of claims
        paths["POST /v1/claims/{claim_id}/cancel"] = [{"claim_id": ids["cancel_claim"]}]
    if "join" in ids:
        paths["POST /v1/groups/{group_id}/join"] = [{"group_id": ids["join"]}]
        first["POST /v1/groups/{group_id}/join"] = _keyed({"invite": ids["invite"]})
        first["POST /v1/groups"] = _keyed({"coupon_id": ids["start"]})
    if "delete" in ids:
        paths[f"DELETE {ENDPOINT}"] = [{"endpoint_id": ids["delete"]}]
    paths |= geofence_cases.spares(ids)
    if "pay" in ids:
        purpose, method = ("claim", "online") if "cancel_claim" in ids else ("redemption", "user_scans")
        body = {"purpose": purpose, "purpose_id": ids["pay"], "provider": "test_wallet", "method": method}
        first["POST /v1/payments"] = _keyed(body)
    paths, first = (known | own for known, own in zip((paths, first), merchant_spares(ids), strict=True))
    if spares.codes:
        more = [[{"code": code}] for code in spares.codes]
        bodies["redeem"] = {**bodies["redeem"], "codes": bodies["redeem"]["codes"] + more}
        bodies["look_code_up"] = {**bodies["look_code_up"], "code": [*bodies["look_code_up"]["code"], *spares.codes]}
    return {**values, "paths": paths, "first": first, "bodies": bodies}


def own_values(values: Mapping[str, Any], principal: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The values for one principal: what is its own comes up more often, and phones that no other run uses."""
    own = dict(values["paths"])
    if "merchant_id" in facts:
        mine = [{"merchant_id": facts["merchant_id"]}]
        own[WHY_NOT] = values["run_by"].get(facts["merchant_id"]) or own[WHY_NOT]
        own["/v1/merchants/{merchant_id}/staff"] = mine * 20 + own["/v1/merchants/{merchant_id}/staff"]
    if principal == "member1":  # the payments of redemptions are the merchants'
        own |= {f"{PAYMENT}{ending}": values["of_members"]["payment"] for ending in ("", "/resolve")}
        own["/v1/refunds/{refund_id}"] = values["of_members"]["refund"]
    phones = [f"+861390000{PRINCIPALS.index(principal)}{each:03}" for each in range(20)]
    first = {**values["first"], "POST /v1/auth/otp": {"body": {"phone": phones[0]}}}
    return {**values, "paths": own, "first": first, "phones": phones}


@contextmanager
def page_kept(url: str, token: str | None) -> Iterator[None]:
    """Puts one's own page (name, language, consent) back as it was; partners and anonymous callers have none."""
    before = None if token is None else _me(url, token)
    try:
        yield
    finally:
        if token is not None and before is not None and before["member_id"] is not None:
            _me(url, token, {name: before[name] for name in ("display_name", "language", "marketing_consent")})


def _me(url: str, token: str, change: dict[str, Any] | None = None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "If-Match": "*", "Content-Type": "application/json"}
    body = None if change is None else json.dumps(change).encode()
    call = urllib.request.Request(f"{url}/v1/me", data=body, method="PATCH" if body else "GET", headers=headers)
    with urllib.request.urlopen(call, timeout=20) as answer:
        return dict(json.load(answer))


def strict(document: dict[str, Any]) -> dict[str, Any]:
    """The document with its answers closed: a member that no schema names is then a finding."""
    for schema in document["components"]["schemas"].values():
        if schema.get("type") == "object" and "properties" in schema:
            schema.setdefault("additionalProperties", False)
    document["components"]["schemas"]["GeoJson"].pop("additionalProperties", None)
    return document


def run(
    folder: Path,
    url: str,
    values: Mapping[str, Any],
    campaign: Campaign,
    token: str | None = None,
    throw_away: str | None = None,
) -> Found:
    """One run in a process of its own; ``token`` None is an anonymous caller, ``throw_away`` is for signing out."""
    folder.mkdir(parents=True, exist_ok=True)
    given, counts, report, config = (folder / name for name in ("values.json", "answers.json", "run.json", "st.toml"))
    document = folder / "openapi.json"  # read from a file, because the operation that a document comes from is left out
    with urllib.request.urlopen(f"{url}/openapi.json", timeout=20) as answer:
        document.write_text(json.dumps(strict(json.load(answer))))
    for private in (given, config):
        private.touch(mode=0o600)
    given.write_text(json.dumps(values))
    words = CONFIG
    if throw_away is not None:
        words += SIGN_OUT.format(token=throw_away)
    if campaign.examples_alone:
        words += EXAMPLES_ALONE.format(operation_ids=json.dumps(list(campaign.examples_alone)))
    config.write_text(words)
    command = [str(SCHEMATHESIS), "--config-file", str(config), "run", str(document), "--url", url]
    command += [
        "--no-color",
        "--max-examples",
        str(campaign.examples),
        "--seed",
        str(campaign.seed),
        "--no-shrink",
        "--mode",
        "all",
    ]
    command += ["--phases", ",".join(campaign.phases), "--workers", str(campaign.workers), "--continue-on-failure"]
    command += ["--checks", "all", "--generation-database", "none", "--warnings", "off", "--request-timeout", "30"]
    command += ["--report-json-path", str(report)]
    if token is not None:
        command += ["--header", f"Authorization: Bearer {token}"]
    done = subprocess.run(
        command,
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "CAMPAIGN_FILE": str(given),
            "CAMPAIGN_ANSWERS": str(counts),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return _found(done, report, counts)


def _found(done: subprocess.CompletedProcess[str], report: Path, counts: Path) -> Found:
    if not report.exists() or not counts.exists():
        raise AssertionError(f"schemathesis ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    told = json.loads(report.read_text())
    failures = [f"{one['title']}: {', '.join(one['operations'])}" for one in told["failures"]]
    failures += [json.dumps(one) for one in told["errors"]]
    if not told["complete"] or (done.returncode != 0 and not failures):
        failures.append(f"schemathesis ended with {done.returncode}: {told['stop_reason']}")
    statuses: dict[str, dict[int, int]] = defaultdict(dict)
    for label, status, times in json.loads(counts.read_text()):
        statuses[label][status] = times
    return Found(told["test_cases"]["generated"], dict(statuses), failures, done.stdout)
