"""How transfers become lines, lines a statement, and a statement a file. Pure."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from app.core.machines import SETTLEMENT
from app.settlements.types import AMOUNTS, Amounts, Collected, Entry, Happening, Line, Netting, Sale, Settlement

EDGES: Final = SETTLEMENT.edges
UNDO: Final = "undo_"
_ORDER: Final[dict[str, int]] = {"sale": 0, "payment": 1, "refund": 2, "reversal": 3}
_Key = tuple[Happening, UUID, UUID | None]

# Columns of the file. More may follow behind them, none is ever renamed or taken away.
COLUMNS: Final = (
    *("line_no", "happening", "happened_at", "redemption_id", "payment_id", "refund_id", "place_id", "request_no"),
    *("pos_order_no", "currency", *AMOUNTS),
)


def collect(entries: Iterable[Entry], sales: Mapping[UUID, Sale]) -> Collected:
    """Lines of some transfers, in the order of time; each transfer goes into one line.

    Of a redemption there is one line for its sale and one for its reversal. Money that came after the sale, and each
    refund that was asked for, have a line of their own.
    """
    groups: dict[_Key, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(_key(entry, sales[entry.redemption_id]), []).append(entry)
    ordered = sorted(groups.items(), key=lambda item: _place(item[0], item[1]))
    lines = tuple(_line(number, key, group, sales[key[1]]) for number, (key, group) in enumerate(ordered, 1))
    by_line = {number: tuple(group) for number, (_, group) in enumerate(ordered, 1)}
    for line in lines:
        _check(line, by_line[line.line_no])
    return Collected(lines, by_line, sum((line.amounts for line in lines), Amounts()))


def _key(entry: Entry, sale: Sale) -> _Key:
    if entry.refund_id is not None:
        if entry.refund_cause == "reversal":
            return "reversal", entry.redemption_id, None
        return "refund", entry.redemption_id, entry.refund_id
    if entry.kind.startswith(UNDO):
        return "reversal", entry.redemption_id, None
    if entry.payment_id is not None and entry.posted_at != sale.committed_at:
        return "payment", entry.redemption_id, entry.payment_id
    return "sale", entry.redemption_id, None


def _place(key: _Key, group: Sequence[Entry]) -> tuple[datetime, UUID, int, UUID]:
    happening, redemption_id, other = key
    return min(entry.posted_at for entry in group), redemption_id, _ORDER[happening], other or UUID(int=0)


def _line(number: int, key: _Key, group: Sequence[Entry], sale: Sale) -> Line:
    happening, redemption_id, _ = key
    return Line(
        line_no=number,
        happening=happening,
        happened_at=min(entry.posted_at for entry in group),
        redemption_id=redemption_id,
        payment_id=next((entry.payment_id for entry in group if entry.payment_id is not None), None),
        refund_id=next((entry.refund_id for entry in group if entry.refund_id is not None), None),
        place_id=sale.place_id,
        request_no=sale.request_no,
        pos_order_no=sale.pos_order_no,
        amounts=_AMOUNTS_OF[happening](group, sale),
    )


def _amounts(*, paid: int, to_merchant: int, fee: int, sale: Sale | None = None, sign: int = 1) -> Amounts:
    """Amounts from what the customer paid (or got back) and, for a sale or its reversal, who funded the discount."""
    unused, merchant, platform, commission = (
        (0, 0, 0, 0)
        if sale is None
        else (
            sign * sale.unused_minor,
            sign * sale.merchant_discount_minor,
            sign * sale.platform_discount_minor,
            sign * sale.commission_minor,
        )
    )
    return Amounts(
        gross_minor=merchant + platform + paid - unused,
        unused_minor=unused,
        merchant_discount_minor=merchant,
        platform_discount_minor=platform,
        paid_minor=paid,
        paid_to_merchant_minor=to_merchant,
        provider_fee_minor=fee,
        platform_fee_minor=commission,
        tax_base_minor=platform + paid,
        net_minor=paid - to_merchant + platform - commission,
    )


def _sold(group: Sequence[Entry], sale: Sale) -> Amounts:
    """What did not come through a provider together with the sale is with the merchant, who took it at the till."""
    through_provider = sum(entry.amount_minor for entry in group if entry.payment_id is not None)
    return _amounts(
        paid=sale.prepaid_minor + sale.payable_minor,
        to_merchant=sale.payable_minor - through_provider,
        fee=_fees(group) + sale.prepaid_fee_minor,
        sale=sale,
    )


def _paid_late(group: Sequence[Entry], _sale: Sale) -> Amounts:
    """The till had gone on without the provider, as if it had taken the money itself; now the platform has it."""
    return _amounts(paid=0, to_merchant=-sum(entry.amount_minor for entry in group), fee=_fees(group))


def _refunded(group: Sequence[Entry], _sale: Sale) -> Amounts:
    return _amounts(paid=sum(entry.amount_minor for entry in group), to_merchant=0, fee=-_fees(group))


def _reversed(group: Sequence[Entry], sale: Sale) -> Amounts:
    """All that the sale did goes back: the provider's part by refund, what the till took by the till."""
    back = -sum(entry.amount_minor for entry in group if entry.refund_id is not None)
    to_merchant = sale.payable_minor - sale.captured_minor
    return _amounts(
        paid=-(sale.prepaid_minor + back + to_merchant),
        to_merchant=-to_merchant,
        fee=-_fees(group) - sale.prepaid_fee_minor,
        sale=sale,
        sign=-1,
    )


def _fees(group: Sequence[Entry]) -> int:
    """The provider's fees of the payments, or what it returned of them with the refunds, of a line."""
    return sum(entry.fee_minor for entry in group)


_AMOUNTS_OF: Final = {"sale": _sold, "payment": _paid_late, "refund": _refunded, "reversal": _reversed}


def _check(line: Line, entries: Sequence[Entry]) -> None:
    """A line that is not its transfers' sum must not be shown to anybody."""
    moved = sum(entry.amount_minor for entry in entries)
    if line.amounts.net_minor != moved:
        raise AssertionError(
            f"{line.happening} of redemption {line.redemption_id} comes to {line.amounts.net_minor}, its transfers to"
            f" {moved}"
        )


def net(opening_minor: int, lines_minor: int, open_receivable_minor: int, floor_minor: int) -> Netting:
    """What becomes of a statement: paid out, carried on down to the floor, or receivable beyond it.

    ``floor_minor`` is how far below zero a merchant may carry on. What is receivable from before is held back first.
    """
    whole = opening_minor + lines_minor
    receivable = max(0, -floor_minor - whole)
    recovered = min(open_receivable_minor, max(whole, 0))
    left = whole + receivable - recovered
    return Netting(opening_minor, lines_minor, receivable, recovered, max(left, 0), min(left, 0))


def file_of(settlement_currency: str, lines: Iterable[Line]) -> bytes:
    """The statement's file: CSV of RFC 4180 in UTF-8, one row a line behind the row of names.

    The same lines give the same bytes, for ever: the file's hash is told when a statement is closed.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for line in lines:
        amounts = [getattr(line.amounts, name) for name in AMOUNTS]
        ids = [_text(each) for each in (line.redemption_id, line.payment_id, line.refund_id, line.place_id)]
        words = [_guarded(line.request_no), _guarded(line.pos_order_no or "")]
        at = line.happened_at.astimezone(UTC).isoformat(timespec="microseconds")
        writer.writerow([line.line_no, line.happening, at, *ids, *words, settlement_currency, *amounts])
    return out.getvalue().encode()


def _text(value: UUID | None) -> str:
    return "" if value is None else str(value)


def _guarded(cell: str) -> str:
    """Words of others never begin a formula in a spreadsheet."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def hash_of(file: bytes) -> bytes:
    """What a closed statement's file is recognised by."""
    return hashlib.sha256(file).digest()


def file_name(settlement: Settlement) -> str:
    """A name that sorts: the last day of the period, the currency, the number."""
    day = settlement.period_to.astimezone(UTC).date()
    return f"settlement-{day:%Y%m%d}-{settlement.currency}-{settlement.number}.csv"
