"""./dev check and ./dev test: linters, types, import contracts, then pytest, and one summary."""

import os
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devtools.cluster import Cluster
from devtools.frontend import MODULES, WEB
from devtools.state import PYTHON, ROOT, VENV, State
from devtools.terminal import Stopped, Trouble, die_with_parent, mark, say, span, tail, work

# A module's tests stay in one process, so that what they share is made once; longest modules don't begin last. Three
# processes keep two cores busy, since tests wait for browsers and servers.
PARALLEL = ("-n", "3", "--dist", "loadscope", "--no-loadscope-reorder")
OWN_WAY = ("-n", "--numprocesses", "--pdb", "-s", "--capture=no", "--trace", "--co", "--collect-only", "--dist")


@dataclass(frozen=True)
class Result:
    """One line of the summary."""

    title: str
    passed: bool
    words: str


def linters() -> list[tuple[str, list[str], Path]]:
    """Return title, command and folder of every check that needs no database."""
    found = [
        ("ruff check", [str(PYTHON), "-m", "ruff", "check", "."], ROOT),
        ("ruff format", [str(PYTHON), "-m", "ruff", "format", "--check", "."], ROOT),
        ("mypy", [str(PYTHON), "-m", "mypy"], ROOT),
        ("import contracts", [str(VENV / "bin" / "lint-imports")], ROOT),
    ]
    compiler = MODULES / ".bin" / "tsc"
    return found + ([("tsc", [str(compiler), "--noEmit"], WEB)] if compiler.exists() else [])


def run_linters(state: State, env: Mapping[str, str]) -> list[Result]:
    """Run every check, whatever the others say; what a failing one wrote is shown at once."""
    results = []
    for title, argv, folder in linters():
        log = state.log(title.replace(" ", "-"))
        try:
            seconds = work(title, argv, log, env=env, cwd=folder)
            results.append(Result(title, True, span(seconds)))
        except Trouble:
            for line in tail(log, 60)[1:]:
                say("    " + line)
            results.append(Result(title, False, f"see above, or {log}"))
    return results


def pytest_options(arguments: Sequence[str]) -> list[str]:
    """Return the options before the person's own: three processes, unless they want one or named single tests."""
    named = [word for word in arguments if not word.startswith("-")]
    single = bool(named) and all("::" in word for word in named)
    own = any(word.split("=")[0] in OWN_WAY or word in OWN_WAY or word[:2] == "-n" for word in arguments)
    return [] if own or single else list(PARALLEL)


def run_pytest(state: State, env: Mapping[str, str], arguments: Sequence[str]) -> Result:
    """Run pytest on this terminal and return its line of the summary."""
    report = state.logs / "pytest.xml"
    report.unlink(missing_ok=True)
    begin = time.monotonic()
    argv = [str(PYTHON), "-m", "pytest", *pytest_options(arguments), f"--junitxml={report}", *arguments]
    code = foreground(argv, env)
    return Result("pytest", code == 0, f"{counts(report) or f'exit code {code}'}, {span(time.monotonic() - begin)}")


def last_words(server: Cluster) -> list[str]:
    """Return what a server that stopped under the tests wrote last, and how much room it had; nothing while it runs."""
    if server.answers():
        return []
    free = shutil.disk_usage(server.base).free // 1_000_000
    return [f"The database server has stopped ({free:,} MB of disk are free); its log ends:", *tail(server.log, 30)]


def counts(report: Path) -> str:
    """Return how many tests a JUnit report tells of, empty when there is none."""
    try:
        suites = ElementTree.parse(report).getroot().iter("testsuite")
    except (OSError, ElementTree.ParseError):
        return ""
    total = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for suite in suites:
        total = {name: value + int(suite.get(name, 0)) for name, value in total.items()}
    passed = total["tests"] - total["failures"] - total["errors"] - total["skipped"]
    numbers = {"passed": passed, "failed": total["failures"], "errors": total["errors"], "skipped": total["skipped"]}
    return ", ".join(f"{value} {name}" for name, value in numbers.items() if value or name == "passed")


def summary(results: Sequence[Result], seconds: float, remarks: Sequence[str] = ()) -> int:
    """Print what passed and what did not, then the remarks, and return the exit code."""
    say()
    for result in results:
        sign = mark("✓", "ok") if result.passed else mark("✗", "FAILED")
        say(f"  {sign} {result.title:<17} {result.words}")
    failed = [result.title for result in results if not result.passed]
    say(f"{'FAILED: ' + ', '.join(failed) if failed else 'All passed'} ({span(seconds)} in all)")
    for line in remarks:
        say(line)
    return 1 if failed else 0


def foreground(argv: Sequence[str], env: Mapping[str, str], cwd: Path = ROOT) -> int:
    """Run a command on our terminal and return its exit code; Ctrl-C is the command's affair, SIGTERM is passed on."""
    child = subprocess.Popen(list(argv), env=dict(env), cwd=cwd, preexec_fn=die_with_parent)  # noqa: PLW1509 - one thread
    if sys.stdin and sys.stdin.isatty():
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    else:
        before = signal.getsignal(signal.SIGINT)
    try:
        code = child.wait()
    except Stopped:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
        raise
    finally:
        signal.signal(signal.SIGINT, before)
    return code if code >= 0 else 128 - code


def clean_env() -> dict[str, str]:
    """Return the environment for tests and linters: nothing of this project's settings, Flask, Python or PostgreSQL."""
    prefixes = ("FUJIN_", "FLASK_", "PG", "DATABASE_", "GUNICORN_", "GRANIAN_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    # Without kept bytecode each of some hundred processes would compile the whole program again.
    unwanted = ("PYTHONPATH", "PYTHONHOME", "PYTHONWARNINGS", "PYTHONDONTWRITEBYTECODE")
    for name in (*unwanted, "VIRTUAL_ENV", "WEB_CONCURRENCY"):
        kept.pop(name, None)
    return kept
