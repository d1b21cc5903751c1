"""Zip archives, strictly: every member's name, kind, place and size is checked before and while it is unpacked.

Python's own reader takes overlapping members (CVE-2024-0450: 200 MiB out of 11 kB) and links, so it only lists the
directory here; the bytes are found and inflated by this file. Members get names of ours on disk.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from app.imports.errors import UnreadableFile
from app.imports.reading.types import Ceilings
from app.imports.reading.unpacking import CHUNK, PACKED, Meter, damaged_archive

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_MAX_NAME: Final = 255
_IGNORED_FOLDERS: Final = frozenset({"__MACOSX"})
_IGNORED_NAMES: Final = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: what its sender calls it, and where it stands."""

    name: str
    info: zipfile.ZipInfo
    start: int

    @property
    def stem(self) -> str:
        """The name without folders and ending."""
        return PurePosixPath(self.name).name.rpartition(".")[0]

    @property
    def ending(self) -> str:
        """The ending in lower case, without the dot."""
        return PurePosixPath(self.name).name.rpartition(".")[2].lower()


class Archive:
    """A zip file whose directory was found sound."""

    def __init__(self, path: Path, ceilings: Ceilings) -> None:
        self._path = path
        self._meter = Meter(path.stat().st_size, ceilings)
        self.members = _checked_members(path, ceilings)

    def unpack(self, member: Member, target: Path) -> Path:
        """Writes one member's bytes to a file of ours."""
        with self._path.open("rb") as packed, target.open("wb") as out:
            packed.seek(member.start)
            head, checksum = _copied(packed, out, member.info, self._meter)
        if checksum != member.info.CRC or target.stat().st_size != member.info.file_size:
            raise damaged_archive(f"{member.name[:80]!r} is not what the archive says it is.")
        if head.startswith(PACKED):
            raise UnreadableFile(
                f"{member.name[:80]!r} is an archive within the archive.", code="nested-archive", hint="Pack once."
            )
        return target


def _refused(name: str, why: str) -> UnreadableFile:
    return UnreadableFile(f"The archive's member {name[:80]!r} {why}.", code="unsafe-archive", hint="Pack it anew.")


def _checked_members(path: Path, ceilings: Ceilings) -> list[Member]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos, directory = archive.infolist(), archive.start_dir
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OverflowError, EOFError) as error:
        raise damaged_archive("The zip file is damaged or cut short.") from error
    if len(infos) > ceilings.members:
        raise UnreadableFile(
            f"The archive holds {len(infos):,} files; at most {ceilings.members:,} are taken.",
            code="too-many-members",
            hint="Send one data set an archive.",
        )
    if sum(info.file_size for info in infos) > ceilings.unpacked_bytes:
        raise UnreadableFile("The archive would unpack to more than is allowed.", code="unpacks-too-large")
    members = []
    with path.open("rb") as file:
        _check_places(file, infos, directory)
        for info in infos:
            name = _name_of(info)
            _check_name(name)
            _check_kind(name, info)
            if not info.is_dir() and not _is_litter(name):
                members.append(Member(name, info, _start_of(file, info)))
    folded = [member.name.casefold() for member in members]
    if len(set(folded)) != len(folded):
        raise UnreadableFile("The archive holds two files of one name.", code="unsafe-archive", hint="Pack it anew.")
    return members


def _check_places(file: IO[bytes], infos: list[zipfile.ZipInfo], directory: int) -> None:
    """No two members share bytes, nothing stands before the first, and none reaches into the directory."""
    end = 0
    for info in sorted(infos, key=lambda each: each.header_offset):
        if info.header_offset < end or (end == 0 and info.header_offset != 0):
            raise UnreadableFile(
                "Files of the archive overlap, or something stands before them.",
                code="unsafe-archive",
                hint="Pack it anew.",
            )
        end = _start_of(file, info) + info.compress_size
    if end > directory:
        raise UnreadableFile(
            "A file of the archive reaches into its directory.", code="unsafe-archive", hint="Pack it anew."
        )


def _start_of(file: IO[bytes], info: zipfile.ZipInfo) -> int:
    """Where a member's bytes begin; its local header has to agree with the directory."""
    file.seek(info.header_offset)
    head = file.read(_LOCAL.size)
    if len(head) < _LOCAL.size:
        raise damaged_archive("The zip file is cut short.")
    magic, _, flags, method, _, _, _, _, _, name_length, extra_length = _LOCAL.unpack(head)
    if magic != b"PK\x03\x04" or method != info.compress_type or (flags ^ info.flag_bits) & 1:
        raise damaged_archive("The zip file's directory and its files don't agree.")
    name = file.read(name_length)
    if name != info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437", "surrogateescape"):
        raise damaged_archive("The zip file's directory and its files don't agree on a name.")
    return info.header_offset + _LOCAL.size + int(name_length) + int(extra_length)


def _name_of(info: zipfile.ZipInfo) -> str:
    """The name as its sender wrote it: Chinese systems write GBK without saying so."""
    if info.flag_bits & 0x800:
        return info.orig_filename
    raw = info.orig_filename.encode("cp437", "replace")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return info.orig_filename


def _check_name(name: str) -> None:
    parts = name.rstrip("/").split("/")
    if (
        not name
        or len(name) > _MAX_NAME
        or name.startswith("/")
        or "\\" in name
        or ":" in name
        or any(part in ("", ".", "..") for part in parts)
        or any(not char.isprintable() for char in name)
    ):
        raise _refused(name, "has a name that leads somewhere else or can't be shown")


def _check_kind(name: str, info: zipfile.ZipInfo) -> None:
    if info.flag_bits & 0x41:
        raise UnreadableFile("The archive is encrypted.", code="encrypted-archive", hint="Pack it without a password.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _refused(name, "is packed by a method other than deflate")
    mode = info.external_attr >> 16
    if info.create_system == 3 and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refused(name, "is a link or a device, not a file")


def _is_litter(name: str) -> bool:
    path = PurePosixPath(name)
    return path.parts[0] in _IGNORED_FOLDERS or path.name in _IGNORED_NAMES or path.name.startswith("._")


def _copied(packed: IO[bytes], out: IO[bytes], info: zipfile.ZipInfo, meter: Meter) -> tuple[bytes, int]:
    """The member's first bytes and its checksum, after its bytes went from one file to the other."""
    left, head, checksum = info.compress_size, b"", 0
    machine = zlib.decompressobj(wbits=-15) if info.compress_type == zipfile.ZIP_DEFLATED else None
    try:
        while left > 0:
            chunk = packed.read(min(CHUNK, left))
            if not chunk:
                raise damaged_archive("The zip file is cut short.")
            left -= len(chunk)
            while chunk:
                piece = chunk if machine is None else machine.decompress(chunk, CHUNK)
                chunk = b"" if machine is None else machine.unconsumed_tail
                meter.take(len(piece))
                out.write(piece)
                checksum = zlib.crc32(piece, checksum)
                head = head if len(head) >= 8 else head + piece[:8]
        if machine is not None:
            tail = machine.flush()
            meter.take(len(tail))
            out.write(tail)
            checksum = zlib.crc32(tail, checksum)
    except zlib.error as error:
        raise damaged_archive("A file of the archive is damaged.") from error
    return head, checksum
