"""Around every request: an id, a log line, counters, security headers, and soft limits."""

from __future__ import annotations

import logging
import re
import time

from flask import Flask, Response, g, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from prometheus_client import Counter, Histogram

from app.core.ids import new_id
from app.core.settings import Settings
from app.http.auth import bearer_token
from app.http.limit_storage import CountersInMemory
from app.http.principals import InvalidToken

log = logging.getLogger("fujin.requests")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # others are callers' inventions
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

REQUESTS = Counter("fujin_http_requests_total", "Requests by route and status", ["method", "route", "status"])
SECONDS = Histogram(
    "fujin_http_request_seconds",
    "Time to answer by route",
    ["route"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)


def register_request_hooks(app: Flask) -> None:
    """Ids before, headers, counters and one log line after."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else str(new_id())
        g.began = time.monotonic()

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.get("request_id", "")
        _tell_when_to_retry(response)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        _account(response)
        return response


def _tell_when_to_retry(response: Response) -> None:
    """Our own refusals say how long; the limiter puts its header on every answer, only that of a 429 stays."""
    wait = g.get("retry_after_s")
    if wait is not None:
        response.headers["Retry-After"] = str(wait)
    elif response.status_code != 429:
        response.headers.pop("Retry-After", None)


def _account(response: Response) -> None:
    took = time.monotonic() - g.get("began", time.monotonic())
    route = request.url_rule.rule if request.url_rule is not None else "(none)"
    method = request.method if request.method in _METHODS else "(other)"
    REQUESTS.labels(method, route, response.status_code).inc()
    SECONDS.labels(route).observe(took)
    if route not in ("/healthz", "/readyz", "/metrics"):
        log.info(
            "request",
            extra={
                "request_id": g.get("request_id", ""),
                "method": method,
                "route": route,
                "status": response.status_code,
                "took_ms": round(took * 1000, 2),
            },
        )


def caller_key() -> str:
    """What limits count by: the bearer token's hash, or the address."""
    try:
        token = bearer_token()
    except InvalidToken:
        token = None
    return f"token:{hash(token)}" if token else f"address:{get_remote_address()}"


def create_limiter(app: Flask, settings: Settings) -> Limiter:
    """Soft limits in each process's memory; hard limits stand in the database."""
    app.config.update(
        RATELIMIT_HEADERS_ENABLED=True,
        RATELIMIT_HEADER_LIMIT="RateLimit-Limit",
        RATELIMIT_HEADER_REMAINING="RateLimit-Remaining",
        RATELIMIT_HEADER_RESET="RateLimit-Reset",
        RATELIMIT_HEADER_RETRY_AFTER_VALUE="delta-seconds",
    )
    return Limiter(
        caller_key,
        app=app,
        default_limits=[f"{settings.rate_limit_per_minute}/minute"],
        storage_uri=f"{CountersInMemory.SCHEME}://",
        strategy="fixed-window",
    )
