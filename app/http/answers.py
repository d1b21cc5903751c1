"""What a route hands back: bytes or a JSON value, with status and headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from flask import Response

JSON = "application/json"
GEOJSON = "application/geo+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` is bytes as they go out, or a JSON value that orjson can write."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = JSON

    def encoded(self) -> bytes:
        """The bytes of the body."""
        return self.body if isinstance(self.body, bytes) else orjson.dumps(self.body)

    def response(self) -> Response:
        """The Flask response."""
        response = Response(self.encoded(), self.status, mimetype=self.media_type)
        for name, value in self.headers.items():
            response.headers[name] = value
        return response
