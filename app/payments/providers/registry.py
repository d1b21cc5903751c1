"""Every provider that this installation can talk to; those on offer for new payments are a setting."""

from __future__ import annotations

from collections.abc import Mapping

from app.core.clock import Clock
from app.core.db import Database
from app.core.settings import Settings
from app.payments.providers.cash import Cash
from app.payments.providers.gateway import Provider
from app.payments.providers.test_wallet import TestWallet, notice_secret


def providers_of(settings: Settings, database: Database, clock: Clock) -> Mapping[str, Provider]:
    """Providers by name, also those no longer on offer: payments that they began are still asked for."""
    wallet = TestWallet(database, notice_secret(settings), clock)
    return {each.name: each for each in (Cash(), wallet)}
