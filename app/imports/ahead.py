"""Messages taken from a pipe ahead of need: who writes them goes on while who reads them is busy elsewhere."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from app.imports.frames import Frame

MOST_BYTES: Final = 32 << 20


class Ahead:
    """A thread that takes messages until ``most_bytes`` of them wait; None is the last."""

    def __init__(self, take: Callable[[], Frame | None], most_bytes: int = MOST_BYTES) -> None:
        self._take = take
        self._most_bytes = most_bytes
        self._changed = threading.Condition()
        self._waiting: deque[Frame | None] = deque()
        self._bytes = 0
        self._closed = False
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="ahead", daemon=True)
        self._thread.start()

    def next_one(self, timeout_s: float) -> Frame | None:
        """The next message, None after the last; TimeoutError when none comes in that time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting, max(0.0, timeout_s)):
                raise TimeoutError
            message = self._waiting.popleft()
            if message is None:
                self._waiting.append(None)
                if self._failure is not None:
                    raise self._failure
                return None
            self._bytes -= len(message.body)
            self._changed.notify_all()
            return message

    def close(self) -> None:
        """Ends the thread; what it waits for has to have ended."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        message: Frame | None = None
        while not self._closed:
            try:
                message = self._take()
            except Exception as error:  # told to whoever takes the next message
                message, self._failure = None, error
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._bytes < self._most_bytes)
                self._waiting.append(message)
                self._bytes += 0 if message is None else len(message.body)
                self._changed.notify_all()
            if message is None:
                return
