"""Files on disk: whole or not at all, whatever ends the stream; left-over ones are swept."""

from __future__ import annotations

import hashlib
import io
import os
import resource
import time
from pathlib import Path

import pytest

from app.core.ids import new_id
from app.imports.errors import DiskFull, EmptyFile, FileTooLarge, UnsupportedFormat, UploadCut
from app.imports.uploads import path_of, receive, refuse_at_once, sweep


class Stream(io.RawIOBase):
    """Bytes of a body, some at a time; raises ``last`` at the end when it is set."""

    def __init__(self, body: bytes, last: Exception | None = None) -> None:
        self.rest, self.last = body, last

    def read(self, size: int = -1) -> bytes:
        chunk, self.rest = self.rest[: min(size, 1000)], self.rest[min(size, 1000) :]
        if not chunk and self.last is not None:
            raise self.last
        return chunk


def take(body: bytes, folder: Path, *, longest: int = 10**6, declared: int | None = None) -> object:
    return receive(Stream(body), folder, "../../etc/pass wd.GeoJSON.gz", longest, refuse_at_once, declared)  # type: ignore[arg-type]


def test_a_file_is_kept_whole_under_a_name_of_our_own(tmp_path: Path) -> None:
    body = b'{"type": "FeatureCollection"}' * 400
    found = receive(Stream(body), tmp_path, "../a.GeoJSON.gz", 10**6, refuse_at_once, len(body))  # type: ignore[arg-type]
    assert (found.size, found.sha256) == (len(body), hashlib.sha256(body).digest())
    assert found.key is not None
    path = path_of(tmp_path, found.key, found.name)
    assert [each.name for each in tmp_path.iterdir()] == [f"{found.key}.geojson.gz"]
    assert path.read_bytes() == body
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("body", "more", "refusal"),
    [
        (b"", {}, EmptyFile),
        (b"x" * 5000, {"longest": 4999}, FileTooLarge),
        (b"x" * 5000, {"declared": 5001}, UploadCut),
        (b"<?xml version='1.0'?><kml>" + b" " * 9000, {}, UnsupportedFormat),
        (b"\xef\xbb\xbf  <kml/>", {}, UnsupportedFormat),
        (b"\x89PNG\r\n\x1a\n\x00\x00" + b"x" * 9000, {}, UnsupportedFormat),
    ],
)
def test_what_is_refused_leaves_nothing(
    tmp_path: Path, body: bytes, more: dict[str, int], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        take(body, tmp_path, **more)
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    broken = Stream(b"x" * 50_000, ConnectionResetError())
    with pytest.raises(ConnectionResetError):
        receive(broken, tmp_path, "a.csv", 10**6, refuse_at_once)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """The kernel's own refusal to write more: a limit on the size of files."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))
    try:
        with pytest.raises(DiskFull, match="the disk for uploads is full"):
            take(b"x" * 500_000, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_only_what_nobody_names_or_touches_is_swept(tmp_path: Path) -> None:
    wanted, forgotten, fresh, part = (new_id() for _ in range(4))
    names = [f"{wanted}.csv", f"{forgotten}.geojson.gz", f"{fresh}.file", f"{part}.part", "readme.txt"]
    for name in names:
        (tmp_path / name).write_text("x")
        if not name.startswith(str(fresh)):
            os.utime(tmp_path / name, (time.time() - 4000,) * 2)
    assert sweep(tmp_path, {wanted}) == 2
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([f"{wanted}.csv", f"{fresh}.file", "readme.txt"])
    assert sweep(tmp_path / "nowhere", set()) == 0
