"""What the machine must have, found or installed: PostgreSQL with PostGIS, Python's venv, Chromium."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from devtools.state import State
from devtools.terminal import Trouble, interactive, say, warn, work

SUPPORTED = (18, 17, 16, 15)
PROGRAMS = ("initdb", "pg_ctl", "postgres", "psql", "pg_isready")
HEADLESS = "chromium-headless-shell"  # the same engine without windows: a page begins in a quarter of the time
BROWSERS = (HEADLESS, "chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
NO_CLUSTER = "/etc/postgresql-common/createcluster.d/fujin-set-up.conf"
BY_HAND = (
    "install PostgreSQL {versions} with PostGIS 3.3 or newer, and run the same command again:\n"
    "  Debian 12+, Ubuntu 24.04+:  apt-get install postgresql postgresql-postgis\n"
    "  Fedora:                     dnf install postgresql-server postgis\n"
    "  macOS:                      brew install postgresql@17 postgis\n"
    "Or give a database of your own: DATABASE_URL=postgresql://user:password@host/name"
)


@dataclass(frozen=True)
class Postgres:
    """One installed PostgreSQL server, and whether PostGIS stands beside it."""

    version: int
    bin: Path
    postgis: bool


def _bin_dirs() -> Iterable[Path]:
    if os.environ.get("FUJIN_PG_BIN"):
        yield Path(os.environ["FUJIN_PG_BIN"])
        return
    for version in SUPPORTED:
        yield Path(f"/usr/lib/postgresql/{version}/bin")
        yield Path(f"/usr/pgsql-{version}/bin")
        for brew in ("/opt/homebrew", "/usr/local", "/home/linuxbrew/.linuxbrew"):
            yield Path(f"{brew}/opt/postgresql@{version}/bin")
    for program in ("pg_config", "initdb"):
        path = shutil.which(program)
        if path:
            yield Path(os.path.realpath(path)).parent


def _answer(argv: Sequence[str]) -> str:
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def major_version(text: str) -> int:
    """Return the major version in the words of `postgres --version`, 0 when there is none."""
    found = re.search(r"\(PostgreSQL\) (\d+)", text)
    return int(found[1]) if found else 0


@cache
def find_postgres() -> list[Postgres]:
    """Return every usable server on this machine: first those with PostGIS, the newest first."""
    found: dict[Path, Postgres] = {}
    for folder in _bin_dirs():
        if folder in found or not all(os.access(folder / name, os.X_OK) for name in PROGRAMS):
            continue
        version = major_version(_answer([str(folder / "postgres"), "--version"]))
        if version not in SUPPORTED:
            continue
        found[folder] = Postgres(version, folder, has_postgis(folder, version))
    return sorted(found.values(), key=lambda each: (each.postgis, each.version), reverse=True)


def has_postgis(folder: Path, version: int) -> bool:
    """Return whether both halves of PostGIS are there: its SQL and its library (two packages on Debian)."""
    config = str(folder / "pg_config")
    shares = [_answer([config, "--sharedir"]), f"/usr/share/postgresql/{version}", "/usr/share/pgsql"]
    libraries = [_answer([config, "--pkglibdir"]), str(folder.parent / "lib"), "/usr/lib64/pgsql"]
    sql = any(Path(share, "extension", "postgis.control").exists() for share in shares if share)
    return sql and any(found for library in libraries if library for found in Path(library).glob("postgis-3.*"))


def choose(found: Sequence[Postgres], made_by: int | None) -> Postgres | None:
    """Return the server to use: the version that made the data when there is data, else the best one."""
    return next((each for each in found if made_by in (None, each.version)), None)


def ensure_postgres(state: State, made_by: int | None) -> Postgres:
    """Return a server with PostGIS, installed first when the machine has none."""
    chosen = choose(find_postgres(), made_by)
    if chosen is None or not chosen.postgis:
        _install_postgres(state, chosen.version if chosen else made_by, fresh=chosen is None)
        find_postgres.cache_clear()
        chosen = choose(find_postgres(), made_by)
    if chosen is None or not chosen.postgis:
        what = f"PostgreSQL {made_by} with PostGIS" if made_by else "PostgreSQL with PostGIS"
        raise Trouble(f"{what} was not found on this machine.", BY_HAND.format(versions="15 to 18"))
    return chosen


def _install_postgres(state: State, version: int | None, *, fresh: bool) -> None:
    if not shutil.which("apt-get"):
        missing = "PostGIS is" if version and not fresh else "PostgreSQL with PostGIS is"
        versions = str(version) if version else "15 to 18"
        raise Trouble(f"{missing} missing, and this system has no apt.", BY_HAND.format(versions=versions))
    words = (
        f"PostgreSQL {version or ''} and PostGIS".replace("  ", " ") if fresh else f"PostGIS for PostgreSQL {version}"
    )
    wanted = (
        [f"postgresql-{version}", f"postgresql-{version}-postgis-3"]
        if version
        else ["postgresql", "postgresql-postgis"]
    )
    apt = Apt(state, words, wanted)
    apt.refresh()
    if not version:
        version = apt.newest_postgis()
        wanted = [f"postgresql-{version}", f"postgresql-{version}-postgis-3"]
    apt.install(wanted[1:] if not fresh else wanted, no_cluster=fresh)


class Apt:
    """apt-get with the rights it needs; without them a Trouble that holds the command to run."""

    refreshed = False

    def __init__(self, state: State, words: str, packages: Sequence[str]) -> None:
        self.state = state
        self.words = words
        all_missing = [*packages, *([] if venv_works() or venv_package() in packages else [venv_package()])]
        self.command = f"apt-get update && apt-get install -y {' '.join(all_missing)}"
        say(f"{words} will be installed from this system's packages (apt-get install {' '.join(packages)}).")
        self.prefix = privilege()

    @property
    def by_hand(self) -> str:
        """Return what a person with the rights would type."""
        return f"run this, then the same command again:\n  {'' if os.geteuid() == 0 else 'sudo '}sh -c '{self.command}'"

    def refresh(self) -> None:
        """Bring the package lists up to date; a failing list is no end yet, since the packages may be known."""
        if self.prefix is None:
            raise Trouble(
                f"{self.words} must be installed, and this account may not do it (not root, and sudo refuses).",
                "ask someone who may to " + self.by_hand,
            )
        if Apt.refreshed:
            return
        Apt.refreshed = True
        try:
            self._run("Updating the package lists", ["apt-get", "update"], "apt-update")
        except Trouble as trouble:
            warn(f"apt-get update failed; going on with the lists that are there. Log: {trouble.log}")

    def newest_postgis(self) -> int:
        """Return the newest supported PostgreSQL that the lists have PostGIS for."""
        listed = _answer(["apt-cache", "search", "--names-only", r"^postgresql-[0-9]+-postgis-3$"])
        versions = {int(found) for found in re.findall(r"^postgresql-(\d+)-postgis-3\b", listed, re.MULTILINE)}
        for version in SUPPORTED:
            if version in versions:
                return version
        seen = f" (it has {', '.join(map(str, sorted(versions)))})" if versions else ""
        raise Trouble(
            f"This system's packages have no PostGIS for PostgreSQL 15 to 18{seen}.",
            "check the network and the log of apt-get update, or add https://apt.postgresql.org; "
            "or give a database of your own in DATABASE_URL.",
            self.state.log("apt-update"),
        )

    def install(self, packages: Sequence[str], *, no_cluster: bool = False) -> None:
        """Install packages without their recommendations.

        A fresh PostgreSQL would make a cluster of its own on port 5432; a setting that stands only while we install
        keeps it from that. A machine that had PostgreSQL before is not touched in this way.
        """
        install = ["apt-get", "install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=180", *packages]
        script = shlex.join(install)
        if no_cluster and not Path("/usr/share/postgresql-common/maintscripts-functions").exists():
            folder = os.path.dirname(NO_CLUSTER)
            script = (
                f"mkdir -p {folder} && echo 'create_main_cluster = false' >{NO_CLUSTER} && "
                f"{{ {script}; code=$?; rm -f {NO_CLUSTER}; exit $code; }}"
            )
        self._run(f"Installing {self.words}", ["sh", "-c", script], "apt-install")

    def _run(self, title: str, argv: Sequence[str], log: str) -> None:
        quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_MODE=l", "LC_ALL=C.UTF-8"]
        mend = "look at the log; " + self.by_hand
        work(title, [*(self.prefix or []), *quiet, *argv], self.state.log(log), mend=mend, same_session=True)


def privilege() -> list[str] | None:
    """Return what to put before a command that root must run, None when there is no way to."""
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        return None
    if subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0:
        return ["sudo", "-n"]
    if sys.stdin.isatty() and interactive():
        say("sudo asks for your password to install packages.")
        if subprocess.run(["sudo", "-v"], check=False).returncode == 0:
            return ["sudo", "-n"]
    return None


@cache
def venv_works() -> bool:
    """Return whether this Python has the modules that make an environment with pip."""
    probe = [sys.executable, "-c", "import ensurepip, venv"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def venv_package() -> str:
    """Return Debian's package of those modules."""
    return f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"


def ensure_venv_module(state: State) -> None:
    """Make sure that this Python can make a virtual environment with pip (Debian keeps that in python3-venv)."""
    if venv_works():
        return
    package = venv_package()
    if not shutil.which("apt-get") or not sys.executable.startswith("/usr/bin/"):
        raise Trouble(
            f"{sys.executable} can't make virtual environments: its modules venv or ensurepip are missing.",
            "install your system's python3-venv package (or uv), and run the same command again.",
        )
    apt = Apt(state, "Python's venv module", [package])
    apt.refresh()
    apt.install([package])


def find_browser() -> str:
    """Return the path of Chromium, empty when there is none."""
    paths = (shutil.which(name) for name in (os.environ.get("FUJIN_CHROMIUM", ""), *BROWSERS) if name)
    return next((path for path in paths if path), "")


def ensure_browser(state: State) -> str:
    """Return Chromium's path for the browser tests; without one a warning, and those tests skip with a reason.

    A whole Chromium that is there serves too, where its headless form can't be had.
    """
    found = find_browser()
    if os.environ.get("FUJIN_CHROMIUM") or Path(found).name == HEADLESS:
        return found
    if not shutil.which("apt-get"):
        if not found:
            warn("Chromium was not found: the browser tests will be skipped.")
        return found
    packages = [HEADLESS, "fonts-noto-cjk"]
    try:
        apt = Apt(state, "Chromium (for the browser tests)", packages)
        apt.refresh()
        if not _answer(["apt-cache", "search", "--names-only", f"^{HEADLESS}$"]):
            packages[0] = "chromium"
        if packages[0] == HEADLESS or not found:
            apt.install(packages)
    except Trouble as trouble:
        warn(f"{trouble.what} The browser tests will be {'slower' if found else 'skipped'}.")
    return find_browser()
