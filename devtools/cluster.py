"""A private PostgreSQL server of one checkout: unix socket only, its users counted by a shared lock."""

import fcntl
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from devtools.packages import Postgres
from devtools.state import PG_PORT, ROOT, State, check_socket_path, need_room
from devtools.terminal import Step, Trouble, failure

ROLES = ("fujin_owner", "fujin_app", "fujin_read", "fujin_import")
EXTENSIONS = ("postgis", "btree_gist", "pg_trgm")
TEMPLATE = "fujin_template"
MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
SETTINGS = {
    "listen_addresses": "",
    # An eighth of the machine: several servers stand side by side. It is taken page by page, as it is used.
    "shared_buffers": f"{min(max(MEMORY // 8 >> 20, 128), 2048)}MB",
    "maintenance_work_mem": "128MB",
    "max_connections": "100",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_wal_size": "2GB",
    # Otherwise each new connection loads them by itself: ten milliseconds before its first answer about a place.
    "shared_preload_libraries": "postgis-3,btree_gist,pg_trgm",
    "log_min_duration_statement": "2000",
}
# Only the tests' own server, whose data nobody needs after a crash: a small one, beside what is measured or tried out.
RELAXED = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "512MB",
    "min_wal_size": "32MB",
}
MEMORY_DISK = Path("/dev/shm")
ROOM_IN_MEMORY = 6_000_000_000


@dataclass(frozen=True)
class Account:
    """The account that the server runs under; `drop` is what subprocess needs to become it, empty when it is ours."""

    uid: int
    gid: int
    drop: dict[str, Any]


def server_account() -> Account:
    """Return our own account, or for root an unprivileged one, because PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), {})
    owner = ROOT.stat().st_uid
    for name in ("postgres", pwd.getpwuid(owner).pw_name if owner else "", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        if found.pw_uid:
            return Account(
                found.pw_uid,
                found.pw_gid,
                {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []},
            )
    raise Trouble("PostgreSQL can't run as root, and no account postgres or nobody exists.", "run as another user.")


def made_by(state: State, name: str) -> int | None:
    """Return the PostgreSQL version that made a cluster's data, None when there is no data yet."""
    try:
        return int((state.base / name / "data" / "PG_VERSION").read_text())
    except (OSError, ValueError):
        return None


class Cluster:
    """One server of this checkout, `demo` or `test`."""

    def __init__(self, state: State, name: str, postgres: Postgres) -> None:
        self.state, self.name, self.postgres = state, name, postgres
        self.base = state.base / name
        self.data, self.socket_dir = self.base / "data", self.base / "s"
        self.log = self.base / "server.log"
        self.account = server_account()
        self._users: IO[str] | None = None
        check_socket_path(self.socket_dir)

    def url(self, role: str, database: str) -> str:
        """Return the SQLAlchemy URL of a database for a role."""
        return f"postgresql+psycopg2://{role}@/{database}?host={self.socket_dir}&port={PG_PORT}"

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Start the server unless it runs, and stop it afterwards if no one else uses it.

        Every user holds a shared lock, which the kernel drops when its process dies, kill -9 included: whoever gets
        the exclusive one is the last.
        """
        self._acquire()
        try:
            yield
        finally:
            self._release()

    def _acquire(self) -> None:
        with self._one_at_a_time():
            self._users = (self.state.base / f"{self.name}.users").open("w")
            fcntl.flock(self._users, fcntl.LOCK_SH)
            self._make()
            if not self.answers():
                self._start()
                if self.name == "test":
                    self._drop_leftovers()

    def _release(self) -> None:
        users, self._users = self._users, None
        if users is None:
            return
        with self._one_at_a_time(), users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self._stop()

    def stop_if_unused(self) -> bool:
        """Stop a server that a kill -9 left without users; True when it runs no longer."""
        if not self.data.exists():
            return True
        self._users = (self.state.base / f"{self.name}.users").open("w")
        self._release()
        return not self.answers()

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        with (self.state.base / f"{self.name}.change").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _make(self) -> None:
        if self.data.exists():
            return
        need_room(self.state)
        for folder in (self.base, self.socket_dir):
            folder.mkdir(mode=0o700, exist_ok=True)
            os.chown(folder, self.account.uid, self.account.gid)
        self.data.unlink(missing_ok=True)  # a link into memory that a restart of the machine has emptied
        in_memory = self._folder_in_memory() if self.name == "test" else None
        unfinished = (in_memory or self.base) / ("data" if in_memory else "data.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        locale = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"
        options = ["-U", "postgres", "-E", "UTF8", f"--locale={locale}", "--auth=trust"]
        options += ["--no-sync"] if self.name == "test" else []
        try:
            self._run(f"Making the {self.name} database server", ["initdb", "-D", str(unfinished), *options], "initdb")
        except BaseException:
            if in_memory is not None:
                shutil.rmtree(in_memory, ignore_errors=True)
            raise
        if in_memory is None:
            unfinished.rename(self.data)
        else:
            self.data.symlink_to(unfinished)

    def _folder_in_memory(self) -> Path | None:
        """Make a folder in memory where there is plenty: to the disk's file system hundreds of databases that come and
        go cost more than the tests. None where there is little, or where logging out would empty it.
        """
        try:
            lines = Path("/proc/meminfo").read_text().splitlines()
            available = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
            room = min(shutil.disk_usage(MEMORY_DISK).free, available)
            if room < ROOM_IN_MEMORY or self.account.uid >= 1000:
                return None
            found = Path(tempfile.mkdtemp(prefix=f"{self.state.base.name}-", dir=MEMORY_DISK))
        except (OSError, StopIteration):
            return None
        os.chown(found, self.account.uid, self.account.gid)
        return found

    def forget(self) -> None:
        """Remove what a stopped server keeps in memory; what it keeps on disk goes with the checkout's directory."""
        if self.data.is_symlink():
            shutil.rmtree(self.data.resolve().parent, ignore_errors=True)
            self.data.unlink()

    def _start(self) -> None:
        settings = SETTINGS | (RELAXED if self.name == "test" else {})
        settings |= {"unix_socket_directories": str(self.socket_dir), "port": str(PG_PORT)}
        settings |= {"unix_socket_permissions": "0700", "cluster_name": f"fujin-{self.name}"}
        shared = os.statvfs(MEMORY_DISK) if MEMORY_DISK.is_dir() else None
        small = shared and shared.f_bavail * shared.f_frsize < 256_000_000
        # systemd empties /dev/shm of an account that logs out, and with it the memory of parallel queries.
        if small or self.account.uid >= 1000:
            settings["dynamic_shared_memory_type"] = "mmap"
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        if self.log.exists() and self.log.stat().st_size > 20_000_000:
            self.log.replace(self.log.with_suffix(".old"))
        argv = ["pg_ctl", "start", "-w", "-t", "90", "-D", str(self.data), "-l", str(self.log), "-o", options]
        try:
            self._run(f"Starting the {self.name} database server", argv, "pg-start")
        except Trouble as trouble:
            if self.answers():
                return
            mend = f"look at the log; data that is damaged goes away with ./dev reset. See also {trouble.log}"
            raise failure(
                trouble.what, mend, self.log if self.log.exists() else self.state.log("pg-start")
            ) from trouble

    def _stop(self) -> None:
        if not (self.data / "postmaster.pid").exists():
            return
        argv = ["pg_ctl", "stop", "-w", "-t", "60", "-m", "fast", "-D", str(self.data)]
        with Step(f"Stopping the {self.name} database server"):
            self._quiet(argv)

    def crash(self) -> None:
        """Stop as a power cut does: nothing is written down any more, and the next start replays the log."""
        with Step(f"Crashing the {self.name} database server"):
            self._quiet(["pg_ctl", "stop", "-w", "-t", "60", "-m", "immediate", "-D", str(self.data)])

    def recover(self) -> None:
        """Start again after a crash, and return once connections are taken."""
        self._start()

    def answers(self) -> bool:
        """Return whether the server takes connections."""
        return self._quiet(["pg_isready", "-q", "-h", str(self.socket_dir), "-p", str(PG_PORT)]).returncode == 0

    def _quiet(self, argv: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(self.postgres.bin / argv[0]), *argv[1:]],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            **self._as_account(),
        )

    def _run(self, title: str, argv: Sequence[str], log: str) -> None:
        """Run a server program as its account; stdout goes to a file, since pg_ctl's child would hold our pipe."""
        path = self.state.log(f"{log}-{self.name}")
        with Step(title), path.open("wb") as out:
            done = subprocess.run(
                [str(self.postgres.bin / argv[0]), *argv[1:]],
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                check=False,
                start_new_session=True,
                **self._as_account(),
            )
            if done.returncode:
                raise failure(f"{title} failed.", "look at the log; ./dev reset starts over.", path)

    def _as_account(self) -> dict[str, Any]:
        env = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        return {"env": env, "cwd": "/", "umask": 0o077, **self.account.drop}

    def psql_env(self, role: str, database: str) -> dict[str, str]:
        """Return an environment in which psql finds this server; any other PG setting is left out."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        ours = {"PGHOST": str(self.socket_dir), "PGPORT": str(PG_PORT), "PGUSER": role, "PGDATABASE": database}
        return plain | ours

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run SQL as the server's superuser and return its rows as text."""
        done = subprocess.run(
            [str(self.postgres.bin / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", statement],
            env=self.psql_env("postgres", database),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            log = self.state.log(f"psql-{self.name}")
            log.write_text(f"{statement}\n{done.stderr}")
            raise failure("The database refused a set-up statement.", "./dev reset starts over.", log)
        return done.stdout.strip()

    def _drop_leftovers(self) -> None:
        """Drop what killed test runs left; called only by the first user of a server that was just started."""
        left = self.sql(f"SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', '{TEMPLATE}')"
                        " AND datname !~ '^template'")  # fmt: skip
        for name in left.splitlines():
            self.sql(f'DROP DATABASE "{name}" WITH (FORCE)')

    def ensure_database(self, name: str) -> str:
        """Make roles, template and database unless they are there; return the database's identity.

        The identity changes whenever the database is a new one, so that stamps of the old one no longer hold.
        """
        identity = (
            f"SELECT system_identifier || '/' || oid FROM pg_control_system(), pg_database WHERE datname = '{name}'"
        )
        found = self.sql(identity)
        if not found:
            if not self.sql(f"SELECT 1 FROM pg_database WHERE datname = '{TEMPLATE}' AND datistemplate"):
                with Step("Making roles and the database template with PostGIS"):
                    self._make_template()
            if name != TEMPLATE:
                self.sql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER fujin_owner")
            found = self.sql(identity)
        return found

    def _make_template(self) -> None:
        for role in ROLES:
            may = "CREATEDB" if role == "fujin_owner" else "NOCREATEDB"
            if not self.sql(f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'"):
                self.sql(f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEROLE {may}")
        self.sql(f"DROP DATABASE IF EXISTS {TEMPLATE}")
        self.sql(f"CREATE DATABASE {TEMPLATE} OWNER fujin_owner")
        self.sql("; ".join(f"CREATE EXTENSION IF NOT EXISTS {name}" for name in EXTENSIONS), TEMPLATE)
        self.sql(f"ALTER DATABASE {TEMPLATE} IS_TEMPLATE true")
