"""The processes that a worker starts for loads."""

from __future__ import annotations

import threading
from unittest.mock import MagicMock
from uuid import uuid4

import pytest

from app.imports.loaders import Loaders


@pytest.mark.parametrize(("tasks", "gives_way"), [(("load", "purge"), True), (("activate",), False)])
def test_loads_give_way_and_activations_do_not(
    monkeypatch: pytest.MonkeyPatch, tasks: tuple[str, ...], gives_way: bool
) -> None:
    started: list[list[str]] = []

    class Child:
        def __init__(self, argv: list[str], **_more: object) -> None:
            started.append(argv)

        def wait(self, _timeout: float) -> int:
            return 0

    monkeypatch.setattr("app.imports.loaders.subprocess.Popen", Child)
    monkeypatch.setattr("app.imports.loaders.queries_jobs.due_work", lambda *_args, **_more: [(7, uuid4())])
    loaders = Loaders(MagicMock(), threading.Event())
    assert loaders.turn(tasks) == 1
    assert ("--gives-way" in started[0]) is gives_way
