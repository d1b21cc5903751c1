"""The coupons of a demo city: one of every kind and state, on whole local days around the day of seeding."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.imports.demo import words

DAY_S: Final = 86_400
# What one unit of the amounts below is in each currency.
SCALE: Final = {"CNY": 5, "EUR": 1}


@dataclass(frozen=True, slots=True)
class Draft:
    """A coupon before it meets a city: amounts in units, days from the day of seeding.

    ``merchant`` counts from 0 and goes round the city's merchants; ``taken`` units, at most the crowd's size and of one
    free coupon a city, are claimed by made-up members; ``words`` is (title, summary); ``more`` are further
    columns of the terms as they stand.
    """

    key: str
    kind: str
    words: tuple[str, str]
    merchant: int = 0
    price: int = 0
    list_price: int | None = None
    face: int | None = None
    percent: int | None = None
    cap: int | None = None
    min_spend: int = 0
    claim_days: tuple[int, int] = (-7, 365)
    use_days: tuple[int, int] | None = (-7, 400)
    valid_days: int | None = None
    blackout_days: tuple[int, ...] = ()
    scope: str = "places"
    quota: int = 500
    taken: int = 0
    buckets: int = 1
    state: str = "published"
    group: tuple[int, int, int, int] | None = None
    units: int = 1
    more: dict[str, Any] = field(default_factory=dict)


DRAFTS: Final = (
    Draft("weekday-discount", "amount_off", ("amount_off", "plain"), 0, face=4, min_spend=20,
          more={"stacking": "with_others"}),
    Draft("tenth-off", "percent_off", ("percent_off", "plain"), 1, percent=1000, cap=5, valid_days=14, use_days=None,
          more={"per_member": 3, "per_member_day": 1}),
    Draft("voucher", "voucher", ("voucher", "plain"), 2, price=8, face=10,
          more={"refund_policy": "unused_and_expired", "per_member": 5, "commission_bp": 600}),
    Draft("lunch-for-two", "package", ("package", "lunch"), 0, price=18, list_price=26,
          more={"use_hours": "Mo-Fr 11:00-14:00; PH off", "refund_policy": "unused", "party_min": 2, "party_max": 2}),
    Draft("gift", "gift", ("gift", "plain"), 1, quota=300, valid_days=30, use_days=None,
          more={"per_device": 1, "per_day": 50}),
    Draft("group-of-three", "package", ("group_deal", "group"), 0, price=20, list_price=30, group=(12, 3, 6, 2 * DAY_S),
          more={"refund_policy": "unused_and_expired", "commission_bp": 800}),
    Draft("pre-order", "package", ("pre_order", "pre_order"), 3, price=35, list_price=45, valid_days=60, use_days=None,
          more={"fulfilment": "pre_order", "party_min": 4, "party_max": 12, "refund_policy": "unused"}),
    Draft("delivery", "amount_off", ("delivery", "delivery"), 0, face=3, min_spend=15, scope="service_areas",
          more={"fulfilment": "delivery", "platform_share_bp": 5000, "budget_minor": 200_000}),
    Draft("happy-hour", "percent_off", ("happy_hour", "happy_hour"), 2, percent=3000, cap=10,
          more={"use_hours": "Mo-Fr 15:00-18:00"}),
    Draft("not-on-busy-days", "percent_off", ("percent_off", "plain"), 3, percent=2000, cap=8, min_spend=10,
          blackout_days=(1, 2, 30, 31)),
    Draft("coming-draft", "amount_off", ("amount_off", "plain"), 0, face=6, min_spend=30, state="draft"),
    Draft("draft-gift", "gift", ("gift", "plain"), 1, state="draft"),
    Draft("paused", "percent_off", ("percent_off", "plain"), 2, percent=1500, cap=6, state="paused"),
    Draft("ended", "amount_off", ("amount_off", "plain"), 0, face=5, min_spend=20, claim_days=(-60, -10),
          use_days=(-60, -3), state="ended"),
    Draft("over-but-published", "voucher", ("voucher", "plain"), 4, price=9, face=12, claim_days=(-40, -1),
          use_days=(-40, 30)),
    Draft("next-week", "amount_off", ("amount_off", "plain"), 4, face=5, min_spend=25, claim_days=(7, 200),
          use_days=(7, 230)),
    Draft("sold-out", "gift", ("gift", "plain"), 1, quota=12, taken=12),
    Draft("here-only", "amount_off", ("nearby", "nearby"), 0, face=2, valid_days=1, use_days=None,
          more={"claim_within_m": 300, "per_member": 1}),
    Draft("flash", "voucher", ("hot", "plain"), 1, price=1, face=10, quota=1600, buckets=16,
          more={"per_member": 1, "per_device": 1, "platform_share_bp": 10_000, "budget_minor": 1_600_000}),
    Draft("district", "amount_off", ("district", "area"), 0, face=3, min_spend=18, scope="regions",
          more={"stacking": "within_group", "stack_group": "district", "platform_share_bp": 3000}),
    Draft("district-percent", "percent_off", ("percent_off", "area"), 5, percent=1200, cap=6, scope="regions",
          more={"stacking": "within_group", "stack_group": "district", "refund_below_min_spend": "claw_back"}),
    Draft("five-visits", "package", ("pass", "plain"), 1, price=20, list_price=30, units=5, valid_days=180,
          use_days=None, more={"refund_policy": "unused", "offline_allowed": True}),
    Draft("merchant-codes", "amount_off", ("amount_off", "plain"), 5, face=8, min_spend=40, quota=200,
          more={"code_source": "merchant", "rounding_rule": "half_even"}),
    Draft("pick-up", "percent_off", ("percent_off", "area"), 2, percent=1000, cap=4, scope="service_areas",
          more={"fulfilment": "pickup"}),
    Draft("loyal", "gift", ("gift", "plain"), 6, quota=1000, more={"per_member": 10, "per_member_day": 1}),
    Draft("weekend", "package", ("package", "plain"), 6, price=30, list_price=42,
          more={"use_hours": "Sa-Su 10:00-20:00", "reversal_window_s": 7200}),
)  # fmt: skip

_PLAIN: Final[dict[str, Any]] = {
    "use_hours": None,
    "claim_within_m": None,
    "fulfilment": "in_store",
    "party_min": None,
    "party_max": None,
    "per_day": None,
    "per_member": 1,
    "per_member_day": None,
    "per_device": None,
    "stacking": "exclusive",
    "stack_group": None,
    "reversal_window_s": 3600,
    "refund_policy": "none",
    "refund_below_min_spend": "keep",
    "rounding_rule": "floor",
    "budget_minor": None,
    "platform_share_bp": 0,
    "commission_bp": 500,
    "code_source": "generated",
    "offline_allowed": False,
}


def local_midnight(now: datetime, zone: ZoneInfo, days: int) -> datetime:
    """The midnight that begins the local day ``days`` after today's."""
    today = now.astimezone(zone).date() + timedelta(days=days)
    return datetime(today.year, today.month, today.day, tzinfo=zone)


def terms_of(
    draft: Draft, *, currency: str, time_zone: str, goods: str, languages: tuple[str, ...], now: datetime
) -> dict[str, Any]:
    """The columns of version 1 of a coupon's terms, without its ids."""
    zone = ZoneInfo(time_zone)
    today: date = now.astimezone(zone).date()
    minor = SCALE.get(currency, 1) * 100

    def amount(units: int | None) -> int | None:
        return None if units is None else units * minor

    group = draft.group or (None, None, None, None)
    use_from, use_until = (local_midnight(now, zone, day) for day in draft.use_days) if draft.use_days else (None, None)
    return _PLAIN | {
        "kind": draft.kind,
        "titles": _titles(draft, currency, goods, languages),
        "summaries": words.in_languages(words.SUMMARIES[draft.words[1]], languages),
        "currency": currency,
        "price_minor": amount(draft.price),
        "list_price_minor": amount(draft.list_price),
        "face_value_minor": amount(draft.face),
        "percent_off_bp": draft.percent,
        "cap_minor": amount(draft.cap),
        "min_spend_minor": amount(draft.min_spend),
        "time_zone": time_zone,
        "claim_from": local_midnight(now, zone, draft.claim_days[0]),
        "claim_until": local_midnight(now, zone, draft.claim_days[1]),
        "use_from": use_from,
        "use_until": use_until,
        "valid_days_after_claim": draft.valid_days,
        "blackout_dates": [today + timedelta(days=day) for day in draft.blackout_days],
        "scope_kind": draft.scope,
        "quota": draft.quota,
        "units": draft.units,
        "group_price_minor": amount(group[0]),
        "group_target": group[1],
        "group_seats": group[2],
        "group_deadline_s": group[3],
        **draft.more,
    }


def stock_of(draft: Draft) -> list[tuple[int, int, int]]:
    """(bucket, quota, taken) of a coupon's stock; what was taken is spread like the quota."""
    return [
        (bucket, _share(draft.quota, bucket, draft.buckets), _share(draft.taken, bucket, draft.buckets))
        for bucket in range(draft.buckets)
    ]


def _share(total: int, index: int, parts: int) -> int:
    return total * (index + 1) // parts - total * index // parts


def _titles(draft: Draft, currency: str, goods: str, languages: tuple[str, ...]) -> dict[str, str]:
    scale = SCALE.get(currency, 1)
    first, second = _amounts(draft)
    titles = words.in_languages(words.TITLES[draft.words[0]], languages)
    return {
        language: title.format(
            a=words.money(first * scale, currency, language),
            b=words.money(second * scale, currency, language),
            p=(draft.percent or 0) // 100,
            n=draft.group[1] if draft.group else draft.units,
            goods=words.GOODS[goods].get(language, words.GOODS[goods]["en"]),
        )
        for language, title in titles.items()
    }


def _amounts(draft: Draft) -> tuple[int, int]:
    """The two amounts that a title speaks of."""
    if draft.kind == "amount_off":
        return draft.face or 0, draft.min_spend
    if draft.kind == "percent_off":
        return draft.cap or 0, draft.min_spend
    if draft.kind == "voucher":
        return draft.price, draft.face or 0
    return (draft.group[0] if draft.group else draft.price), draft.price if draft.group else draft.list_price or 0
