"""Opens files for the tests of this folder, and holds that nothing unpacked stays behind."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from app.imports.errors import UnreadableFile
from app.imports.reading.sources import open_source
from app.imports.reading.types import Ceilings, SourceFacts, Wishes
from app.imports.types import RowFault

DATA = Path(__file__).parents[3] / "data" / "imports"
_CATEGORIES = json.loads((Path(__file__).parents[4] / "seeds" / "categories.json").read_text("utf-8"))
ALIASES = {
    (scheme, code): row["category_id"]
    for row in _CATEGORIES
    for scheme, codes in (row.get("aliases") or {}).items()
    for code in codes
}
PARENTS = {row["category_id"]: row["parent_id"] for row in _CATEGORIES}


def wishes(kind: str = "places", **given: Any) -> Wishes:
    """What is asked of a file, with the taxonomy of the seeds."""
    return Wishes(kind, aliases=ALIASES, parents=PARENTS, **given)


PLACES = wishes()
BOROUGHS = wishes("regions", mapping={"kind": "=borough", "admin_level": "=9"})


def opened(
    path: Path, asked: Wishes = PLACES, *, name: str | None = None, ceilings: Ceilings | None = None
) -> tuple[SourceFacts, list[Any]]:
    """The facts after reading, and all rows."""
    folder = path.parent / f"unpacked-{path.name}" if DATA not in path.parents else None
    if folder is not None:
        folder.mkdir(exist_ok=True)
    try:
        with open_source(path, name or path.name, asked, folder=folder, ceilings=ceilings) as source:
            rows = list(source.rows())
            return source.facts, rows
    finally:
        if folder is not None:
            assert list(folder.iterdir()) == []
            folder.rmdir()


def refused(path: Path, asked: Wishes = PLACES, **options: Any) -> tuple[str, str]:
    """Code and detail of a refusal."""
    with pytest.raises(UnreadableFile) as told:
        opened(path, asked, **options)
    return told.value.code, told.value.detail


def faults(rows: list[Any]) -> list[str]:
    """The reasons of the rows that were refused."""
    return [row.reason for row in rows if isinstance(row, RowFault)]


def written(folder: Path, content: str | bytes, name: str = "file.bin") -> Path:
    """A file with that content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def zipped(folder: Path, members: dict[str, bytes], name: str = "file.zip") -> Path:
    """A zip file with those members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return written(folder, buffer.getvalue(), name)


def members_of(path: Path) -> dict[str, bytes]:
    """The members of a zip file."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
