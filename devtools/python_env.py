"""The checkout's .venv: made once, brought up to date when the requirements change, remade when its Python is gone."""

import configparser
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from devtools.packages import ensure_venv_module
from devtools.state import PYTHON, ROOT, VENV, State, digest_of, need_room
from devtools.terminal import Trouble, warn, work

STAMP = "fujin-installed"
RUNTIME = ("requirements.txt", "constraints.txt")
DEVELOPMENT = ("requirements-dev.txt", *RUNTIME)
INDEX_KEYS = ("index-url", "extra-index-url", "find-links", "no-index", "cert", "client-cert", "proxy", "trusted-host")


def ensure_python(state: State, *, dev: bool) -> None:
    """Make .venv hold what the requirements ask for; quick when it does already."""
    files = [ROOT / name for name in DEVELOPMENT]
    want_dev, want_runtime = digest(files, "dev"), digest(files[1:], "runtime")
    made_for = os.fsdecode(VENV) if not VENV.exists() else _stamp("venv")
    if VENV.exists() and (not _works() or made_for not in ("", os.fsdecode(VENV))):
        _remove()
    done = _stamp("installed")
    if done == want_dev or (done == want_runtime and not dev):
        return
    need_room(state)
    if not os.access(VENV if VENV.exists() else ROOT, os.W_OK):
        what = "This checkout, or its .venv, belongs to another account; this one can't write to it."
        raise Trouble(
            what, f"use that account, or make a clone of your own. A .venv made with sudo: sudo rm -rf {VENV}"
        )
    if not VENV.exists():
        _make(state)
    _install(state, ["-r", str(ROOT / ("requirements-dev.txt" if dev else "requirements.txt"))], "Python packages")
    (VENV / f"{STAMP}.venv").write_text(os.fsdecode(VENV))
    (VENV / f"{STAMP}.installed").write_text(want_dev if dev else want_runtime)


def digest(files: Sequence[Path], kind: str) -> str:
    """Return what the stamp says once these files are installed for this Python."""
    return digest_of(files, kind, sys.platform)


def _stamp(name: str) -> str:
    try:
        return (VENV / f"{STAMP}.{name}").read_text()
    except OSError:
        return ""


def _works() -> bool:
    """Return whether the environment's interpreter starts; its base may have been removed or replaced."""
    probe = "import sys; sys.exit(0 if sys.version_info >= (3, 11) and sys.prefix != sys.base_prefix else 1)"
    try:
        return subprocess.run([str(PYTHON), "-I", "-c", probe], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _remove() -> None:
    warn("The .venv was made by another Python or for another folder; it is made again.")
    try:
        shutil.rmtree(VENV)
    except OSError as error:
        raise Trouble(
            f"{VENV} can't be removed: {error.strerror}.", f"remove it yourself: sudo rm -rf {VENV}"
        ) from error


def _make(state: State) -> None:
    """Make .venv; without pip when uv will do the installing."""
    uv = usable_uv()
    if not uv:
        ensure_venv_module(state)
    options = ["--without-pip"] if uv else []
    argv = [sys.executable, "-m", "venv", *options, str(VENV)]
    mend = f"look at the log, remove {VENV} and run the same command again."
    try:
        work("Making the Python environment (.venv)", argv, state.log("venv"), mend=mend)
    except BaseException:
        shutil.rmtree(VENV, ignore_errors=True)
        raise


def usable_uv() -> str:
    """Return uv's path, unless pip is configured in a way that uv would not know of."""
    path = shutil.which("uv")
    return path if path and not pip_is_configured() else ""


def pip_is_configured() -> bool:
    """Return whether this machine tells pip where packages come from and how, by environment or by a pip.conf."""
    if any(os.environ.get("PIP_" + key.upper().replace("-", "_")) for key in INDEX_KEYS):
        return True
    home = Path(os.environ.get("HOME") or "/")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [Path("/etc/pip.conf"), Path("/etc/xdg/pip/pip.conf"), config / "pip/pip.conf", home / ".pip/pip.conf"]
    files += [Path(os.environ["PIP_CONFIG_FILE"])] if os.environ.get("PIP_CONFIG_FILE") else []
    reader = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        reader.read(files)
    except configparser.Error:
        return True
    return any(reader.has_option(section, key) for section in reader.sections() for key in INDEX_KEYS)


def install_one(state: State, requirement: str, words: str) -> None:
    """Install one pinned package more into .venv."""
    _install(state, [requirement], words)


def _install(state: State, what: Sequence[str], words: str) -> None:
    log = state.log("python-packages")
    title = f"Installing {words}"
    uv = usable_uv()
    if uv:
        try:
            work(title + " (uv)", [uv, "pip", "install", "--python", str(PYTHON), *what], log, cwd=ROOT)
            return
        except Trouble as trouble:
            warn(f"uv did not manage ({trouble.log}); trying pip.")
    if subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        ensure_venv_module(state)
        work("Adding pip to .venv", [str(PYTHON), "-m", "ensurepip"], state.log("ensurepip"))
    pip = [str(PYTHON), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    mend = (
        "look at the log. No network: pip must reach PyPI or the index that your pip.conf names.\n"
        "An account that can't write to .venv: remove .venv as the account that made it."
    )
    work(title, [*pip, *what], log, cwd=ROOT, mend=mend)
