"""Partners' clients, with secrets, over the application of this process or a server elsewhere."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from uuid import UUID

from flask import Flask
from werkzeug.test import Client as WsgiClient

from app.core.clock import system_clock
from app.flow.wire import Reply
from app.members.hashing import client_secret_hash
from tests.factories.worlds import World

SCOPES = ("coupons:write", "claims:read", "redemptions:write", "webhooks:write", "events:read", "users:act")


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


class InProcess:
    """Sends requests to a WSGI application of this process, such as one behind a wrapper that breaks promises."""

    def __init__(self, application: Flask | object) -> None:
        self._application = application

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> Reply:
        path = "/" + url.split("/", 3)[3]
        answer = WsgiClient(self._application).open(path, method=method, headers=dict(headers), data=body)  # type: ignore[arg-type]
        return Reply(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.data)
