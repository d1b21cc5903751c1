"""Coupons that partners publish under ids of their own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from app.core.errors import NotFound
from app.flow.routes_common import context, flow
from app.flow.schemas_partner import EndBody, PartnerCouponAnswer, PartnerTermsBody, StockBody
from app.flow.types import PartnerCouponView, PartnerTerms
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import allow
from app.http.caching import NO_STORE
from app.http.steps import Plan, run_plan

blueprint = Blueprint("partner_coupons", __name__, description="Coupons of partners, under ids of their own")

PARTNERS = allow(
    "partner", owner="partner_coupons.external_key begins with the principal, its merchant_id is one of the principal's"
)
ONE: Final = "/v1/flow/coupons/<external_id>"
_EXTERNAL_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~-]{0,99}", re.ASCII)
_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_PROBLEMS: Final = (
    "not-found",
    "scope-missing",
    "clock-skew",
    "coupon-ended",
    "flow-unavailable",
    "flow-lacks",
    "unavailable",
)
_OURS: Final = frozenset({"merchant_id", "place_ids"})


def _json(view: PartnerCouponView) -> dict[str, Any]:
    return {
        "external_id": view.external_id,
        "version": view.version,
        "coupon_id": str(view.coupon_id),
        "coupon_version": view.coupon_version,
        "city_id": view.city_id,
        "merchant_id": str(view.merchant_id),
        "state": view.state,
        "stock": {"taken": view.taken, "left": view.left},
    }


def _present(view: PartnerCouponView) -> Answer:
    return Answer(_json(view), headers=NO_STORE)


def _run(external_id: str, plan: Callable[[], Plan]) -> Answer:
    if not _EXTERNAL_ID.fullmatch(external_id):
        raise NotFound("an id has 1 to 100 letters, digits and . _ : ~ - after a letter or digit")
    return run_plan(plan(), None, _present)


@blueprint.put(
    f"{ONE}/versions/<version>",
    policy=PARTNERS,
    body=PartnerTermsBody,
    answer=PartnerCouponAnswer,
    problems=(
        *_PROBLEMS,
        *("coupon-version-taken", "coupon-version-too-low", "platform-consent-needed", "coupon-usable-nowhere"),
    ),
)
def publish_partner_coupon(external_id: str, version: str, body: dict[str, Any]) -> Answer:
    """Publishes a version of the terms: at once in force for new claims, those granted keep theirs.

    A number stands for its terms for ever: the same again is answered as the coupon is now, so that a lost answer is
    simply asked for again; other terms under it are refused, and so is a number below the one in force.
    """
    if not _VERSION.fullmatch(version):
        raise NotFound("a version is a number from 1 to 999999999")
    wanted = PartnerTerms(
        external_id=external_id,
        version=int(version),
        merchant_id=body.get("merchant_id"),
        place_ids=tuple(body["place_ids"]),
        terms={name: value for name, value in body.items() if name not in _OURS},
    )
    return _run(external_id, lambda: flow().publish_coupon_version(context(), wanted))


@blueprint.put(
    f"{ONE}/stock",
    policy=PARTNERS,
    body=StockBody,
    answer=PartnerCouponAnswer,
    problems=(*_PROBLEMS, "coupon-not-published"),
)
def set_partner_stock(external_id: str, body: dict[str, Any]) -> Answer:
    """How many may be claimed in all, those included that were."""
    return _run(external_id, lambda: flow().set_stock(context(), external_id, body["quota"]))


@blueprint.post(
    f"{ONE}/end",
    policy=PARTNERS,
    body=EndBody,
    answer=PartnerCouponAnswer,
    problems=(*_PROBLEMS, "coupon-not-published"),
)
def end_partner_coupon(external_id: str, body: dict[str, Any]) -> Answer:  # noqa: ARG001 - an empty object
    """Over for good; what was claimed stays good under its terms. Again is as good as once."""
    return _run(external_id, lambda: flow().end_coupon(context(), external_id))


@blueprint.get(ONE, policy=PARTNERS, answer=PartnerCouponAnswer, problems=("not-found", "scope-missing"))
def one_partner_coupon(external_id: str) -> Answer:
    """A coupon of one's own as it is at this moment."""
    return _present(flow().get_partner_coupon(context(), external_id))
