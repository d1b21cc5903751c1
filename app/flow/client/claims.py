"""Claims of a flow elsewhere: an intent is written before it is asked, and resolved by its id until it is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.claims.rules import check_window
from app.core.db import Database
from app.core.errors import AppError, NotFound
from app.core.ids import city_of, new_city_id
from app.coupons import drafts, queries_owned
from app.coupons.queries import TermsCache, standing_of, usable_places
from app.coupons.rules import MOST_SCOPE_IDS
from app.flow.client import intents, views
from app.flow.client.asking import Asking
from app.flow.client.intents import Intent
from app.flow.errors import FlowLacks, FlowUnavailable
from app.flow.types import ClaimRequest, ClaimView, CodeView, RequestContext
from app.http.steps import Plan
from app.outbox.queries import put_job

RESOLVE_CLAIM: Final = "claim.resolve"
FIRST_LOOK_AFTER: Final = timedelta(seconds=10)
LOST_AFTER: Final = timedelta(seconds=60)  # what the flow does not know by then has never arrived
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "usable": ("pending_payment", "active"),
    "used": ("redeemed",),
    "ended": ("released", "cancelled", "expired", "refunded"),
}
_NEXT: Final = {"pending_payment": ("pay", "cancel"), "active": ("show_code", "cancel")}
_NOT_OF_PARTNERS: Final = ("scope_kind", "scope_ids", "platform_share_bp", "code_source")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be asked: the intent, the coupon's id there (None: it is to be published first) and its terms."""

    intent: Intent
    remote_id: UUID | None
    version: int
    terms: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Resolved:
    """What became of an intent."""

    state: str


class ClaimsElsewhere:
    """What members do with claims."""

    def __init__(self, database: Database, asking: Asking) -> None:
        self._database, self._ask, self._terms = database, asking, TermsCache()

    def grant(self, context: RequestContext, request: ClaimRequest) -> Plan:
        """ClaimView. Intent and job are committed before the flow is asked; the same key finds the same intent."""
        begun: list[Intent] = []

        def prepare(conn: Connection) -> _Wanted:
            wanted = self._wanted(conn, context, request)
            begun.append(wanted.intent)
            return wanted

        def call(wanted: _Wanted) -> tuple[UUID, Any]:
            remote_id = wanted.remote_id or self._published(request.coupon_id, wanted)
            return remote_id, self._asked(wanted.intent, remote_id, request)

        def settle(conn: Connection, wanted: _Wanted, outcome: tuple[UUID, Any]) -> ClaimView:
            remote_id, found = outcome
            city_id = wanted.intent.city_id
            if wanted.remote_id is None:
                quota = (wanted.terms or {}).get("quota")
                intents.put_remote(conn, city_id, request.coupon_id, remote_id, wanted.version, quota)
            intents.granted(conn, city_id, wanted.intent.claim_id, found, context.now)
            return views.claim_view(found, request.coupon_id)

        def refused(conn: Connection, refusal: AppError) -> None:
            for intent in begun[-1:]:
                if isinstance(refusal, FlowUnavailable):
                    intents.in_doubt(conn, intent.city_id, intent.claim_id)
                else:
                    intents.refused(conn, intent.city_id, intent.claim_id, refusal.code, context.now)

        return Plan(prepare, settle, call, refused)

    def _wanted(self, conn: Connection, context: RequestContext, request: ClaimRequest) -> _Wanted:
        city_id, coupon_id = city_of(request.coupon_id), request.coupon_id
        standing = standing_of(conn, city_id, coupon_id)
        if standing is None or standing.state == "draft" or standing.current_version is None:
            raise NotFound("there is no such coupon")
        check_window(self._terms.one(conn, city_id, coupon_id, standing.current_version), standing.state, context.now)
        assert context.actor.member_id is not None
        fresh = Intent(
            city_id=city_id,
            claim_id=new_city_id(city_id),
            coupon_id=coupon_id,
            member_id=context.actor.member_id,
            request_no=context.request_no,
            state="granting",
            view=None,
            asked_at=context.now,
            told=None,
        )
        intent = intents.begin(conn, fresh, context.now)
        put_job(conn, city_id, RESOLVE_CLAIM, intent.claim_id, context.now + FIRST_LOOK_AFTER, context.now)
        known = intents.remote_of(conn, city_id, coupon_id)
        if known is not None and known[1] >= standing.current_version:
            return _Wanted(intent, known[0], known[1], None)
        return _Wanted(
            intent, None, standing.current_version, self._terms_of(conn, coupon_id, standing.current_version)
        )

    def _terms_of(self, conn: Connection, coupon_id: UUID, version: int) -> Mapping[str, Any]:
        """A version of a coupon's terms as the flow takes it from partners; FlowLacks for what it would not keep."""
        city_id = city_of(coupon_id)
        draft, _ = queries_owned.version_of(conn, city_id, coupon_id, version)
        if draft.platform_share_bp or draft.code_source != "generated" or draft.group_target is not None:
            raise FlowLacks("shares of the platform, a merchant's own codes and group deals stay with the own flow")
        owned = queries_owned.owned(conn, city_id, coupon_id, queries_owned.reached_by((), (), sees_all=True))
        assert owned is not None
        if owned.quota is not None:
            draft = drafts.changed(draft, {"quota": owned.quota})
        said = {name: value for name, value in drafts.as_json(draft).items() if name not in _NOT_OF_PARTNERS}
        places = usable_places(conn, city_id, coupon_id, MOST_SCOPE_IDS)
        return said | {"merchant_id": str(owned.merchant_id), "place_ids": [str(each) for each in places]}

    def _published(self, coupon_id: UUID, wanted: _Wanted) -> UUID:
        """The coupon's id at the flow, where the version is published now; again is as good as once."""
        path = f"/v1/flow/coupons/{coupon_id}/versions/{wanted.version}"
        return UUID(self._ask.put(path, wanted.terms)["coupon_id"])

    def _asked(self, intent: Intent, remote_id: UUID, request: ClaimRequest) -> Any:
        body: dict[str, Any] = {"coupon_id": str(remote_id), "claim_id": str(intent.claim_id)}
        if request.device_id is not None:
            body["device_id"] = request.device_id
        if request.fix is not None:
            fix = request.fix
            body["location"] = {
                "lat": fix.lat,
                "lon": fix.lon,
                "accuracy_m": fix.accuracy_m,
                "at": fix.at.isoformat(),
                "mock": fix.mock,
            }
        if request.presence is not None:
            body["place_code"] = {"place_id": str(request.presence.place_id), "code": request.presence.code}
        # A try after a refusal is another request to the flow: it has stored its refusal under the first number.
        number = f"claim:{intent.claim_id}:{int(intent.asked_at.timestamp() * 1000)}"
        return self._ask.post("/v1/claims", body, key=number, user=self._ask.user(intent.member_id))

    def resolve(self, claim_id: UUID, now: datetime) -> Plan:
        """Resolved: granted, refused, or still unknown; asked for by its id, whatever was lost."""
        city_id = city_of(claim_id)

        def prepare(conn: Connection) -> Intent:
            found = intents.intent_of(conn, city_id, claim_id, None)
            if found is None:
                raise NotFound("there is no such claim")
            return found

        def call(intent: Intent) -> Any:
            if intent.state in ("granted", "refused"):
                return None
            try:
                return self._ask.get(f"/v1/claims/{claim_id}", user=self._ask.user(intent.member_id))
            except FlowUnavailable:
                return "silence"
            except AppError as refusal:
                if refusal.code == "not-found":
                    return None
                raise

        def settle(conn: Connection, intent: Intent, found: Any) -> Resolved:
            if isinstance(found, dict):
                intents.granted(conn, city_id, claim_id, found, now)
                return Resolved("granted")
            if intent.state in ("granted", "refused"):
                return Resolved(intent.state)
            if found is None and now - intent.asked_at > LOST_AFTER:
                intents.refused(conn, city_id, claim_id, "never-arrived", now)
                return Resolved("refused")
            return Resolved("unknown")

        return Plan(prepare, settle, call)

    # the wallet

    def own(self, context: RequestContext, claim_id: UUID) -> Intent:
        """An intent of the caller; NotFound."""
        with self._database.read_primary() as conn:
            found = intents.intent_of(conn, city_of(claim_id), claim_id, context.actor.member_id)
        if found is None or found.state == "refused":
            raise NotFound("there is no such claim")
        return found

    def get(self, context: RequestContext, claim_id: UUID) -> ClaimView:
        """A claim of the caller, as the flow shows it now."""
        intent = self.own(context, claim_id)
        found = self._ask.get(f"/v1/claims/{claim_id}", user=self._ask.user(intent.member_id))
        return views.claim_view(found, intent.coupon_id)

    def listed(
        self, context: RequestContext, state: str | None, before: UUID | None, limit: int
    ) -> Sequence[ClaimView]:
        """The caller's claims as the flow showed them when they were granted, in the state that it told last."""
        assert context.actor.member_id is not None
        with self._database.read_primary() as conn:
            found = intents.wallet(conn, context.actor.member_id, _states(state), before, limit)
        return [_kept_view(intent) for intent in found]

    def count(self, context: RequestContext, state: str | None) -> int:
        """How many there are."""
        assert context.actor.member_id is not None
        with self._database.read_primary() as conn:
            return intents.count_wallet(conn, context.actor.member_id, _states(state))

    def cancel(self, context: RequestContext, claim_id: UUID, reason: str | None) -> Plan:
        """ClaimView."""
        intent = self.own(context, claim_id)
        body = {} if reason is None else {"reason": reason}

        def call(_prepared: None) -> Any:
            key = self._ask.key(context, f"cancel {claim_id}")
            return self._ask.post(f"/v1/claims/{claim_id}/cancel", body, key=key, user=self._ask.user(intent.member_id))

        def settle(conn: Connection, _prepared: None, found: Any) -> ClaimView:
            intents.granted(conn, intent.city_id, claim_id, found, context.now)
            return views.claim_view(found, intent.coupon_id)

        return Plan(lambda _conn: None, settle, call)

    def code(self, context: RequestContext, claim_id: UUID) -> CodeView:
        """The code, which is kept nowhere here."""
        intent = self.own(context, claim_id)
        return views.code_view(self._ask.get(f"/v1/claims/{claim_id}/code", user=self._ask.user(intent.member_id)))


def _states(group: str | None) -> Sequence[str] | None:
    return None if group is None else GROUPS[group]


def _kept_view(intent: Intent) -> ClaimView:
    assert intent.view is not None
    state = intent.claim_state
    shown = dict(intent.view) | {"state": state}
    if state != intent.view["state"]:
        shown |= {"next_actions": list(_NEXT.get(state, ())), "pay_until": None}
        shown["units_left"] = intent.view["units"] if state == "active" else 0
    return views.claim_view(shown, intent.coupon_id)
