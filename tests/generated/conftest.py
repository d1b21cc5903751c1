"""A demo of its own for generated cases, which leave much behind: the other tests' one stays as it was seeded."""

from __future__ import annotations

from tests.conftest import demo_tokens, live_server_url, seeded_settings
from tests.flows.conftest import document, made, owner_engine

__all__ = ["demo_tokens", "document", "live_server_url", "made", "owner_engine", "seeded_settings"]
