"""Counters of a fixed window in this process's memory, without a thread.

The memory storage of ``limits`` starts a timer thread at nearly every request; here what has expired is swept while
counting.
"""

from __future__ import annotations

import threading
import time
from typing import Any, ClassVar

from limits.storage import Storage

SWEEP_AT = 50_000


class CountersInMemory(Storage):
    """Counts by key until the key expires."""

    SCHEME: ClassVar[str] = "counters"
    STORAGE_SCHEME = [SCHEME]  # noqa: RUF012 - as the parent declares it

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: Any) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)
        self._counts: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()
        self._sweep_at = SWEEP_AT

    @property
    def base_exceptions(self) -> type[Exception]:
        """What a broken storage would raise; memory raises nothing."""
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Adds to a key's count, which starts anew ``expiry`` seconds after its first; returns the count."""
        now = time.time()
        with self._lock:
            count, end = self._counts.get(key, (0, 0.0))
            if end <= now:
                count, end = 0, now + expiry
                if len(self._counts) >= self._sweep_at:
                    self._counts = {name: entry for name, entry in self._counts.items() if entry[1] > now}
                    # Twice what is left: among a crowd of live keys, a sweep at each new one would free nothing.
                    self._sweep_at = max(SWEEP_AT, 2 * len(self._counts))
            self._counts[key] = (count + amount, end)
            return count + amount

    def get(self, key: str) -> int:
        """A key's count, 0 when it has expired."""
        count, end = self._counts.get(key, (0, 0.0))
        return count if end > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """When a key's count starts anew, in seconds since the epoch."""
        return self._counts.get(key, (0, time.time()))[1]

    def check(self) -> bool:
        """Memory is always there."""
        return True

    def reset(self) -> int:
        """Forgets all counts; returns how many there were."""
        with self._lock:
            size = len(self._counts)
            self._counts = {}
        return size

    def clear(self, key: str) -> None:
        """Forgets one count."""
        with self._lock:
            self._counts.pop(key, None)
