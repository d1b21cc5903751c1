"""Uploaded files on disk: received as a stream under a name of our own, counted and hashed on the way, swept later.

A file lies under ``<key>.part`` until it is whole. The name that its sender gave it says nothing here but its ending,
and of that only words from a list.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import BinaryIO, Final
from uuid import UUID

from app.core.ids import new_id
from app.core.settings import Settings
from app.imports.errors import DiskFull, EmptyFile, FileTooLarge, UnsupportedFormat, UploadCut
from app.imports.types_jobs import Upload

CHUNK: Final = 1 << 20
HEAD: Final = 4096
LEFT_ALONE_S: Final = 3600.0  # a file that no load names yet may be about to be named
_ENDINGS: Final = (
    *("geojson", "json", "geojsonl", "geojsons", "geojsonseq", "ndjson", "csv", "tsv", "zip", "gpkg", "parquet"),
    *("pbf", "gz"),
)
_OURS: Final = re.compile(r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})((?:\.[a-z]+){1,2})")
_PART: Final = ".part"
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_KNOWN: Final = (b"PK", b"\x1f\x8b", b"SQLite format 3\x00", b"PAR1", b"fgb", b"\xff\xfe", b"\xfe\xff")
_PBF: Final = b"OSMHeader"

Sniff = Callable[[bytes], None]
"""Refuses a file by its first bytes."""


def refuse_at_once(head: bytes) -> None:
    """UnsupportedFormat for what surely is none of the forms that are read: KML, other XML, pictures, programs."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    if start.startswith(b"<"):
        raise UnsupportedFormat("KML, GML and other XML are not read; send GeoJSON, a GeoPackage or a zipped Shapefile")
    if b"\x00" in head and not head.startswith(_KNOWN) and _PBF not in head[:32]:
        raise UnsupportedFormat("the file is of no form that is read; docs/formats.md lists them")


def folder_of(settings: Settings) -> Path:
    """Where uploaded files lie."""
    return settings.upload_dir or settings.state_dir / "uploads"


def ending_of(name: str) -> str:
    """The part of a name that says how to read it: at most two known words, such as ``csv.gz``."""
    words = name.lower().split(".")[-2:]
    return ".".join(word for word in words if word in _ENDINGS)


def path_of(folder: Path, key: UUID, name: str) -> Path:
    """Where a received file lies."""
    return folder / f"{key}.{ending_of(name) or 'file'}"


def receive(
    stream: BinaryIO, folder: Path, name: str, longest: int, sniff: Sniff, declared: int | None = None
) -> Upload:
    """Writes a stream to disk whole or not at all; FileTooLarge, DiskFull, EmptyFile, and what ``sniff`` raises.

    A stream that breaks off raises its own error, or, where a server ends it as if it were whole, UploadCut by its
    ``declared`` length; nothing of it stays.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = new_id()
    part = folder / f"{key}{_PART}"
    digest, size = hashlib.sha256(), 0
    try:
        with part.open("xb") as file:
            os.chmod(part, 0o600)
            head = b""
            while chunk := stream.read(CHUNK):
                if len(head) < HEAD:
                    head += chunk[: HEAD - len(head)]
                    if len(head) >= HEAD:
                        sniff(head)
                size += len(chunk)
                if size > longest:
                    raise FileTooLarge(f"send at most {longest:,} bytes")
                digest.update(chunk)
                file.write(chunk)
            if declared is not None and size < declared:
                raise UploadCut(f"the body ended after {size:,} of {declared:,} bytes; send it again")
            if not size:
                raise EmptyFile("send the file's bytes as the body")
            if size < HEAD:
                sniff(head)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path_of(folder, key, name))
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(
                "the disk for uploads is full; ask whoever runs this installation", retry_after_s=60
            ) from error
        raise
    finally:
        part.unlink(missing_ok=True)
    return Upload(name, size, digest.digest(), key)


def drop(folder: Path, upload: Upload) -> None:
    """Removes a received file that no load names."""
    if upload.key is not None:
        path_of(folder, upload.key, upload.name).unlink(missing_ok=True)


def sweep(folder: Path, wanted: Collection[UUID]) -> int:
    """Removes what no load names and nobody has touched for an hour; returns how many files."""
    if not folder.is_dir():
        return 0
    removed = 0
    for path in sorted(folder.iterdir()):
        found = _OURS.fullmatch(path.name)
        if found is None or (found[2] != _PART and UUID(found[1]) in wanted):
            continue
        try:
            if time.time() - path.stat().st_mtime < LEFT_ALONE_S:
                continue
            path.unlink()
        except FileNotFoundError:
            continue
        removed += 1
    return removed
