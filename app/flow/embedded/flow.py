"""The embedded flow: claims, tills and payments over our own database, behind the one gateway."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.claims.codes import code_keys
from app.core.db import Database
from app.core.sealing import Keyed, derived_key
from app.core.settings import Settings
from app.flow.embedded.claim_ends import ClaimEnds
from app.flow.embedded.claims import ClaimsPart
from app.flow.embedded.reference import Reference
from app.flow.types import Capabilities, ClaimRequest, ClaimView, CodeView, RequestContext
from app.http.steps import Plan

VERSION = "1"


class EmbeddedFlow:
    """Composes the parts; each method is described in ``gateway.FlowGateway``."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        reference = Reference()
        keys = code_keys(settings.code_pepper, settings.secret_key)
        devices = Keyed(derived_key(settings.code_pepper, "device"))
        payments: Any = None
        self.claims = ClaimsPart(database, keys, devices, reference)
        self.claim_ends = ClaimEnds(database, self.claims, payments, reference)

    def capabilities(self) -> Capabilities:
        """What this flow can do."""
        return Capabilities(
            version=VERSION,
            hold=True,
            multi_unit=True,
            partial_refund=True,
            reverse_window_s=3600,
            offline=False,
            rotating_code=False,
            group=False,
            points=False,
            providers=self._settings.providers,
            currencies=("CNY", "EUR"),
        )

    def grant_claim(self, context: RequestContext, request: ClaimRequest) -> Plan:
        """ClaimView."""
        return self.claims.grant(context, request)

    def get_claim(self, context: RequestContext, claim_id: UUID) -> ClaimView:
        """One of the caller's claims."""
        return self.claims.get(context, claim_id)

    def list_claims(
        self, context: RequestContext, state: str | None, before: UUID | None, limit: int
    ) -> Sequence[ClaimView]:
        """The caller's claims, newest first."""
        return self.claims.listed(context, state, before, limit)

    def count_claims(self, context: RequestContext, state: str | None) -> int:
        """How many there are."""
        return self.claims.count(context, state)

    def cancel_claim(self, context: RequestContext, claim_id: UUID, reason: str | None) -> Plan:
        """ClaimView."""
        return self.claim_ends.cancel(context, claim_id, reason)

    def present_code(self, context: RequestContext, claim_id: UUID) -> CodeView:
        """The code of one of the caller's claims."""
        return self.claims.present_code(context, claim_id)

    def due_work(self, city_id: int, now: datetime) -> Sequence[Plan]:
        """Claims past their time to pay or to be used."""
        return (self.claim_ends.release_unpaid(city_id, now), self.claim_ends.expire(city_id, now))
