"""Groups as plans and reads: beginning one, joining it, and what those see of it who are in it or were invited."""

from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.claims.gates import guarded
from app.claims.queries import member_claim
from app.claims.types import Claim
from app.core.db import Database
from app.core.errors import NotFound
from app.core.ids import city_of, new_city_id
from app.core.money import Money
from app.core.sealing import Keyed
from app.coupons.types import Terms
from app.flow.embedded.claims import ClaimsPart
from app.flow.embedded.granting import Seating
from app.flow.embedded.reference import Reference
from app.flow.types import ClaimRequest, ClaimView, RequestContext
from app.flow.types_groups import GroupView, JoinRequest
from app.groups import actions, queries, rules
from app.groups.errors import GroupAlreadyJoined
from app.groups.types import TAKEN, Group
from app.http.principals import Principal
from app.http.steps import Plan

_MISSING: Final = "there is no such group"
INVITE_CHARACTERS: Final = 24


class GroupsPart:
    """What members do with groups."""

    def __init__(self, database: Database, claims: ClaimsPart, reference: Reference, inviter: Keyed) -> None:
        self._database, self._claims, self._reference, self._inviter = database, claims, reference, inviter

    def start(self, context: RequestContext, request: ClaimRequest) -> Plan:
        """GroupView of a new group in which the caller has the first seat."""

        def settle(conn: Connection, _prepared: None, _outcome: None) -> GroupView:
            terms = self._claims.terms_in_force(conn, request.coupon_id, context.now)
            rules.check_offer(terms)
            group = actions.begin(conn, _new_group(terms, _member(context), context.now))
            return self._seated(conn, context, group, request)

        return Plan(lambda _conn: None, settle, refused=self._claims.gates.refused(context, request))

    def join(self, context: RequestContext, request: JoinRequest) -> Plan:
        """GroupView with the caller's new seat; a group that the caller was not invited to is as good as missing."""

        def settle(conn: Connection, _prepared: None, _outcome: None) -> GroupView:
            group = queries.lock_group(conn, city_of(request.group_id), request.group_id)
            if group is None or not self._may_see(conn, context.actor, group, request.invite):
                raise NotFound(_MISSING)
            asked = replace(request.as_claim(), coupon_id=group.coupon_id)
            return self._seated(conn, context, group, asked)

        return Plan(lambda _conn: None, settle, refused=self._claims.gates.refused(context, request.as_claim()))

    def _seated(self, conn: Connection, context: RequestContext, group: Group, request: ClaimRequest) -> GroupView:
        """The claim is granted first: it is what the seat stands on. The group's row is locked, or new."""
        member_id = _member(context)
        terms = self._claims.terms_in_force(conn, group.coupon_id, context.now)
        seat = queries.seat_of(conn, group.city_id, group.group_id, member_id)
        if seat is not None and seat.state in TAKEN:
            raise GroupAlreadyJoined("one seat a member", extra={"group_id": str(group.group_id)})
        why_not = rules.why_no_seat(group, terms, context.now)
        if why_not is not None:
            raise why_not
        seating = Seating(group.group_id, group.price_minor, group.deadline, group.state)
        claim = self._claims.granted(conn, context, request, seating)
        paid = group.price_minor == 0
        now = actions.take_seat(conn, group, member_id, claim.claim_id, context.now, context.trace, paid=paid)
        return self.view(conn, now, context.actor, context.now)

    # reading

    def get(self, actor: Principal | None, group_id: UUID, invite: str | None, now: datetime) -> GroupView:
        """A group, for who is in it, who was invited, and its merchant's people; NotFound."""
        with self._database.read_primary() as conn:
            group = queries.read_group(conn, city_of(group_id), group_id)
            if group is None or not self._may_see(conn, actor, group, invite):
                raise NotFound(_MISSING)
            return self.view(conn, group, actor, now)

    def invite_of(self, group_id: UUID) -> str:
        """What an invitation says beside the group's id: nobody can make it but us."""
        return self._inviter.of(str(group_id)).hex()[:INVITE_CHARACTERS]

    def _may_see(self, conn: Connection, actor: Principal | None, group: Group, invite: str | None) -> bool:
        if invite is not None and hmac.compare_digest(invite.encode(), self.invite_of(group.group_id).encode()):
            return True
        if actor is None:
            return False
        if actor.role != "member":
            return group.merchant_id in actor.merchant_ids
        if actor.member_id == group.member_id:
            return True
        assert actor.member_id is not None
        return queries.seat_of(conn, group.city_id, group.group_id, actor.member_id) is not None

    def view(self, conn: Connection, group: Group, actor: Principal | None, now: datetime) -> GroupView:
        """A group with the seat of who asks."""
        terms = self._reference.terms.one(conn, group.city_id, group.coupon_id, group.coupon_version)
        seat, claim = self._own_seat(conn, group, actor, now)
        member = actor is None or actor.role == "member"
        return GroupView(
            group_id=group.group_id,
            city_id=group.city_id,
            coupon_id=group.coupon_id,
            merchant_id=group.merchant_id,
            merchant_names=self._reference.merchant_names(conn, group.merchant_id),
            titles=terms.titles,
            state=group.state,
            target=group.target,
            seats=group.seats,
            joined=group.joined,
            seats_left=group.seats - group.taken,
            price=Money(group.price_minor, group.currency),
            single_price=Money(terms.price_minor, terms.currency),
            deadline=group.deadline,
            time_zone=terms.time_zone,
            claim_within_m=terms.claim_within_m,
            wants_position=guarded(terms),
            per_device=terms.per_device is not None,
            refund_policy=terms.refund_policy,
            invite=self.invite_of(group.group_id) if member else None,
            seat=seat,
            claim=claim,
            next_actions=_next_actions(group, terms, seat, claim, now) if member else (),
            created_at=group.created_at,
            decided_at=group.decided_at,
        )

    def _own_seat(
        self, conn: Connection, group: Group, actor: Principal | None, now: datetime
    ) -> tuple[str | None, ClaimView | None]:
        if actor is None or actor.member_id is None or actor.role != "member":
            return None, None
        seat = queries.seat_of(conn, group.city_id, group.group_id, actor.member_id)
        if seat is None:
            return None, None
        claim: Claim | None = member_claim(conn, group.city_id, seat.claim_id, actor.member_id)
        return seat.state, None if claim is None else self._claims.view(conn, claim, now)


def _next_actions(
    group: Group, terms: Terms, seat: str | None, claim: ClaimView | None, now: datetime
) -> tuple[str, ...]:
    """What a member can do: with their seat, or to get one; whoever is in it brings others along."""
    open_still = rules.why_no_seat(group, terms, now) is None
    if seat is None or seat == "left":
        return ("join",) if open_still else ()
    own = () if claim is None else claim.next_actions
    return (*own, "invite") if open_still else own


def _member(context: RequestContext) -> UUID:
    assert context.actor.member_id is not None
    return context.actor.member_id


def _new_group(terms: Terms, member_id: UUID, now: datetime) -> Group:
    assert terms.group_target is not None
    return Group(
        city_id=terms.city_id,
        group_id=new_city_id(terms.city_id),
        coupon_id=terms.coupon_id,
        coupon_version=terms.version,
        merchant_id=terms.merchant_id,
        member_id=member_id,
        state="open",
        target=terms.group_target,
        seats=terms.group_seats or terms.group_target,
        taken=0,
        joined=0,
        most_joined=0,
        price_minor=terms.group_price_minor or 0,
        currency=terms.currency,
        deadline=rules.deadline_of(terms, now),
        seq=0,
        created_at=now,
        decided_at=None,
        closed_at=None,
    )
