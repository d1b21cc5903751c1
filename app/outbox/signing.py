"""Secrets of webhook endpoints and the signatures made with them (Standard Webhooks, scheme v1)."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from standardwebhooks.webhooks import Webhook

from app.core.sealing import Sealer, derived_key
from app.outbox.types import Endpoint

SECRET_BYTES: Final = 32
OLD_SECRET_GOOD_FOR: Final = timedelta(hours=24)
_PREFIX = "whsec_"


def shown(secret: bytes) -> str:
    """A secret as its owner gets to see it, once."""
    return _PREFIX + base64.b64encode(secret).decode()


@dataclass(frozen=True, slots=True, repr=False)
class EndpointSecrets:
    """Makes, seals and uses the secrets of endpoints; sealed ones belong to their endpoint."""

    sealer: Sealer

    def make(self, endpoint_id: UUID) -> bytes:
        """A fresh secret, sealed."""
        return self.sealer.seal(secrets.token_bytes(SECRET_BYTES), endpoint_id.bytes)

    def reveal(self, endpoint_id: UUID, sealed: bytes) -> str:
        """A sealed secret in the form for its owner; Unsealable."""
        return shown(self.sealer.unseal(sealed, endpoint_id.bytes))

    def headers(self, endpoint: Endpoint, event_id: UUID, body: bytes, at: datetime) -> dict[str, str]:
        """The three headers of an attempt made at ``at``; during a rotation it is signed with both secrets."""
        # The library takes the wall-clock numbers of a time for UTC, whatever its offset.
        at = at.astimezone(UTC)
        sealed = [endpoint.secret_sealed]
        if endpoint.old_secret_sealed and endpoint.old_secret_until and endpoint.old_secret_until > at:
            sealed.append(endpoint.old_secret_sealed)
        keys = [self.sealer.unseal(each, endpoint.endpoint_id.bytes) for each in sealed]
        return {
            "webhook-id": str(event_id),
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(Webhook(key).sign(str(event_id), at, body.decode()) for key in keys),
        }


def endpoint_secrets(secret_key: str) -> EndpointSecrets:
    """Under a key that the installation's secret gives for this use alone."""
    return EndpointSecrets(Sealer(derived_key(secret_key, "webhook secret sealed")))
