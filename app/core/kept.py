"""What a process keeps of things that never change, or that may be a while behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """Values by key, for threads; beyond ``room`` the oldest go, after ``seconds`` (None: never) each is read again."""

    def __init__(self, room: int, seconds: float | None = None) -> None:
        self._room, self._seconds = room, float("inf") if seconds is None else seconds
        self._known: dict[K, tuple[float, V]] = {}  # good until, value; oldest first
        self._lock = threading.Lock()

    def get(self, key: K, read: Callable[[], V]) -> V:
        """The value, read when it is not known or too old."""
        return self.many([key], lambda _missing: {key: read()})[key]

    def many(self, keys: Sequence[K], read: Callable[[Sequence[K]], Mapping[K, V]]) -> dict[K, V]:
        """Values by key; ``read`` is asked once for all that are missing, and what it leaves out is left out."""
        now, found = time.monotonic(), {}
        for key in keys:  # one look a key: another thread may make room between two
            known = self._known.get(key)
            if known is not None and known[0] > now:
                found[key] = known[1]
        missing = [key for key in dict.fromkeys(keys) if key not in found]
        if missing:
            fresh = read(missing)
            self._keep(fresh)
            found |= fresh
        return found

    def forget(self, key: K) -> None:
        """The next look reads again."""
        with self._lock:
            self._known.pop(key, None)

    def _keep(self, fresh: Mapping[K, V]) -> None:
        until = time.monotonic() + self._seconds
        with self._lock:
            for key, value in fresh.items():
                self._known.pop(key, None)
                self._known[key] = (until, value)
            while len(self._known) > self._room:
                del self._known[next(iter(self._known))]
