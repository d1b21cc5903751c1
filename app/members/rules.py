"""Which roles a person holds, what each reaches, and which one a sign-in opens. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.http.principals import ROLES, Role
from app.members.types import Employment, Reach, Standing

BY_RANK: tuple[Role, ...] = ("admin", "operator", "owner", "staff", "member")


def known_role(name: object) -> Role | None:
    """The role of that name."""
    return next((role for role in ROLES if role == name), None)


def roles_held(standing: Standing, employments: Sequence[Employment]) -> tuple[Role, ...]:
    """Every role of an active member, highest first; everyone is a member."""
    held: set[Role] = {"member"}
    if standing.admin:
        held.add("admin")
    if standing.city_ids:
        held.add("operator")
    held.update(employment.role for employment in employments)
    return tuple(role for role in BY_RANK if role in held)


def choose_role(held: Sequence[Role], asked: Role | None) -> Role | None:
    """The role asked for if it is held, the highest when none is asked for, else None."""
    if asked is None:
        return held[0] if held else None
    return asked if asked in held else None


def reach_of(role: Role, standing: Standing, employments: Sequence[Employment]) -> Reach | None:
    """What the role reaches, None when it is no longer held."""
    if role == "member":
        return Reach()
    if role == "admin":
        return Reach() if standing.admin else None
    if role == "operator":
        return Reach(city_ids=standing.city_ids) if standing.city_ids else None
    mine = [employment for employment in employments if employment.role == role]
    if not mine:
        return None
    return Reach(
        merchant_ids=tuple(employment.merchant_id for employment in mine),
        place_ids=tuple(place for employment in mine for place in employment.place_ids),
    )


def needs_employment(role: Role) -> bool:
    """True for the roles that a merchant gives."""
    return role in ("owner", "staff")
