"""Claims as plans and reads: granting in one function call, the wallet, codes, cancelling, and what time ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from app.claims import codes, queries, rules
from app.claims.errors import DayLimit, DeviceLimit, SoldOut, UserLimit
from app.claims.types import Claim
from app.core.db import Database
from app.core.errors import AppError, Fault, InvalidBody, NotFound, Unavailable
from app.core.ids import city_of, new_city_id
from app.core.kept import Kept
from app.core.money import Money
from app.core.sealing import Keyed
from app.coupons.queries import standing_of
from app.coupons.types import Terms
from app.flow.embedded.claim_ids import answered_again, known_claim
from app.flow.embedded.claim_views import next_actions, why_no_code
from app.flow.embedded.gates import Gates
from app.flow.embedded.grant_key import GrantKey, key_values
from app.flow.embedded.granting import Granting, Seating, granted_event, new_view
from app.flow.embedded.handing_out import code_for, handed_out
from app.flow.embedded.reference import Reference, for_a_minute
from app.flow.embedded.usage import Usage, usage_of
from app.flow.types import ClaimRequest, ClaimView, CodeView, RequestContext
from app.groups.queries import states_of
from app.http.answers import Answer
from app.http.idempotency import KEPT_FOR, KeyScope, KeyTaken
from app.http.steps import Plan, Present, refusal_answer

DAY_SOLD_OUT = "FJ002"  # raised by claim_coupon: what it had written is undone
GROUPS: Mapping[str, tuple[str, ...]] = {
    "usable": ("pending_payment", "active"),
    "used": ("redeemed",),
    "ended": ("released", "cancelled", "expired", "refunded"),
}


def _limits() -> dict[str, AppError]:
    return {
        "sold-out": SoldOut("none is left; cancelled ones come back, so a later try may succeed"),
        "member-limit": UserLimit("use or cancel one that you hold first"),
        "member-day-limit": DayLimit("you have had as many as a day allows; try again tomorrow"),
        "device-limit": DeviceLimit("this device has had its share"),
    }


class ClaimsPart:
    """What members do with claims; holds no state but what it has looked up."""

    def __init__(
        self, database: Database, keys: codes.CodeKeys, devices: Keyed, reference: Reference, gates: Gates
    ) -> None:
        self.gates = gates
        self._database, self._keys, self._devices, self._reference = database, keys, devices, reference
        self._offers: Kept[tuple[int, UUID], tuple[str, int] | None] = for_a_minute()

    # granting

    def grant(self, context: RequestContext, request: ClaimRequest) -> Plan:
        """ClaimView of a new claim. The terms that this process knows are checked again by the one statement."""

        def keyed(conn: Connection, scope: KeyScope, present: Present) -> Answer | AppError:
            known = known_claim(conn, context, request)
            if known is not None:
                return answered_again(conn, scope, present(self.view(conn, known, context.now)), context.now)
            sold_out = refusal_answer(_limits()["sold-out"])
            for _ in range(2):
                granting = self._granting(conn, context, request)
                answer = present(new_view(conn, self._reference, granting, context.now))
                outcome = self._call(conn, context, granting, GrantKey(scope, answer, sold_out))
                if outcome == "granted":
                    self._entered(conn, context, request, granting)
                    return answer
                if outcome == "sold-out":
                    return sold_out
                if outcome == "key-taken":
                    raise KeyTaken
                if outcome != "stale-terms":
                    return _limits()[outcome]
                self._offers.forget((city_of(request.coupon_id), request.coupon_id))
                conn.rollback()
            raise Unavailable("the coupon's terms are changing; try again", retry_after_s=1)

        def settle(conn: Connection, _prepared: None, _outcome: None) -> ClaimView:
            known = known_claim(conn, context, request)
            return self.granted(conn, context, request) if known is None else self.view(conn, known, context.now)

        return Plan(lambda _conn: None, settle, keyed=keyed, refused=self.gates.refused(context, request))

    def granted(
        self, conn: Connection, context: RequestContext, request: ClaimRequest, seating: Seating | None = None
    ) -> ClaimView:
        """A new claim in the transaction in hand, in a group where ``seating`` says so; why not is raised."""
        granting = self._granting(conn, context, request, seating)
        outcome = self._call(conn, context, granting, None)
        if outcome == "stale-terms":
            self._offers.forget((city_of(request.coupon_id), request.coupon_id))
            raise Unavailable("the coupon's terms are changing; try again", retry_after_s=1)
        if outcome != "granted":
            raise _limits()[outcome]
        self._entered(conn, context, request, granting)
        if seating is not None:
            queries.put_in_group(conn, granting.terms.city_id, granting.claim_id, seating.group_id)
        return new_view(conn, self._reference, granting, context.now)

    def _entered(self, conn: Connection, context: RequestContext, request: ClaimRequest, granted: Granting) -> None:
        self.gates.entered(conn, context, request, granted.terms, granted.claim_id, granted.evidence)

    def _granting(
        self, conn: Connection, context: RequestContext, request: ClaimRequest, seating: Seating | None = None
    ) -> Granting:
        terms = self.terms_in_force(conn, request.coupon_id, context.now)
        if context.actor.client_id is not None and terms.merchant_id not in context.actor.merchant_ids:
            raise NotFound("there is no such coupon")  # a partner's users are served by its merchants alone
        if terms.per_device is not None and request.device_id is None:
            raise InvalidBody(faults=[Fault("this coupon wants the device's id", pointer="/device_id")])
        evidence = self.gates.enter(conn, context, request, terms)
        price = terms.price_minor if seating is None else seating.price_minor
        pay_until = context.now + rules.PAY_WITHIN
        return Granting(
            claim_id=request.claim_id or new_city_id(terms.city_id),
            terms=terms,
            price_minor=price,
            seating=seating,
            validity=rules.validity(terms, context.now, None if seating is None else seating.deadline),
            evidence=evidence,
            state="pending_payment" if price > 0 else "active",
            code=code_for(conn, self._keys, terms),
            pay_until=None if price == 0 else pay_until if seating is None else min(pay_until, seating.deadline),
            device=None if request.device_id is None else self._devices.of(request.device_id),
        )

    def terms_in_force(self, conn: Connection, coupon_id: UUID, now: datetime) -> Terms:
        """Terms of a coupon that is on offer; NotFound, or why it can't be claimed. Only "on offer" is remembered."""
        city_id = city_of(coupon_id)

        def read() -> tuple[str, int] | None:
            found = standing_of(conn, city_id, coupon_id)
            if found is None or found.state == "draft" or found.current_version is None:
                return None
            return found.state, found.current_version

        offer = self._offers.get((city_id, coupon_id), read)
        if offer is None or offer[0] != "published":
            self._offers.forget((city_id, coupon_id))
        if offer is None:
            raise NotFound("there is no such coupon")
        terms = self._reference.terms.one(conn, city_id, coupon_id, offer[1])
        try:
            rules.check_window(terms, offer[0], now)
        except AppError:
            self._offers.forget((city_id, coupon_id))
            raise
        return terms

    def _call(self, conn: Connection, context: RequestContext, g: Granting, key: GrantKey | None) -> str:
        """What the function says; DayLimit where only the stock of the day is gone."""
        terms = g.terms
        assert context.actor.member_id is not None
        values: dict[str, Any] = {
            "p_city": terms.city_id,
            "p_claim": str(g.claim_id),
            "p_coupon": str(terms.coupon_id),
            "p_version": terms.version,
            "p_merchant": str(terms.merchant_id),
            "p_member": str(context.actor.member_id),
            "p_state": g.state,
            "p_units": terms.units,
            "p_price": g.price_minor,
            "p_currency": terms.currency,
            "p_valid_from": g.validity.valid_from,
            "p_valid_until": g.validity.valid_until,
            "p_pay_until": g.pay_until,
            "p_code_key": g.code.key,
            "p_code_sealed": self._keys.seal(g.claim_id, g.code.shown),
            "p_code_tail": g.code.tail,
            "p_device": g.device,
            "p_distance_m": g.evidence.distance_m,
            "p_accuracy_m": g.evidence.accuracy_m,
            "p_fix_age_s": g.evidence.fix_age_s,
            "p_on": g.validity.claimed_on,
            "p_per_member": terms.per_member,
            "p_per_member_day": terms.per_member_day,
            "p_per_device": terms.per_device,
            "p_per_day": terms.per_day,
            "p_event": str(new_city_id(terms.city_id)),
            "p_event_data": orjson.dumps(granted_event(self._devices, context, g)).decode(),
            "p_trace": context.trace,
            "p_now": context.now,
            **key_values(key),
            "p_expires": max(context.now, g.validity.valid_until) + KEPT_FOR,  # the key lives as long as the claim
            "p_sold_out_expires": context.now + KEPT_FOR,
        }
        try:
            outcome = queries.grant(conn, values)
        except DBAPIError as error:
            if getattr(error.orig, "pgcode", None) != DAY_SOLD_OUT:
                raise
            raise DayLimit("none is left for today; try again tomorrow") from None
        if outcome == "granted":
            handed_out(conn, terms, g.code, g.claim_id)
        return outcome

    # reading

    def get(self, context: RequestContext, claim_id: UUID) -> ClaimView:
        """One of the caller's claims; NotFound."""
        with self._database.read_primary() as conn:
            return self.view(conn, self.own(conn, context, claim_id), context.now)

    def listed(
        self, context: RequestContext, state: str | None, before: UUID | None, limit: int
    ) -> Sequence[ClaimView]:
        """The caller's claims, newest first."""
        assert context.actor.member_id is not None
        with self._database.read_primary() as conn:
            found = queries.member_claims(conn, context.actor.member_id, _states(state), before, limit)
            return self.views(conn, found, context.now)

    def count(self, context: RequestContext, state: str | None) -> int:
        """How many claims the caller has."""
        assert context.actor.member_id is not None
        with self._database.read_primary() as conn:
            return queries.count_member_claims(conn, context.actor.member_id, _states(state))

    def present_code(self, context: RequestContext, claim_id: UUID) -> CodeView:
        """The code of one of the caller's claims."""
        assert context.actor.member_id is not None
        with self._database.read_primary() as conn:
            claim = self.own(conn, context, claim_id)
            refusal = why_no_code(claim, self._groups(conn, [claim]).get(claim.group_id), context.now)
            if refusal is not None:
                raise refusal
            sealed = queries.sealed_code(conn, claim.city_id, claim_id, context.actor.member_id)
        assert sealed is not None
        return CodeView(
            claim_id,
            self._keys.unseal(claim_id, sealed),
            self._keys.qr_payload(claim_id),
            claim.valid_until,
            claim.state,
        )

    def own(self, conn: Connection, context: RequestContext, claim_id: UUID) -> Claim:
        """A claim of the caller; another's answers like a missing one."""
        assert context.actor.member_id is not None
        claim = queries.member_claim(conn, city_of(claim_id), claim_id, context.actor.member_id)
        if claim is None:
            raise NotFound("there is no such claim")
        return claim

    def view(self, conn: Connection, claim: Claim, now: datetime) -> ClaimView:
        """A claim as its owner sees it."""
        return self.views(conn, [claim], now)[0]

    def views(self, conn: Connection, found: Sequence[Claim], now: datetime) -> Sequence[ClaimView]:
        """Claims as their owner sees them: one look at their terms and one at their use for each city."""
        terms = self._reference.terms.many(conn, [(c.city_id, c.coupon_id, c.coupon_version) for c in found])
        used: dict[UUID, Usage] = {}
        groups = self._groups(conn, found)
        for city_id in sorted({claim.city_id for claim in found}):
            used |= usage_of(conn, city_id, [claim.claim_id for claim in found if claim.city_id == city_id])
        return [
            self._view(
                conn,
                claim,
                terms[claim.city_id, claim.coupon_id, claim.coupon_version],
                used[claim.claim_id],
                groups.get(claim.group_id),
                now,
            )
            for claim in found
        ]

    def _groups(self, conn: Connection, found: Sequence[Claim]) -> Mapping[UUID | None, str]:
        """The states of the groups that claims belong to, one look a city."""
        asked = {(claim.city_id, claim.group_id) for claim in found if claim.group_id is not None}
        return {
            group_id: state
            for city_id in sorted({city for city, _ in asked})
            for group_id, state in states_of(conn, city_id, [each for city, each in asked if city == city_id]).items()
        }

    def _view(
        self, conn: Connection, claim: Claim, terms: Terms, used: Usage, group: str | None, now: datetime
    ) -> ClaimView:
        state = rules.seen_state(claim, now, held=bool(used.held))
        return ClaimView(
            claim_id=claim.claim_id,
            city_id=claim.city_id,
            coupon_id=claim.coupon_id,
            coupon_version=claim.coupon_version,
            merchant_id=claim.merchant_id,
            merchant_names=self._reference.merchant_names(conn, claim.merchant_id),
            titles=terms.titles,
            kind=terms.kind,
            state=state,
            units=claim.units,
            units_left=claim.units - used.live_count if state in ("active", "pending_payment") else 0,
            price=Money(claim.price_minor, claim.currency),
            code_tail=claim.code_tail,
            claimed_at=claim.claimed_at,
            valid_from=claim.valid_from,
            valid_until=claim.valid_until,
            time_zone=terms.time_zone,
            pay_until=claim.pay_until if state == "pending_payment" else None,
            use_hours=terms.use_hours,
            blackout_dates=terms.blackout_dates,
            refund_policy=terms.refund_policy,
            distance_m=claim.distance_m,
            group_id=claim.group_id,
            next_actions=next_actions(state, terms, used, price_minor=claim.price_minor, group=group),
        )


def _states(group: str | None) -> Sequence[str] | None:
    return None if group is None else GROUPS[group]
