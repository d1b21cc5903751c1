"""Refusals of a load."""

from __future__ import annotations

from typing import Any

from app.core.errors import AppError


class UnknownTerritory(AppError):
    """No territory has that slug."""

    code = "unknown-territory"
    title = "There is no such territory"


class InvalidTerritory(AppError):
    """What was said of a territory can't be."""

    code = "invalid-territory"
    title = "That is not a territory"


class UnreadableFile(AppError):
    """The file as a whole can't be used: wrong form, not stated or foreign reference system, cut short.

    ``code`` may say more closely what is wrong (docs/formats.md lists them), ``hint`` what its sender can do, and
    ``facts`` what is known of the file already (`reading.types.SourceFacts`), for whoever mends the mapping.
    """

    code = "unreadable-file"
    title = "The file can't be read"

    def __init__(self, detail: str = "", *, code: str | None = None, hint: str | None = None) -> None:
        super().__init__(detail)
        self.hint = hint
        self.facts: Any = None
        if code is not None:
            self.code = code  # type: ignore[misc]  # closer than what the class says


class UnsupportedFormat(UnreadableFile):
    """Whatever the file is, none of the forms that are read."""

    code = "unsupported-format"
    title = "The file's form is not one that is read"


class UnknownVersion(AppError):
    """No such dataset version, or none that could be activated."""

    code = "unknown-version"
    title = "There is no such dataset version"


class VersionNotReady(AppError):
    """The version's state doesn't allow what was asked."""

    code = "version-not-ready"
    title = "The dataset version can't be activated"


class LoadInProgress(AppError):
    """Another version of the kind is being checked, or waits for its activation."""

    code = "load-in-progress"
    title = "Another version of this kind is under way"


class VersionNotOpen(AppError):
    """The version may not be shown yet: its gate wants a note, or a second person's approval, or is shut."""

    code = "approval-needed"
    title = "The dataset version may not be activated yet"


class OwnApproval(AppError):
    """Who loaded a version can't be the second person who agrees to it."""

    code = "second-person-needed"
    title = "Somebody else has to approve"


class FileGone(AppError):
    """The uploaded file is no longer kept."""

    code = "file-gone"
    title = "The file is no longer kept"


class FileTooLarge(AppError):
    """More bytes than an upload may have."""

    code = "body-too-large"
    title = "The body is too large"


class DiskFull(AppError):
    """No room for the file."""

    code = "upload-disk-full"
    title = "There is no room for the file"


class UploadCut(AppError):
    """The body ended before its declared length."""

    code = "bad-request"
    title = "The body ended early"


class EmptyFile(AppError):
    """An upload without a byte."""

    code = "empty-file"
    title = "The file is empty"


class RowRefused(Exception):
    """One row that the load leaves out; the text says why, ``code`` names the check."""

    def __init__(self, reason: str, code: str = "bad-value") -> None:
        super().__init__(reason)
        self.code = code
