"""Where a checkout keeps what it makes: a directory of its own under /var/tmp, never shared with another checkout."""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from devtools.terminal import Trouble, say

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"

# sun_path holds 108 bytes on Linux and 104 on macOS, the closing NUL included.
SOCKET_PATH_MAX = 103
PG_PORT = 54329
ROOM_NEEDED = 1_000_000_000


def state_name(uid: int, checkout: Path) -> str:
    """Return the directory's name: the account and a hash of the checkout's real path keep copies apart."""
    digest = hashlib.sha256(os.fsencode(os.path.realpath(checkout))).hexdigest()
    return f"fujin-{uid}-{digest[:12]}"


def check_socket_path(socket_dir: Path) -> None:
    """Refuse a directory whose socket name would not fit into the kernel's address structure."""
    path = os.fsencode(socket_dir / f".s.PGSQL.{PG_PORT}")
    if len(path) > SOCKET_PATH_MAX:
        raise Trouble(
            f"The database's socket path {os.fsdecode(path)} has {len(path)} bytes; {SOCKET_PATH_MAX} is the limit.",
            "set FUJIN_DEV_DIR to a shorter directory, such as /var/tmp.",
        )


class State:
    """The directory of this checkout, and the names of what lies in it."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.logs = base / "logs"
        self.stamps = base / "stamps"
        self.secrets = base / "secrets.json"

    def app_dir(self, kind: str) -> Path:
        """Return the app's own directory of one copy (one-time codes, signing keys), made 0700."""
        path = self.base / f"app-{kind}"
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    @property
    def fakepay_dir(self) -> Path:
        """Return the folder with the keys that the demo and its provider of payments share."""
        return self.base / "fakepay"

    @property
    def hooks_secret(self) -> Path:
        """Return the file with the secret of the demo's receiver of webhooks."""
        return self.base / "hooks.secret"

    @property
    def hooks_journal(self) -> Path:
        """Return the file with the webhooks that it got."""
        return self.base / "hooks.jsonl"

    def log(self, name: str) -> Path:
        """Return the log file of a step."""
        return self.logs / f"{name}.log"

    def stamped(self, name: str) -> str:
        """Return what was stamped under a name, empty when nothing was."""
        try:
            return (self.stamps / name).read_text()
        except OSError:
            return ""

    def stamp(self, name: str, value: str) -> None:
        """Remember that a step was done for these inputs."""
        (self.stamps / name).write_text(value)


def state_path() -> Path:
    """Return where this checkout's directory is or will be."""
    return Path(os.environ.get("FUJIN_DEV_DIR") or "/var/tmp") / state_name(os.getuid(), ROOT)


def open_state() -> State:
    """Make or check the directory; one that another account owns or could write to is refused.

    Root's directory is 0711 because the database server lives in it under another account.
    """
    base = state_path()
    try:
        base.mkdir(mode=0o711 if os.getuid() == 0 else 0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise Trouble(
            f"{base} can't be made: {error.strerror}.",
            "set FUJIN_DEV_DIR to a directory that you can write to.",
        ) from error
    found = base.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise Trouble(f"{base} is not this account's own directory.", f"look at it, then remove it: rm -rf {base}")
    state = State(base)
    for path in (state.logs, state.stamps):
        path.mkdir(mode=0o700, exist_ok=True)
    return state


def secrets_of(state: State, names: Iterable[str]) -> dict[str, str]:
    """Return this copy's own secrets, made once and kept in a 0600 file."""
    try:
        kept: dict[str, str] = json.loads(state.secrets.read_text())
    except (OSError, ValueError):
        kept = {}
    missing = [name for name in names if not kept.get(name)]
    if missing:
        kept |= {name: secrets.token_urlsafe(48) for name in missing}
        fresh = state.secrets.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(kept, file)
        fresh.replace(state.secrets)
    return {name: kept[name] for name in names}


def digest_of(paths: Iterable[Path], *words: str) -> str:
    """Return a hash over names and contents of files (a missing one counts as absent) and some words."""
    total = hashlib.sha256("\0".join(words).encode())
    for path in sorted(paths):
        total.update(os.fsencode(path))
        try:
            total.update(hashlib.sha256(path.read_bytes()).digest())
        except (FileNotFoundError, NotADirectoryError):
            total.update(b"absent")
    return total.hexdigest()


def files_below(folder: Path, leave_out: frozenset[str]) -> list[Path]:
    """Return the files below a folder, except below folders of these names."""
    found = []
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in leave_out]
        found += [Path(here, name) for name in names]
    return found


def need_room(state: State) -> None:
    """Refuse to install anything onto a disk with less than a gigabyte left."""
    for place in (ROOT, state.base):
        free = shutil.disk_usage(place).free
        if free < ROOM_NEEDED:
            raise Trouble(
                f"The disk of {place} has {free / 1e6:.0f} MB left; set-up needs {ROOM_NEEDED / 1e9:.0f} GB.",
                "free some space and run the same command again.",
            )


@contextmanager
def set_up_lock(state: State) -> Iterator[Callable[[], None]]:
    """Let one ./dev at a time set up; another one of this checkout waits and says so.

    Yields a function that lets the next one in before the block ends.
    """
    with (state.base / "set-up.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another ./dev of this checkout is setting up; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield lambda: fcntl.flock(file, fcntl.LOCK_UN)
