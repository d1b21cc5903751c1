"""How merchants run their coupons: create, edit, publish, pause, resume, end, give more or less.

Each call is one transaction of the caller's, who commits. Edits of one coupon take turns. Locks are taken in one order:
the coupon, the city's search rows, the buckets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection

from app.core.errors import Fault, InvalidBody, NotFound, PreconditionFailed
from app.core.ids import city_of, new_city_id
from app.coupons import drafts, queries_codes, queries_owned, queries_scope, rules
from app.coupons.drafts import Draft
from app.coupons.errors import ConsentNeeded, CouponEnded, CouponNotPublished, NothingToPublish, UsableNowhere
from app.coupons.events import told
from app.coupons.search_rows import put_coupon_lanes
from app.coupons.types import EDGES, Agreement, Bucket, Owned, State
from app.outbox.queries import append
from app.postings.queries import hold_rows

Expected = Callable[[Owned], bool]
"""Whether a coupon is still as the caller saw it."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who acts, which coupons that reaches, when and in which trace."""

    member_id: UUID
    reached: ColumnElement[bool]
    now: datetime
    trace: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Terms that wait to be published, with what the platform says of them."""

    draft: Draft
    commission_bp: int
    agreed: Agreement | None


def create(conn: Connection, city_id: int, merchant_id: UUID, draft: Draft, currency: str | None, by: Author) -> Owned:
    """A coupon with terms that nobody sees yet; InvalidBody."""
    coupon = queries_owned.insert_coupon(conn, city_id, new_city_id(city_id), merchant_id, by.now)
    _refuse(rules.faults_of(draft, _facts(conn, coupon, draft, currency)))
    queries_owned.put_draft(conn, city_id, coupon.coupon_id, draft, 0, None, by.member_id, by.now)
    return coupon


def edit(
    conn: Connection, coupon_id: UUID, given: Mapping[str, Any], currency: str | None, expected: Expected, by: Author
) -> Owned:
    """Changes terms that wait; those in force are the beginning of new ones. NotFound, PreconditionFailed, InvalidBody.

    What the platform had agreed to is to be asked anew.
    """
    coupon = _open(conn, coupon_id, expected, by)
    before = waiting(conn, coupon) or in_force(conn, coupon)
    draft = drafts.changed(before.draft, given)
    _refuse(rules.faults_of(draft, _facts(conn, coupon, draft, currency)))
    agreed = before.agreed if draft == before.draft else None
    here = (coupon.city_id, coupon.coupon_id)
    queries_owned.put_draft(conn, *here, draft, before.commission_bp, agreed, by.member_id, by.now)
    return _step(conn, coupon, coupon.state, told_as=None, by=by)


def discard(conn: Connection, coupon_id: UUID, expected: Expected, by: Author) -> None:
    """Gives up terms that wait; those in force stay, and a coupon without any goes altogether. NothingToPublish."""
    coupon = _open(conn, coupon_id, expected, by)
    if not queries_owned.delete_draft(conn, coupon.city_id, coupon_id):
        raise NothingToPublish("no new terms are waiting")
    if coupon.current_version is None:
        queries_codes.delete_codes(conn, coupon.city_id, coupon_id)
        queries_owned.delete_coupon(conn, coupon.city_id, coupon_id)
    else:
        _step(conn, coupon, coupon.state, told_as=None, by=by)


def agree(
    conn: Connection, coupon_id: UUID, share_bp: int, commission_bp: int | None, expected: Expected, by: Author
) -> Owned:
    """The platform pays a share of what the waiting terms give, and says its commission; InvalidBody when the terms ask
    for another share."""
    coupon = _open(conn, coupon_id, expected, by)
    terms = waiting(conn, coupon) or in_force(conn, coupon)
    if share_bp != terms.draft.platform_share_bp:
        detail = f"the terms ask for {terms.draft.platform_share_bp}; look at them again"
        _refuse((Fault(detail, pointer="/platform_share_bp"),))
    commission = terms.commission_bp if commission_bp is None else commission_bp
    agreed = Agreement(share_bp, by.member_id, by.now)
    here = (coupon.city_id, coupon.coupon_id)
    queries_owned.put_draft(conn, *here, terms.draft, commission, agreed, by.member_id, by.now)
    return _step(conn, coupon, coupon.state, told_as=None, by=by)


def publish(conn: Connection, coupon_id: UUID, currency: str | None, expected: Expected, by: Author) -> Owned:
    """The waiting terms come into force as a new version, and searches find the coupon; claims keep their version.

    NotFound, PreconditionFailed, NothingToPublish, ConsentNeeded, UsableNowhere, InvalidBody.
    """
    coupon = _open(conn, coupon_id, expected, by)
    terms = waiting(conn, coupon)
    if terms is None:
        raise NothingToPublish("change the terms first; to offer those in force again, resume the coupon")
    draft = terms.draft
    _refuse(rules.faults_of(draft, _facts(conn, coupon, draft, currency)) + rules.late_faults(draft, by.now))
    if draft.platform_share_bp and (terms.agreed is None or terms.agreed.platform_share_bp != draft.platform_share_bp):
        raise ConsentNeeded("ask the platform's operator of this city to agree, then publish")
    city_id = coupon.city_id
    hold_rows(conn, city_id)
    version = queries_owned.last_version(conn, city_id, coupon_id) + 1
    queries_owned.insert_version(conn, city_id, coupon_id, version, draft, terms.commission_bp, by.member_id, by.now)
    queries_owned.delete_draft(conn, city_id, coupon_id)
    before, after = queries_scope.replace_places(conn, city_id, coupon.merchant_id, coupon_id, version)
    if not after:
        raise UsableNowhere("name places that are there, or a service area of one")
    columns = {"current_version": version, "quota": draft.quota, "published_at": coupon.published_at or by.now}
    about = {
        "kind": draft.kind,
        "claim_from": draft.claim_from.isoformat(),
        "claim_until": draft.claim_until.isoformat(),
        "quota": draft.quota,
    }
    published = _step(conn, coupon, "published", told_as="published", by=by, columns=columns, **about)
    _share_out(conn, published, draft, coupon.current_version)
    _put_lanes(conn, city_id, before | after)
    return published


def pause(conn: Connection, coupon_id: UUID, expected: Expected, by: Author) -> Owned:
    """Nobody finds or claims it until it is resumed; again is as good as once. CouponNotPublished."""
    coupon = _open(conn, coupon_id, expected, by)
    if coupon.state == "draft":
        raise CouponNotPublished("publish it first")
    if coupon.state == "paused":
        return coupon
    return _moved(conn, coupon, "paused", "paused", by)


def resume(conn: Connection, coupon_id: UUID, expected: Expected, by: Author) -> Owned:
    """A paused coupon is found and claimed again, under the terms in force; again is as good as once."""
    coupon = _open(conn, coupon_id, expected, by)
    if coupon.state == "draft":
        raise CouponNotPublished("publish it first")
    if coupon.state == "published":
        return coupon
    return _moved(conn, coupon, "published", "resumed", by)


def end(conn: Connection, coupon_id: UUID, expected: Expected, by: Author) -> Owned:
    """Over for good; what was claimed stays good under its terms. Again is as good as once. CouponNotPublished."""
    coupon = _locked(conn, coupon_id, expected, by)
    if coupon.state == "ended":
        return coupon
    if coupon.state == "draft":
        raise CouponNotPublished("nobody has seen it: give the draft up instead")
    queries_owned.delete_draft(conn, coupon.city_id, coupon_id)
    return _moved(conn, coupon, "ended", "ended", by, ended_at=by.now)


def give(conn: Connection, coupon_id: UUID, quota: int, expected: Expected, by: Author) -> Owned:
    """How many may be claimed in all, those included that were; CouponNotPublished, InvalidBody."""
    coupon = _open(conn, coupon_id, expected, by)
    if coupon.state == "draft" or coupon.current_version is None:
        raise CouponNotPublished("a draft's quota stands in its terms")
    before = coupon.quota
    changed = _step(
        conn, coupon, coupon.state, told_as="stock_changed", by=by, columns={"quota": quota}, before=before, quota=quota
    )
    terms = in_force(conn, changed)
    _share_out(conn, changed, terms.draft, changed.current_version)
    return changed


def codes_came(conn: Connection, coupon: Owned) -> None:
    """More codes of the merchant's own: stock that only lacked codes grows. The coupon is locked."""
    if coupon.state in ("published", "paused"):
        _share_out(conn, coupon, in_force(conn, coupon).draft, coupon.current_version)


def tell_sold_out(conn: Connection, coupon_id: UUID, now: datetime) -> bool:
    """True when a coupon on offer has nothing left, which is told; called a moment after a bucket was emptied."""
    city_id = city_of(coupon_id)
    reached = queries_owned.reached_by((), (), sees_all=True)
    coupon = queries_owned.owned(conn, city_id, coupon_id, reached, lock=True)
    if coupon is None or coupon.state != "published":
        return False
    buckets = queries_owned.buckets_of(conn, city_id, coupon_id)
    if any(each.taken < each.quota for each in buckets):
        return False
    counted = queries_owned.count_event(conn, coupon)
    taken = sum(each.taken for each in buckets)
    append(conn, told(counted, "sold_out", now, None, taken=taken, remaining=0))
    return True


# what these share


def waiting(conn: Connection, coupon: Owned) -> Waiting | None:
    """Terms that would be published now; a coupon that was never published always has some."""
    found = queries_owned.draft_of(conn, coupon.city_id, coupon.coupon_id)
    if found is not None:
        return Waiting(*found)
    return in_force(conn, coupon) if coupon.state == "draft" else None


def in_force(conn: Connection, coupon: Owned) -> Waiting:
    """The terms of the current version, with the quota that holds now; LookupError."""
    if coupon.current_version is None:
        raise LookupError(f"coupon {coupon.coupon_id} has no terms")
    draft, commission = queries_owned.version_of(conn, coupon.city_id, coupon.coupon_id, coupon.current_version)
    if coupon.quota is not None:
        draft = drafts.changed(draft, {"quota": coupon.quota})
    return Waiting(draft, commission, None)


def sharing_of(conn: Connection, coupon: Owned, draft: Draft, version: int) -> rules.Sharing:
    """What bounds a coupon's stock under a version."""

    def most_of(other: int) -> int | None:
        if other not in known:
            known[other] = drafts.most_given_minor(
                queries_owned.version_of(conn, coupon.city_id, coupon.coupon_id, other)[0]
            )
        return known[other]

    known = {version: drafts.most_given_minor(draft)}
    free = queries_codes.count_free(conn, coupon.city_id, coupon.coupon_id) if draft.code_source == "merchant" else None
    return rules.Sharing(version, draft.quota, draft.budget_minor, most_of, free)


def _share_out(conn: Connection, coupon: Owned, draft: Draft, earlier: int | None) -> None:
    """Makes the buckets what the terms, the budget and the codes allow; ``earlier`` is the version of unmarked ones."""
    assert coupon.current_version is not None
    here = (coupon.city_id, coupon.coupon_id)
    found = queries_owned.buckets_of(conn, *here, lock=True)
    marked = [Bucket(each.bucket, each.quota, each.taken, each.version or earlier) for each in found]
    sharing = sharing_of(conn, coupon, draft, coupon.current_version)
    if draft.budget_minor is not None and any(
        each.taken and sharing.most_of(each.version or coupon.current_version) is None for each in marked
    ):
        detail = "what was claimed under earlier terms can cost any amount; create another coupon with a budget"
        _refuse((Fault(detail, pointer="/budget_minor"),))
    try:
        after = rules.shared_out(marked, sharing)
    except rules.Short as short:
        why = "so many are claimed already" if short.member == "quota" else "so much can cost what is claimed already"
        _refuse((Fault(f"give {short.least} or more: {why}", pointer=f"/{short.member}"),))
        raise
    queries_owned.put_buckets(conn, *here, found, after)


def _facts(conn: Connection, coupon: Owned, draft: Draft, currency: str | None) -> rules.Facts:
    here = (coupon.city_id, coupon.coupon_id)
    published = coupon.current_version if coupon.state != "draft" else None
    return rules.Facts(
        currency=currency,
        unknown_ids=queries_scope.unknown_ids(
            conn, coupon.city_id, coupon.merchant_id, draft.scope_kind, draft.scope_ids[: rules.MOST_SCOPE_IDS]
        ),
        in_force=None if published is None else queries_owned.version_of(conn, *here, published)[0],
        shared_budgets=frozenset() if published is None else queries_owned.shared_budgets(conn, *here),
    )


def _locked(conn: Connection, coupon_id: UUID, expected: Expected, by: Author) -> Owned:
    coupon = queries_owned.owned(conn, city_of(coupon_id), coupon_id, by.reached, lock=True)
    if coupon is None:
        raise NotFound("there is no such coupon")
    if not expected(coupon):
        raise PreconditionFailed("somebody changed it meanwhile; read it again and send the change with the new ETag")
    return coupon


def _open(conn: Connection, coupon_id: UUID, expected: Expected, by: Author) -> Owned:
    coupon = _locked(conn, coupon_id, expected, by)
    if coupon.state == "ended":
        raise CouponEnded("create another coupon")
    return coupon


def _moved(conn: Connection, coupon: Owned, to: State, what: Any, by: Author, **columns: Any) -> Owned:
    """Another state, followed by the search rows."""
    hold_rows(conn, coupon.city_id)
    moved = _step(conn, coupon, to, told_as=what, by=by, columns=columns)
    _put_lanes(conn, coupon.city_id, queries_scope.places_of(conn, coupon.city_id, coupon.coupon_id))
    return moved


def _put_lanes(conn: Connection, city_id: int, place_ids: frozenset[UUID]) -> None:
    version = queries_scope.searched_version(conn, city_id)
    if version is not None and place_ids:
        put_coupon_lanes(conn, city_id, version, sorted(place_ids))


def _step(
    conn: Connection,
    coupon: Owned,
    to: State,
    *,
    told_as: Any,
    by: Author,
    columns: Mapping[str, Any] | None = None,
    **data: Any,
) -> Owned:
    if to != coupon.state and (coupon.state, to) not in EDGES:
        raise CouponEnded(f"a coupon can't go from {coupon.state} to {to}")
    moved = queries_owned.step(conn, coupon, to, told=told_as is not None, **columns or {})
    if moved is None:
        raise PreconditionFailed("somebody changed it meanwhile; read it again")
    if told_as is not None:
        append(conn, told(moved, told_as, by.now, by.trace, **data))
    return moved


def _refuse(faults: tuple[Fault, ...]) -> None:
    """InvalidBody for the faults; the first one is told in the detail."""
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise InvalidBody(f"{faults[0].pointer}: {faults[0].detail}{more}", faults=faults)
