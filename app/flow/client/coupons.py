"""What becomes of our coupons at a flow elsewhere after they were published there: more or less stock, and the end."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection

from app.core.errors import AppError
from app.flow.client import intents
from app.flow.client.asking import Asking
from app.flow.client.intents import Standing
from app.flow.errors import FlowUnavailable
from app.http.steps import Plan, run_job

BATCH: Final = 20

log = logging.getLogger("fujin.flow")


def push(ask: Asking) -> int:
    """Tells the flow what it does not know yet of our coupons; how many it was told of. Again is as good as once."""

    def call(waiting: Sequence[Standing]) -> list[Standing]:
        told: list[Standing] = []
        for coupon in waiting:
            try:
                _tell(ask, coupon)
            except FlowUnavailable:
                break  # the next turn goes on here
            except AppError as refusal:
                # such as less than what is claimed: the flow is right, and asking again would change nothing
                log.warning(
                    "the flow refused a coupon's step", extra={"coupon_id": coupon.coupon_id, "code": refusal.code}
                )
            told.append(coupon)
        return told

    def settle(conn: Connection, _waiting: Any, told: list[Standing]) -> int:
        for coupon in told:
            intents.put_standing(conn, coupon)
        return len(told)

    return int(run_job(Plan(lambda conn: intents.unlike(conn, BATCH), settle, call)))


def _tell(ask: Asking, coupon: Standing) -> None:
    path = f"/v1/flow/coupons/{coupon.coupon_id}"
    if coupon.ended:
        ask.post(f"{path}/end", {}, key=None)
    else:
        ask.put(f"{path}/stock", {"quota": coupon.quota})
