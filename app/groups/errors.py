"""What joining a group can be refused for."""

from __future__ import annotations

from typing import ClassVar

from app.core.errors import AppError


class GroupClosed(AppError):
    """The deadline is over, the deal has failed, or its coupon offers no group deal any more."""

    code: ClassVar[str] = "group-closed"
    title: ClassVar[str] = "The group takes nobody any more"


class GroupFull(AppError):
    """Every seat is taken; one that is not paid for in time is free again."""

    code: ClassVar[str] = "group-full"
    title: ClassVar[str] = "Every seat of the group is taken"


class GroupAlreadyJoined(AppError):
    """The member has a seat, or an open group of this coupon."""

    code: ClassVar[str] = "group-already-joined"
    title: ClassVar[str] = "You have a seat in a group already"


class GroupNotOffered(AppError):
    """The coupon's terms have no price for groups."""

    code: ClassVar[str] = "group-not-offered"
    title: ClassVar[str] = "The coupon has no group deal"


class GroupOpen(AppError):
    """The code is there once enough people have joined."""

    code: ClassVar[str] = "group-open"
    title: ClassVar[str] = "The group is not complete yet"
