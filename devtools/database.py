"""Which database a command uses: our private server's, or the one of DATABASE_URL, which we never install or start."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from devtools.cluster import Cluster, made_by
from devtools.packages import ensure_postgres
from devtools.state import PYTHON, ROOT, State, digest_of, files_below
from devtools.terminal import Trouble, failure, say, warn, work

VARIABLES = {
    "fujin_app": "DATABASE_URL",
    "fujin_owner": "DATABASE_OWNER_URL",
    "fujin_read": "DATABASE_READ_URL",
    "fujin_import": "DATABASE_IMPORT_URL",
}
DEMO, BLANK, SCALE = "fujin", "fujin_run", "fujin_scale"


@dataclass(frozen=True)
class Database:
    """A database that stands ready: its URLs by variable, its identity for stamps, its private server if any."""

    name: str
    urls: dict[str, str]
    identity: str
    cluster: Cluster | None


def given_url() -> str:
    """Return the database that the person gave, empty when they gave none."""
    return os.environ.get("DATABASE_URL") or os.environ.get("FUJIN_DATABASE_URL") or ""


def libpq_url(url: str) -> str:
    """Return a URL without SQLAlchemy's driver name, as libpq reads it."""
    scheme, found, rest = url.partition("://")
    if not found or not scheme.startswith("postgres"):
        raise Trouble("DATABASE_URL is not a PostgreSQL URL.", "write it so: postgresql://user:password@host:5432/name")
    return f"postgresql://{rest}"


def sqlalchemy_url(url: str) -> str:
    """Return a URL with the driver that the app uses."""
    return f"postgresql+psycopg2://{libpq_url(url).partition('://')[2]}"


def for_role(url: str, role: str) -> str:
    """Return a URL with another user and the same password."""
    parts = urlsplit(url)
    user, found, host = parts.netloc.rpartition("@")
    secret = f":{user.partition(':')[2]}" if found and ":" in user else ""
    return urlunsplit(parts._replace(netloc=f"{role}{secret}@{host}"))


def shown(url: str) -> str:
    """Return a URL without its user and password, for messages."""
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2] or 'local socket'}{parts.path}"


@contextmanager
def database(state: State, name: str, cluster: str = "demo") -> Iterator[Database]:
    """Have a database ready for the time of the block, not migrated yet."""
    given = given_url()
    if given:
        yield _given(state, given, name)
        return
    server = Cluster(state, cluster, ensure_postgres(state, made_by(state, cluster)))
    with server.in_use():
        identity = server.ensure_database(name)
        urls = {variable: server.url(role, name) for role, variable in VARIABLES.items()}
        yield Database(name, urls, identity, server)


def _given(state: State, given: str, name: str) -> Database:
    """Return the given database; the demo uses it as it is, other names are databases beside it."""
    url = libpq_url(given)
    say(f"Using the database of DATABASE_URL ({shown(url)}); no packages are installed and no server is started.")
    own = {variable: os.environ[variable] for variable in VARIABLES.values() if os.environ.get(variable)}
    mine = set(own) == {"DATABASE_URL"} or not own
    # Making objects is the given user's part; only the lesser roles are made beside it, with the given password: it
    # is the same for every checkout that uses this server, and the tests know no other.
    wanted = [role for role in VARIABLES if role != "fujin_owner"] if mine else []
    order = {"url": url, "database": "" if name in (DEMO, BLANK) else name, "roles": wanted}
    done = subprocess.run(
        [str(PYTHON), "-m", "devtools.probe"],
        input=json.dumps(order),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        state.log("database").write_text(done.stderr)
        raise failure("The database of DATABASE_URL can't be used.", "look at the log.", state.log("database"))
    answer = json.loads(done.stdout)
    if "trouble" in answer:
        raise Trouble(*answer["trouble"])
    for line in answer["warnings"]:
        warn(line)
    urls = {variable: sqlalchemy_url(own.get(variable, answer["url"])) for variable in VARIABLES.values()}
    urls |= {VARIABLES[role]: sqlalchemy_url(for_role(answer["url"], role)) for role in answer["roles"]}
    urls["DATABASE_OWNER_URL"] = sqlalchemy_url(own.get("DATABASE_OWNER_URL", answer["url"]))
    return Database(name, urls, answer["identity"], None)


def migrate(state: State, ready: Database, env: dict[str, str]) -> None:
    """Bring the schema up to date; skipped for a private database whose revision is the one last reached."""
    sources = [
        path for path in files_below(ROOT / "migrations", frozenset({"__pycache__"})) if path.suffix in (".py", ".sql")
    ]
    wanted = digest_of(sources, ready.identity)
    stamp = f"migrated-{ready.name}"
    if ready.cluster and state.stamped(stamp) == wanted + _revision(ready):
        return
    log = state.log("migrate")
    try:
        work(
            "Bringing the database's schema up to date",
            [str(PYTHON), "-m", "alembic", "upgrade", "head"],
            log,
            env=env,
            cwd=ROOT,
        )
    except Trouble as trouble:
        if "Can't locate revision" in log.read_text(errors="replace"):
            what = "The database was made by another version of this code."
            raise Trouble(what, "./dev reset removes it and starts over; your code stays as it is.", log) from trouble
        raise
    if ready.cluster:
        state.stamp(stamp, wanted + _revision(ready))


def _revision(ready: Database) -> str:
    assert ready.cluster is not None
    if not ready.cluster.sql("SELECT to_regclass('public.alembic_version')", ready.name):
        return ""
    return ready.cluster.sql(
        "SELECT string_agg(version_num, ',' ORDER BY version_num) FROM alembic_version", ready.name
    )


def seed(state: State, ready: Database, env: dict[str, str]) -> None:
    """Load the demo data once into each database; again when the seeds have changed."""
    wanted = digest_of([Path(path) for path in files_below(ROOT / "seeds", frozenset({"__pycache__"}))], ready.identity)
    if state.stamped(f"seeded-{ready.name}") == wanted:
        return
    argv = [str(PYTHON), "-m", "flask", "--app", "wsgi", "fujin", "seed"]
    work("Loading places and coupons", argv, state.log("seed"), env=env, cwd=ROOT)
    state.stamp(f"seeded-{ready.name}", wanted)
