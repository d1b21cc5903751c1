"""Coupons that partners publish under ids and version numbers of their own, which are mapped and never decoded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson
from sqlalchemy import ColumnElement, Connection

from app.cities.queries import territory_by_id
from app.cities.types import Territory
from app.core.db import Database
from app.core.errors import Fault, InvalidBody, NotFound, Unavailable
from app.core.ids import city_of
from app.coupons import actions, drafts, queries_owned
from app.coupons.actions import Author
from app.coupons.drafts import Draft
from app.coupons.types import Owned
from app.flow.embedded import queries_partner
from app.flow.embedded.queries_partner import Mapped, MappedVersion
from app.flow.errors import CouponVersionTaken, CouponVersionTooLow
from app.flow.types import PartnerCouponView, PartnerTerms, RequestContext
from app.http.principals import Principal, require_scope
from app.http.steps import Plan
from app.merchants.queries import merchant_by_id

SCOPE: Final = "coupons:write"


class PartnerCoupons:
    """Publishes, gives stock and ends; the terms themselves are the merchants' own (``app/coupons``)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def publish(self, context: RequestContext, wanted: PartnerTerms) -> Plan:
        """PartnerCouponView. The same number with the same terms is answered as it is now; CouponVersionTaken,
        CouponVersionTooLow, and whatever terms can be refused for."""

        def settle(conn: Connection, _prepared: None, _outcome: None) -> PartnerCouponView:
            key = _key(context.actor, wanted.external_id)
            digest = _digest(wanted)
            known = queries_partner.mapped(conn, key, lock=True)
            if known is not None and _published_before(conn, key, wanted, digest):
                return self._view(conn, context, wanted.external_id, known)
            merchant_id, city = _whose(conn, context.actor, wanted)
            draft, by = _draft(city, wanted), _author(context)
            if known is None:
                coupon = actions.create(conn, city.city_id, merchant_id, draft, city.currency, by)
                known = Mapped(key, city.city_id, coupon.coupon_id, merchant_id)
                if not queries_partner.add_mapping(conn, known, context.now):
                    raise Unavailable("the id is being published for the first time; try again", retry_after_s=1)
            else:
                _refuse_moved(known, merchant_id, city.city_id)
                members = {name: getattr(draft, name) for name in drafts.NAMES}
                actions.edit(conn, known.coupon_id, members, city.currency, _always, by)
            published = actions.publish(conn, known.coupon_id, city.currency, _always, by)
            assert published.current_version is not None
            fresh = MappedVersion(wanted.version, published.current_version, digest)
            queries_partner.add_version(conn, key, fresh, context.now)
            return self._view(conn, context, wanted.external_id, known)

        return Plan(_scoped(context), settle)

    def set_stock(self, context: RequestContext, external_id: str, quota: int) -> Plan:
        """PartnerCouponView; how many may be claimed in all, those included that were."""
        return self._step(
            context,
            external_id,
            lambda conn, known: actions.give(conn, known.coupon_id, quota, _always, _author(context)),
        )

    def end(self, context: RequestContext, external_id: str) -> Plan:
        """PartnerCouponView; again is as good as once."""
        return self._step(
            context, external_id, lambda conn, known: actions.end(conn, known.coupon_id, _always, _author(context))
        )

    def get(self, context: RequestContext, external_id: str) -> PartnerCouponView:
        """The coupon of a partner's id as it is now; NotFound."""
        require_scope(context.actor, SCOPE)
        with self._database.read_primary() as conn:
            known = _mapped(conn, context.actor, external_id, lock=False)
            return self._view(conn, context, external_id, known)

    def _step(self, context: RequestContext, external_id: str, step: Callable[[Connection, Mapped], Owned]) -> Plan:
        def settle(conn: Connection, _prepared: None, _outcome: None) -> PartnerCouponView:
            known = _mapped(conn, context.actor, external_id, lock=True)
            step(conn, known)
            return self._view(conn, context, external_id, known)

        return Plan(_scoped(context), settle)

    def _view(self, conn: Connection, context: RequestContext, external_id: str, known: Mapped) -> PartnerCouponView:
        coupon = queries_owned.owned(conn, known.city_id, known.coupon_id, _reached(context.actor))
        newest = queries_partner.mapped_version(conn, known.external_key, None)
        if coupon is None or newest is None:
            raise NotFound("there is no such coupon")
        buckets = queries_owned.buckets_of(conn, known.city_id, known.coupon_id)
        return PartnerCouponView(
            external_id=external_id,
            version=newest.external_version,
            coupon_id=coupon.coupon_id,
            coupon_version=newest.coupon_version,
            city_id=coupon.city_id,
            merchant_id=coupon.merchant_id,
            state=coupon.state,
            taken=sum(bucket.taken for bucket in buckets),
            left=sum(bucket.quota - bucket.taken for bucket in buckets),
        )


def _scoped(context: RequestContext) -> Callable[[Connection], None]:
    def prepare(_conn: Connection) -> None:
        require_scope(context.actor, SCOPE)

    return prepare


def _always(_coupon: Owned) -> bool:
    return True


def _key(actor: Principal, external_id: str) -> str:
    return f"{actor.subject}|{external_id}"


def _digest(wanted: PartnerTerms) -> bytes:
    said = {"merchant_id": wanted.merchant_id, "place_ids": sorted(wanted.place_ids), "terms": dict(wanted.terms)}
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()


def _mapped(conn: Connection, actor: Principal, external_id: str, *, lock: bool) -> Mapped:
    known = queries_partner.mapped(conn, _key(actor, external_id), lock=lock)
    if known is None or known.merchant_id not in actor.merchant_ids:
        raise NotFound("there is no such coupon")
    return known


def _published_before(conn: Connection, key: str, wanted: PartnerTerms, digest: bytes) -> bool:
    """True for a number that stands for these very terms; CouponVersionTaken, CouponVersionTooLow."""
    same = queries_partner.mapped_version(conn, key, wanted.version)
    if same is not None:
        if same.terms_hash != digest:
            raise CouponVersionTaken(
                f"version {wanted.version} has other terms; terms are never changed, only followed"
            )
        return True
    newest = queries_partner.mapped_version(conn, key, None)
    if newest is not None and wanted.version < newest.external_version:
        raise CouponVersionTooLow(f"version {newest.external_version} is in force; give a higher number")
    return False


def _whose(conn: Connection, actor: Principal, wanted: PartnerTerms) -> tuple[UUID, Territory]:
    merchant_id = wanted.merchant_id or (actor.merchant_ids[0] if len(actor.merchant_ids) == 1 else None)
    if merchant_id is None:
        said = "say which of your merchants it is for"
        raise InvalidBody(said, faults=[Fault(said, pointer="/merchant_id")])
    if merchant_id not in actor.merchant_ids or merchant_by_id(conn, merchant_id) is None:
        raise NotFound("there is no such merchant")
    cities = {city_of(place_id) for place_id in wanted.place_ids}
    city = territory_by_id(conn, min(cities)) if len(cities) == 1 else None
    if city is None or city.currency is None:
        said = "name places of one city"
        raise InvalidBody(said, faults=[Fault(said, pointer="/place_ids")])
    return merchant_id, city


def _draft(city: Territory, wanted: PartnerTerms) -> Draft:
    terms = wanted.terms
    assert city.currency is not None
    first = Draft(
        kind=terms["kind"],
        titles=terms["titles"],
        summaries={},
        currency=city.currency,
        time_zone=city.time_zone,
        claim_from=terms["claim_from"],
        claim_until=terms["claim_until"],
        quota=terms["quota"],
        scope_kind="places",
    )
    return drafts.changed(first, {**terms, "scope_ids": wanted.place_ids})


def _refuse_moved(known: Mapped, merchant_id: UUID, city_id: int) -> None:
    for member, is_same in (("merchant_id", merchant_id == known.merchant_id), ("place_ids", city_id == known.city_id)):
        if not is_same:
            said = "a coupon stays with its merchant and in its city; publish another one"
            raise InvalidBody(said, faults=[Fault(said, pointer=f"/{member}")])


def _reached(actor: Principal) -> ColumnElement[bool]:
    return queries_owned.reached_by(actor.merchant_ids, (), sees_all=False)


def _author(context: RequestContext) -> Author:
    """The client stands as its own author, under a number made of its name."""
    author = uuid5(NAMESPACE_URL, f"partner:{context.actor.subject}")
    return Author(author, _reached(context.actor), context.now, context.trace)
