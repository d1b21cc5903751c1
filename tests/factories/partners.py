"""Partners' clients, with secrets."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from uuid import UUID

from app.core.clock import system_clock
from app.members.hashing import client_secret_hash
from tests.factories.worlds import World

SCOPES = ("claims:read", "redemptions:write", "webhooks:write", "events:read", "users:act")


def plant_partner(
    world: World, merchants: Sequence[UUID], *, scopes: Sequence[str] = SCOPES, client_id: str | None = None
) -> tuple[str, str]:
    """A client and its secret."""
    name, secret = client_id or f"partner-{secrets.token_hex(4)}", f"secret-{secrets.token_hex(16)}"
    world.run(
        "INSERT INTO api_clients (client_id, name, secret_hash, merchant_ids, scopes, enabled, created_at)"
        " VALUES (:id, 'A partner', :hash, CAST(:merchants AS uuid[]), CAST(:scopes AS text[]), true, :now)",
        {
            "id": name,
            "hash": client_secret_hash(secret),
            "merchants": [str(each) for each in merchants],
            "scopes": list(scopes),
            "now": system_clock(),
        },
    )
    return name, secret
