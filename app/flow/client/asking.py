"""How the flow elsewhere is asked: its refusals are refusals here, and its silence is told as such."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from uuid import UUID

from app.core.errors import AppError
from app.flow.errors import FlowUnavailable
from app.flow.types import RequestContext
from app.flow.wire import Client, NoAnswer, NotAdmitted, Reply
from app.http.problems import PROBLEMS

log = logging.getLogger("fujin.flow")

# What the flow refuses since we asked wrongly, or may not ask: nothing that our caller could mend.
_OURS: Final = frozenset(
    {
        *("missing-token", "invalid-token", "expired-token", "revoked-token", "forbidden", "scope-missing"),
        *("invalid-body", "invalid-parameter", "unknown-parameter", "bad-request", "no-such-route"),
        *("idempotency-key-missing", "idempotency-key-invalid", "idempotency-key-mismatch", "rate-limited"),
    }
)
_PASSED_ON: Final = ("conflict", "payment_id", "request_no")


class RemoteRefusal(AppError):
    """A business "no" of the flow, under its own code."""

    code: ClassVar[str] = "gateway-failed"
    title: ClassVar[str] = "A partner did not take the request"

    def __init__(self, problem: Mapping[str, Any], retry_after_s: int | None) -> None:
        extra = {name: problem[name] for name in _PASSED_ON if name in problem}
        super().__init__(str(problem.get("detail", "")), retry_after_s=retry_after_s, extra=extra)
        if problem.get("code") in PROBLEMS:
            self.__dict__["code"] = problem["code"]


@dataclass(frozen=True, slots=True)
class Asking:
    """The client, and the key under which our members have other names there."""

    client: Client
    pseudonyms: bytes

    def user(self, member_id: UUID | None) -> str:
        """A member's name at the flow."""
        return hmac.new(self.pseudonyms, str(member_id).encode(), hashlib.sha256).hexdigest()[:32]

    def key(self, context: RequestContext, operation: str) -> str:
        """Our caller's number as a number of ours: two callers may have chosen the same."""
        mark = f"{context.actor.key}\x1f{operation}\x1f{context.request_no}"
        return hashlib.sha256(mark.encode()).hexdigest()[:40]

    def get(self, path: str, *, user: str | None = None) -> Any:
        """What a read gives; FlowUnavailable, and the flow's refusals."""
        return self.good(self._ask("GET", path, user=user))

    def post(self, path: str, body: Any, *, key: str | None, user: str | None = None) -> Any:
        """What a write gives, likewise; asked for again under the same number while no answer comes."""
        return self.good(self._ask("POST", path, body=body, key=key, user=user))

    def put(self, path: str, body: Any) -> Any:
        """What a replacement gives, likewise."""
        return self.good(self._ask("PUT", path, body=body))

    def _ask(self, method: str, path: str, **more: Any) -> Reply:
        try:
            return self.client.ask(method, path, **more)
        except NoAnswer as silence:
            raise FlowUnavailable("the flow did not answer in time", retry_after_s=1) from silence
        except NotAdmitted as refusal:
            log.error("the flow does not admit us", extra={"reason": str(refusal)})
            raise FlowUnavailable("the flow does not admit this installation", retry_after_s=5) from refusal

    def good(self, reply: Reply) -> Any:
        """The body of a success; FlowUnavailable for what is not for our caller to mend, else the flow's refusal."""
        try:
            found = reply.json()
        except NoAnswer as silence:
            raise FlowUnavailable("the flow's answer can't be read", retry_after_s=1) from silence
        if reply.status < 300:
            return found
        problem = found if isinstance(found, dict) else {}
        if reply.status >= 500 or problem.get("code") in _OURS:
            if reply.status < 500:
                log.error("the flow refused our request", extra={"code": problem.get("code")})
            raise FlowUnavailable("the flow does not take the request now", retry_after_s=1)
        wait = reply.headers.get("retry-after", "")
        raise RemoteRefusal(problem, int(wait) if wait.isdigit() else None)
