"""Commands: tokens and one-time codes of the demo, people and their roles, signing keys."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec
from uuid import UUID

import click
import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from app.cities.queries import territory_by_id, territory_by_slug
from app.cities.types import WORLD_CITY_ID
from app.core.errors import AppError
from app.core.ids import new_id
from app.http.principals import Role
from app.http.services import services
from app.members import queries
from app.members.hashing import hash_password, name_login
from app.members.otp_gateway import FileGateway
from app.members.parts import SignInParts
from app.members.principals import MemberPrincipals
from app.members.rules import reach_of
from app.members.types import GrantedRole

SHORTEST_PASSWORD = 15
DEMO_PEOPLE: dict[str, Role] = {
    "member1": "member",
    "member2": "member",
    "staff1": "staff",
    "owner1": "owner",
    "owner2": "owner",
    "operator1": "operator",
    "operator2": "operator",
    "admin": "admin",
}
DEMO_PARTNER = "partner1"
_OURS = 2
P = ParamSpec("P")


class OursFault(click.ClickException):
    """Something on our side failed."""

    exit_code = _OURS


def _guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Turns refusals into one line and exit code 1, a database that does not answer into exit code 2."""

    @wraps(command)
    def run(*given: P.args, **named: P.kwargs) -> None:
        try:
            command(*given, **named)
        except AppError as error:
            raise click.ClickException(error.detail) from error
        except SQLAlchemyError as error:
            raise OursFault(f"the database does not answer as it should ({type(error).__name__})") from error

    return run


def _parts() -> SignInParts:
    found = services().principals
    if not isinstance(found, MemberPrincipals):
        raise OursFault("the application was put together without members")
    return found.parts


@contextmanager
def _committing() -> Iterator[Connection]:
    with services().database.write() as conn:
        yield conn
        conn.commit()


def _print(facts: Any) -> None:
    click.echo(orjson.dumps(facts, default=str, option=orjson.OPT_INDENT_2 if sys.stdout.isatty() else 0))


@click.command()
@_guarded
def tokens() -> None:
    """Print one access token a role as JSON, by principal (demo only); each is good for 15 minutes."""
    if not services().settings.demo:
        raise click.ClickException("tokens without signing in are for the demo alone: set FUJIN_DEMO=1")
    with services().database.write() as conn:
        printed = {name: _person(conn, name, role) for name, role in DEMO_PEOPLE.items()}
        printed[DEMO_PARTNER] = _partner(conn)
    _print(printed)


def _missing(name: str) -> click.ClickException:
    return click.ClickException(f"the demo's {name} is not in the database: load the demo data with `fujin seed`")


def _person(conn: Connection, name: str, role: Role) -> dict[str, Any]:
    parts = _parts()
    member_id = queries.member_of_login(conn, name_login(name))
    standing = None if member_id is None else queries.standing_of(conn, member_id)
    if member_id is None or standing is None:
        raise _missing(name)
    reach = reach_of(role, standing, parts.employment(conn, member_id))
    if reach is None:
        raise _missing(f"{name} (as {role})")
    access = parts.issuer.issue(str(member_id), role, services().clock())
    facts: dict[str, Any] = {"principal": name, "role": role, "member_id": str(member_id)}
    if reach.merchant_ids:
        facts["merchant_id"] = str(reach.merchant_ids[0])
    if reach.place_ids:
        facts["place_ids"] = [str(place_id) for place_id in reach.place_ids]
    if reach.city_ids:
        facts["city_id"] = reach.city_ids[0]
    return facts | {"token": access.token, "expires_at": access.expires_at.isoformat()}


def _partner(conn: Connection) -> dict[str, Any]:
    client = queries.client_standing(conn, DEMO_PARTNER)
    if client is None or not client.enabled:
        raise _missing(DEMO_PARTNER)
    access = _parts().issuer.issue(DEMO_PARTNER, "partner", services().clock(), client_id=DEMO_PARTNER)
    facts: dict[str, Any] = {"principal": DEMO_PARTNER, "role": "partner", "client_id": DEMO_PARTNER}
    if client.merchant_ids:
        facts["merchant_id"] = str(client.merchant_ids[0])
    return facts | {"token": access.token, "expires_at": access.expires_at.isoformat()}


@click.command()
@click.option("--phone", help="Only a code sent to this phone, such as +8613800138000.")
@click.option("--json", "as_json", is_flag=True, help="The whole message as a JSON line.")
@_guarded
def otp(phone: str | None, as_json: bool) -> None:
    """Print the last one-time code that the stand-in for text messages took."""
    message = FileGateway(services().settings.state_dir).last(phone)
    if message is None:
        raise click.ClickException("no code was sent yet: ask for one with POST /v1/auth/otp")
    if as_json:
        _print(message)
    else:
        click.echo(message["code"])


@click.group()
def users() -> None:
    """People who sign in by password, and the roles that no merchant gives."""


def _member(conn: Connection, login: str) -> UUID:
    """The member of a login name, or of another issuer's subject written as ``oidc:<issuer>|<subject>``."""
    found = queries.member_of_login(conn, login if login.startswith("oidc:") else name_login(login))
    if found is None:
        raise click.ClickException(f"nobody signs in as {login}: add them with `fujin users add {login}`")
    return found


def _city_id(conn: Connection, role: GrantedRole, city: str | None) -> int:
    if role == "admin":
        if city is not None:
            raise click.ClickException("an admin is one everywhere: leave --city out")
        if territory_by_id(conn, WORLD_CITY_ID) is None:
            raise click.ClickException("the territory `world` is missing: load the territories with `fujin seed`")
        return WORLD_CITY_ID
    territory = None if city is None else territory_by_slug(conn, city)
    if territory is None:
        raise click.ClickException("an operator needs --city with the slug of a city, such as hangzhou")
    return territory.city_id


def _checked_password(login: str, password: str) -> str:
    if len(password) < SHORTEST_PASSWORD or len(password) > 256:
        raise click.ClickException(f"a password has {SHORTEST_PASSWORD} to 256 characters")
    if len(set(password)) < 6 or login.casefold() in password.casefold():
        raise click.ClickException("choose a password of at least six different characters without the login name")
    return password


@users.command()
@click.argument("login")
@click.option("--name", help="Name to show.")
@click.password_option(help="Asked for on a terminal; else give it here or on standard input.")
@_guarded
def add(login: str, name: str | None, password: str) -> None:
    """Add someone who signs in as LOGIN by password, or set their password anew."""
    now = services().clock()
    password_hash = hash_password(_checked_password(login, password))
    with _committing() as conn:
        member_id = queries.insert_member(conn, new_id(), name_login(login), now, display_name=name)
        queries.put_password(conn, member_id, password_hash, now)
    _print({"login": login, "member_id": member_id})


@users.command()
@click.argument("login")
@click.argument("role", type=click.Choice(["operator", "admin"]))
@click.option("--city", help="Slug of the city of an operator.")
@_guarded
def grant(login: str, role: GrantedRole, city: str | None) -> None:
    """Make LOGIN operator of a city, or admin; a login of another issuer is oidc:ISSUER|SUBJECT."""
    with _committing() as conn:
        member_id, city_id = _member(conn, login), _city_id(conn, role, city)
        queries.put_grant(conn, member_id, role, city_id, services().clock())
    _print({"login": login, "member_id": member_id, "role": role, "city_id": city_id})


@users.command()
@click.argument("login")
@click.argument("role", type=click.Choice(["operator", "admin"]))
@click.option("--city", help="Slug of the city of an operator.")
@_guarded
def revoke(login: str, role: GrantedRole, city: str | None) -> None:
    """Take a role back; it ends at the next request of LOGIN."""
    with _committing() as conn:
        member_id, city_id = _member(conn, login), _city_id(conn, role, city)
        held = queries.delete_grant(conn, member_id, role, city_id)
    if not held:
        raise click.ClickException(f"{login} did not hold that role")
    _print({"login": login, "member_id": member_id, "role": None, "city_id": city_id})


@click.group()
def keys() -> None:
    """Signing keys of this installation."""


@keys.command()
@_guarded
def rotate() -> None:
    """Add a signing key; the old ones verify until their files are taken out of the state folder's keys/."""
    _print({"kid": _parts().issuer.keys.rotate().kid})


commands: list[click.Command] = [tokens, otp, users, keys]
