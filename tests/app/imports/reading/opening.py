"""Opens files for the tests of this folder, and holds that nothing unpacked stays behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.imports.errors import UnreadableFile
from app.imports.reading.sources import open_source
from app.imports.reading.types import Ceilings, SourceFacts, Wishes

PLACES = Wishes("places")


def opened(
    path: Path, wishes: Wishes = PLACES, *, name: str | None = None, ceilings: Ceilings | None = None
) -> tuple[SourceFacts, list[Any]]:
    """The facts after reading, and all rows."""
    folder = path.parent / f"unpacked-{path.name}"
    folder.mkdir(exist_ok=True)
    try:
        with open_source(path, name or path.name, wishes, folder=folder, ceilings=ceilings) as source:
            rows = list(source.rows())
            return source.facts, rows
    finally:
        assert list(folder.iterdir()) == []
        folder.rmdir()


def refused(path: Path, wishes: Wishes = PLACES, **options: Any) -> tuple[str, str]:
    """Code and detail of a refusal."""
    with pytest.raises(UnreadableFile) as told:
        opened(path, wishes, **options)
    return told.value.code, told.value.detail


def written(folder: Path, content: str | bytes, name: str = "file.bin") -> Path:
    """A file with that content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
