"""Look at a database that was given in DATABASE_URL; runs under .venv's Python, because it needs the driver.

Reads one JSON object from stdin ({"url", "database", "roles"}) and writes one to stdout: {"trouble": [what, mend]} or
{"url", "roles", "identity", "warnings"}.
"""

import json
import sys
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from devtools.database import for_role

EXTENSIONS = ("postgis", "btree_gist", "pg_trgm")


def with_database(url: str, name: str) -> str:
    """Return the URL with another database's name."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def query(connection: Any, statement: str, *values: object) -> Any:
    """Return the first column of the first row, None when there is no row."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def look(order: dict[str, Any]) -> dict[str, Any]:
    """Check the server, make what may be made there, and say what there is."""
    import psycopg2

    url: str = order["url"]
    try:
        if order["database"]:
            url = _other_database(psycopg2, url, order["database"])
        connection = psycopg2.connect(url, connect_timeout=5)
    except psycopg2.errors.InsufficientPrivilege:
        name = order["database"]
        what = f"This command needs a database {name}, which the user of DATABASE_URL may not create."
        return {"trouble": [what, f"let someone who may create it for that user: CREATE DATABASE {name} OWNER ...;"]}
    except psycopg2.Error as error:
        what = f"The database of DATABASE_URL can't be used: {str(error).strip().splitlines()[0]}"
        return {"trouble": [what, "check host, name, user and password in DATABASE_URL, and that the server runs."]}
    connection.autocommit = True
    warnings: list[str] = []
    trouble = _refusal(psycopg2, connection)
    if trouble:
        return {"trouble": trouble}
    identity = query(
        connection, "SELECT oid || '/' || current_database() FROM pg_database WHERE datname = current_database()"
    )
    roles = _roles(psycopg2, connection, url, order["roles"], warnings)
    connection.close()
    return {"url": url, "roles": roles, "identity": str(identity), "warnings": warnings}


def _other_database(psycopg2: Any, url: str, name: str) -> str:
    connection = psycopg2.connect(url, connect_timeout=5)
    connection.autocommit = True
    if not query(connection, "SELECT 1 FROM pg_database WHERE datname = %s", name):
        query(connection, f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'")
    connection.close()
    return with_database(url, name)


def _refusal(psycopg2: Any, connection: Any) -> list[str] | None:
    version = connection.server_version // 10_000
    if version < 15:
        return [f"The server of DATABASE_URL is PostgreSQL {version}; 15 to 18 are supported.", "use a newer server."]
    if (
        query(connection, "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()")
        != "UTF8"
    ):
        return ["The database of DATABASE_URL is not in UTF-8.", "make one: createdb -E UTF8 -T template0 fujin"]
    for name in EXTENSIONS:
        if query(connection, "SELECT 1 FROM pg_extension WHERE extname = %s", name):
            continue
        if not query(connection, "SELECT 1 FROM pg_available_extensions WHERE name = %s", name):
            package = f"postgresql-{version}-postgis-3" if name == "postgis" else f"postgresql-contrib ({name})"
            return [
                f"The server of DATABASE_URL does not have the extension {name}.",
                f"install {package} on that server.",
            ]
        try:
            query(connection, f"CREATE EXTENSION {name}")
        except psycopg2.Error:
            return [
                f"The user of DATABASE_URL may not make the extension {name}.",
                f"let a superuser run this in that database: CREATE EXTENSION {name};",
            ]
    postgis = str(query(connection, "SELECT extversion FROM pg_extension WHERE extname = 'postgis'"))
    if tuple(int(part) for part in postgis.split(".")[:2]) < (3, 3):
        return [
            f"PostGIS there is {postgis}; 3.3 or newer is needed.",
            "ALTER EXTENSION postgis UPDATE, or a newer server.",
        ]
    return None


def _roles(psycopg2: Any, connection: Any, url: str, roles: list[str], warnings: list[str]) -> list[str]:
    """Return the roles that stand ready with the given user's password; all or none of them."""
    import psycopg2.sql as sql

    allowed = query(connection, "SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user")
    password = urlsplit(url).password
    for role in roles:
        if allowed and not query(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", role):
            secret = sql.SQL(" PASSWORD {}").format(sql.Literal(unquote(password))) if password else sql.SQL("")
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)) + secret)
        try:
            psycopg2.connect(for_role(url, role), connect_timeout=5).close()
        except psycopg2.Error:
            warnings.append(
                f"This server gives no role {role} that we may use; everything runs as the one user of DATABASE_URL. "
                "Set DATABASE_OWNER_URL, DATABASE_READ_URL and DATABASE_IMPORT_URL to use roles of your own."
            )
            return []
    return roles


if __name__ == "__main__":
    json.dump(look(json.load(sys.stdin)), sys.stdout)
