"""Place conditions of claims: tries are counted, the position is judged, and the evidence is kept for a while.

A refused request leaves its try and its verdict too: they are written after what it did is undone.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import Connection

from app.claims import gates, queries
from app.claims import queries_guard as guard
from app.claims.errors import GateRefusal, PlaceCodeWrong, VelocityLimit
from app.claims.gates import Judgement, MeasuredFix, PlaceEvidence
from app.core.errors import AppError
from app.core.ids import new_city_id
from app.core.sealing import Keyed
from app.core.settings import Settings
from app.coupons.queries import usable_at
from app.coupons.types import Terms
from app.flow.types import ClaimRequest, PlaceCode, RequestContext
from geo.coordinates import LonLat

CODE_DIGITS: Final = 6
ROTATES_EVERY_S: Final = 300
BATCH: Final = 1000
VERDICTS: Final = Counter("fujin_claim_verdicts_total", "Verdicts on positions of claims", ["verdict", "code"])


@dataclass(frozen=True, slots=True)
class Told:
    """A verdict with what it was about, for its row."""

    terms: Terms
    judgement: Judgement


class Gates:
    """Holds no state but its keys and limits."""

    def __init__(self, settings: Settings, subjects: Keyed, presence: Keyed) -> None:
        self._settings, self._subjects, self._presence = settings, subjects, presence

    def enter(self, conn: Connection, context: RequestContext, request: ClaimRequest, terms: Terms) -> PlaceEvidence:
        """The evidence that the member may claim from where they are; VelocityLimit, or the refusal that says why not.

        Coupons without a place condition ask for nothing and count nothing.
        """
        if not gates.guarded(terms):
            return PlaceEvidence()
        for whose, subject, most in self._counted(context, request):
            hour = gates.window_of(context.now)
            if not guard.count_try(conn, terms.city_id, whose, subject, hour, most):
                wait = round((hour + gates.WINDOW - context.now).total_seconds()) + 1
                raise VelocityLimit(f"as many as one {whose} has in an hour", retry_after_s=wait)
        found = self._judged(conn, context, request, terms)
        if found.verdict == "allow":
            return found.evidence
        refusal = gates.refusal_of(found)
        refusal.evidence = Told(terms, found)
        raise refusal

    def entered(
        self, conn: Connection, context: RequestContext, request: ClaimRequest, terms: Terms, claim_id: UUID, at: Any
    ) -> None:
        """A claim was granted on the evidence ``at``, which is kept."""
        if not gates.guarded(terms):
            return
        evidence: PlaceEvidence = at
        self._keep(conn, context, request, Told(terms, Judgement("allow", evidence)), claim_id)
        if evidence.cell is not None and request.fix is not None and evidence.place_id is None:
            assert context.actor.member_id is not None
            guard.put_last_fix(conn, context.actor.member_id, evidence.cell, request.fix.at)

    def refused(self, context: RequestContext, request: ClaimRequest) -> Callable[[Connection, AppError], None]:
        """What stays of a refusal: the try, and the verdict."""

        def keep(conn: Connection, refusal: AppError) -> None:
            if not isinstance(refusal, GateRefusal) or not isinstance(refusal.evidence, Told):
                return
            hour, city_id = gates.window_of(context.now), refusal.evidence.terms.city_id
            for whose, subject, most in self._counted(context, request):
                guard.count_try(conn, city_id, whose, subject, hour, most)
            self._keep(conn, context, request, refusal.evidence, None)

        return keep

    def code_at(self, place_id: UUID, now: datetime) -> tuple[str, datetime]:
        """The six digits that a place's till shows now, and until when."""
        step = int(now.timestamp()) // ROTATES_EVERY_S
        return self._digits(place_id, step), datetime.fromtimestamp((step + 1) * ROTATES_EVERY_S, UTC)

    def forget_old(self, conn: Connection, city_id: int, now: datetime) -> int:
        """Removes what was kept long enough; how much."""
        tries, verdicts, fixes = now - timedelta(days=1), now - gates.VERDICTS_KEPT, now - gates.FIXES_KEPT
        return guard.forget_old(conn, city_id, tries, verdicts, fixes, BATCH)

    # steps

    def _judged(self, conn: Connection, context: RequestContext, request: ClaimRequest, terms: Terms) -> Judgement:
        presence = request.presence
        if presence is not None and not self._right(conn, terms, presence, context.now):
            said = "read the six digits off the till of a place where the coupon is used, and send them within minutes"
            return Judgement("challenge", PlaceEvidence(), PlaceCodeWrong.code, said, ("place_code", "fresh_fix"))
        fix = self._measured(conn, terms, request, context.now)
        seen = None
        if fix is not None and fix.cell is not None and presence is None:
            assert context.actor.member_id is not None
            seen = guard.lock_last_fix(conn, context.actor.member_id, fix.cell, fix.at)
        return gates.judge(terms, fix, seen, context.now, None if presence is None else presence.place_id)

    def _measured(self, conn: Connection, terms: Terms, request: ClaimRequest, now: datetime) -> MeasuredFix | None:
        fix = request.fix
        if fix is None:
            return None
        point, city_id, coupon_id = LonLat(fix.lon, fix.lat), terms.city_id, terms.coupon_id
        if terms.claim_in_area:
            nearest = guard.nearest_area_mm(conn, city_id, coupon_id, terms.version, point, now)
        else:
            nearest = queries.nearest_usable_mm(conn, city_id, coupon_id, point)
        return MeasuredFix(nearest, fix.accuracy_m, fix.at, fix.mock, gates.cell_of(fix.lon, fix.lat))

    def _right(self, conn: Connection, terms: Terms, given: PlaceCode, now: datetime) -> bool:
        """True for the digits of this step or the one before, of a place where the coupon is used."""
        step = int(now.timestamp()) // ROTATES_EVERY_S
        good = [hmac.compare_digest(given.code, self._digits(given.place_id, step - back)) for back in (0, 1)]
        here = usable_at(conn, terms.city_id, [(terms.coupon_id, terms.version)], given.place_id)
        return any(good) and bool(here)

    def _digits(self, place_id: UUID, step: int) -> str:
        number = int.from_bytes(self._presence.of(f"{place_id}:{step}")[:8])
        return f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}d}"

    def _counted(self, context: RequestContext, request: ClaimRequest) -> list[tuple[str, bytes, int]]:
        """Whose tries are counted, always in this order, so that two requests never wait for each other in a ring."""
        limits = self._settings
        found = [("member", self._subjects.of(f"member:{context.actor.member_id}"), limits.claim_tries_per_member)]
        if request.device_id is not None:
            found.append(("device", self._subjects.of(request.device_id), limits.claim_tries_per_device))
        address = _network(request.address)
        if address is not None:
            found.append(("address", self._subjects.of(f"address:{address}"), limits.claim_tries_per_address))
        return found

    def _keep(
        self, conn: Connection, context: RequestContext, request: ClaimRequest, told: Told, claim_id: UUID | None
    ) -> None:
        terms, judgement, evidence = told.terms, told.judgement, told.judgement.evidence
        address = _network(request.address)
        guard.add_verdict(
            conn,
            {
                "city_id": terms.city_id,
                "verdict_id": new_city_id(terms.city_id),
                "coupon_id": terms.coupon_id,
                "merchant_id": terms.merchant_id,
                "member_id": context.actor.member_id,
                "claim_id": claim_id,
                "verdict": judgement.verdict,
                "code": judgement.code,
                "place_id": evidence.place_id,
                "distance_m": evidence.distance_m,
                "accuracy_m": evidence.accuracy_m,
                "fix_age_s": evidence.fix_age_s,
                "speed_kmh": evidence.speed_kmh,
                "lon_cell": None if evidence.cell is None else evidence.cell.lon,
                "lat_cell": None if evidence.cell is None else evidence.cell.lat,
                "device_key": None if request.device_id is None else self._subjects.of(request.device_id),
                "address_key": None if address is None else self._subjects.of(f"address:{address}"),
                "judged_at": context.now,
            },
        )
        VERDICTS.labels(judgement.verdict, judgement.code or "").inc()


def _network(address: str | None) -> str | None:
    """What counts as one address: of IPv6 the /64 that one household or phone has."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return None
    return str(found) if found.version == 4 else str(ipaddress.ip_network(f"{found}/64", strict=False))
