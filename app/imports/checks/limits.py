"""The limits of the gate as an installation sets them."""

from __future__ import annotations

from app.core.settings import Settings
from app.imports.checks.types import Limits


def limits_of(settings: Settings) -> Limits:
    """From where on a change of regional data asks for somebody's word here."""
    return Limits(
        count_change=settings.gate_count_change,
        lost_share=settings.gate_lost_share,
        moved_m=settings.gate_moved_m,
        reshaped_share=settings.gate_reshaped_share,
        unpacked_bytes=settings.unpacked_max_bytes,
        unpack_ratio=settings.unpack_ratio,
    )
