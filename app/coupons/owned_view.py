"""A coupon as its merchant sees it, put together from what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from app.coupons import actions, queries_codes, queries_owned, rules
from app.coupons.drafts import Draft, as_json, most_given_minor
from app.coupons.types import Owned

Json = dict[str, Any]


def terms_json(draft: Draft, commission_bp: int) -> Json:
    """Terms with what follows from them."""
    return as_json(draft) | {"commission_bp": commission_bp, "most_given_minor": most_given_minor(draft)}


def owned_json(conn: Connection, coupon: Owned) -> Json:
    """Everything about one coupon."""
    waiting = actions.waiting(conn, coupon)
    terms = actions.in_force(conn, coupon) if coupon.current_version is not None and coupon.state != "draft" else None
    draft = None
    if waiting is not None:
        agreed = waiting.agreed
        draft = terms_json(waiting.draft, waiting.commission_bp) | {
            "agreed": agreed
            and {"platform_share_bp": agreed.platform_share_bp, "agreed_at": agreed.agreed_at.isoformat()}
        }
    found = {
        "coupon_id": str(coupon.coupon_id),
        "city_id": coupon.city_id,
        "merchant_id": str(coupon.merchant_id),
        "state": coupon.state,
        "version": coupon.current_version if terms else None,
        "revision": coupon.revision,
        "created_at": coupon.created_at,
        "published_at": coupon.published_at,
        "ended_at": coupon.ended_at,
        "terms": None if terms is None else terms_json(terms.draft, terms.commission_bp),
        "draft": draft,
        "next_actions": next_actions(coupon, has_draft=waiting is not None),
    }
    said = terms or waiting
    own_codes = said is not None and said.draft.code_source == "merchant"
    codes = queries_codes.count_codes(conn, coupon.city_id, coupon.coupon_id) if own_codes else None
    return found | stock_json(conn, coupon) | {"codes": codes and {"uploaded": codes.uploaded, "left": codes.left}}


def stock_json(conn: Connection, coupon: Owned) -> Json:
    """``stock`` and ``budget``; both null before the first publication, ``budget`` where there is none."""
    if coupon.state == "draft" or coupon.current_version is None:
        return {"stock": None, "budget": None}
    terms = actions.in_force(conn, coupon)
    sharing = actions.sharing_of(conn, coupon, terms.draft, coupon.current_version)
    buckets = queries_owned.buckets_of(conn, coupon.city_id, coupon.coupon_id)
    view = rules.stock_view(buckets, sharing)
    budget = terms.draft.budget_minor
    return {
        "stock": {"quota": view.quota, "taken": view.taken, "left": view.left, "bounded_by": view.bounded_by},
        "budget": None
        if budget is None
        else {"budget_minor": budget, "reserved_minor": rules.reserved_minor(buckets, sharing)},
    }


def next_actions(coupon: Owned, *, has_draft: bool) -> list[str]:
    """What can be done with a coupon now."""
    if coupon.state == "ended":
        return []
    found = ["edit"]
    if has_draft:
        found.append("publish")
        found.append("discard")
    if coupon.state == "published":
        found.append("pause")
    if coupon.state == "paused":
        found.append("resume")
    return [*found, *(["stock", "end"] if coupon.state != "draft" else [])]


def briefs_json(conn: Connection, found: Sequence[Owned]) -> list[Json]:
    """Coupons in a list: two or three statements a city."""
    briefs = {}
    for city_id in sorted({each.city_id for each in found}):
        here = [each for each in found if each.city_id == city_id]
        drafts = queries_owned.drafted(conn, city_id, [each.coupon_id for each in here])
        keys = [(each.coupon_id, each.current_version) for each in here if each.current_version is not None]
        terms = queries_owned.versions_of(conn, city_id, keys)
        stocks = queries_owned.stocks_of(conn, city_id, [each.coupon_id for each in here])
        for each in here:
            waiting = drafts.get(each.coupon_id)
            in_force = terms.get((each.coupon_id, each.current_version or 0))
            shown = in_force[0] if in_force and each.state != "draft" else waiting or (in_force and in_force[0])
            assert shown is not None
            taken, left = stocks.get(each.coupon_id, (0, 0))
            briefs[each.coupon_id] = {
                "coupon_id": str(each.coupon_id),
                "city_id": city_id,
                "state": each.state,
                "version": each.current_version if each.state != "draft" else None,
                "kind": shown.kind,
                "titles": dict(shown.titles),
                "claim_until": shown.claim_until,
                "has_draft": waiting is not None or each.state == "draft",
                "taken": taken,
                "left": left,
                "created_at": each.created_at,
            }
    return [briefs[each.coupon_id] for each in found]
