"""What a request needs besides itself, put together once by the factory."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import current_app

from app.core.clock import Clock, SkewWatch
from app.core.db import Database
from app.core.paging import CursorCodec
from app.core.settings import Settings
from app.http.principals import Principals


@dataclass(frozen=True, slots=True)
class Services:
    """The parts that routes share."""

    settings: Settings
    database: Database
    clock: Clock
    cursors: CursorCodec
    principals: Principals
    skew: SkewWatch = field(default_factory=SkewWatch)


def services() -> Services:
    """The parts of the application in hand."""
    found: Services = current_app.extensions["fujin"]
    return found
