"""What each ./dev command does, step by step."""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from devtools import checks, cluster, database, hooks, ports, server
from devtools.database import BLANK, DEMO, SCALE, Database
from devtools.frontend import BUILD, MODULES, ensure_build
from devtools.packages import choose, ensure_browser, ensure_postgres, find_postgres
from devtools.python_env import ensure_python
from devtools.state import PYTHON, ROOT, VENV, State, open_state, secrets_of, set_up_lock, state_path
from devtools.terminal import NO_SPACE, Stopped, Trouble, on_signals, say, span, work

HELP = """Usage: ./dev COMMAND [OPTIONS]

  demo                 set everything up and serve the demo with its data
  test [PYTEST ARGS]   set up, then lint, types, import contracts and tests; with arguments only those tests
  run                  serve without demo data, from a database of its own; the log goes to the terminal
  stop                 stop this checkout's copies
  reset [--all]        stop, and remove databases and secrets; --all: also .venv, node_modules and the build
  url                  print the running copy's address

  tokens               print one access token a role as JSON (demo)
  otp                  print the one-time codes that were "sent" (demo)
  passwords            print login names and passwords of tills, owners and operators (demo)
  hooks [--follow]     print the webhooks that the demo's receiver got, their signatures verified
  fujin ARGS           any command of the app's own command line (demo)
  db [-- PSQL ARGS]    psql on the demo's database
  check                linters, types and import contracts
  seed --scale N       fill the database fujin_scale with N places
  bench NAME [ARGS]    run bench/NAME.py with the database fujin_scale
  campaign NAME [ARGS] run bench/campaign_NAME.py against the demo

Options of demo and run:
  --port N             the port (or FUJIN_PORT); otherwise 8000, or the next one that is free
  --server NAME        granian (default) or gunicorn

DATABASE_URL, when set, is the database to use: then no package is installed and no server started.
"""
READY = {
    "demo": """
  Fujin is ready:  {url}
  API and docs:    {url}/docs
  Tokens:          ./dev tokens        one access token a role
  One-time codes:  ./dev otp           what a phone would have got
  Till:            {url}/till          sign in with one of ./dev passwords
  Service areas:   {url}/areas         sign in as owner1 (./dev passwords)
  Regional data:   {url}/operator      sign in as operator1 or admin (./dev passwords)
  Webhooks:        ./dev hooks         what the demo's receiver got
  Payments:        no real money: a test wallet, and fakepay as Alipay and Stripe (docs/payments.md)
  Database:        ./dev db
  Log:             {log}
  To stop:         Ctrl-C here, or ./dev stop in another terminal
""",
    "run": """
  Fujin is ready:  {url}               (no demo data)
  API and docs:    {url}/docs
  Database:        ./dev db -- -d fujin_run
  To stop:         Ctrl-C here, or ./dev stop in another terminal
""",
}


def app_env(state: State, ready: Database, kind: str, url: str) -> dict[str, str]:
    """Return the environment of the app: ours, then what the person set, then the database and secrets."""
    prefixed = {f"FUJIN_{variable}" for variable in database.VARIABLES.values()}
    kept = {k: v for k, v in os.environ.items() if not k.startswith("FLASK_") and k not in prefixed}
    if ready.cluster:
        kept = {name: value for name, value in kept.items() if not name.startswith("PG")}
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE"):
        kept.pop(name, None)
    ours = {"FUJIN_PUBLIC_URL": url, "FUJIN_LOG_LEVEL": "INFO"}
    fixed = {"FUJIN_STATE_DIR": str(state.app_dir(kind)), **ready.urls}
    if kind == "demo":
        fixed["FUJIN_DEMO"] = "1"
        ours["FUJIN_PROVIDERS"] = "cash,test_wallet"
    return ours | secrets_of(state, ("FUJIN_SECRET_KEY", "FUJIN_CODE_PEPPER")) | kept | fixed


def current_url(state: State, kind: str) -> str:
    """Return where this copy answers, or would answer if it were started now."""
    copy = server.running(state, kind)
    return copy.url if copy and copy.url else f"http://127.0.0.1:{ports.wanted(None) or ports.DEFAULT}"


@contextmanager
def prepared(
    state: State, kind: str, name: str, *, dev: bool = False, pages: bool = False, seeded: bool = False, url: str = ""
) -> Iterator[tuple[Database, dict[str, str]]]:
    """Have Python, pages and a migrated database ready for the time of the block."""
    with set_up_lock(state) as unlock:
        _system_packages(state, "demo")
        ensure_python(state, dev=dev)
        if pages:
            ensure_build(state)
        with database.database(state, name) as ready:
            env = app_env(state, ready, kind, url or current_url(state, kind))
            database.migrate(state, ready, env)
            if seeded:
                database.seed(state, ready, env)
            unlock()
            yield ready, env


def _system_packages(state: State, name: str) -> None:
    """Have PostgreSQL before anything else, so that a password is asked for, or a refusal comes, at the start."""
    if database.given_url():
        database.libpq_url(database.given_url())
    else:
        ensure_postgres(state, cluster.made_by(state, name))


def serve(kind: str, arguments: Sequence[str]) -> int:
    """Serve the demo, or the bare app from its own database, until told to stop."""
    parser = argparse.ArgumentParser(prog=f"./dev {kind}")
    parser.add_argument("--port", metavar="N", help="the port; otherwise 8000, or the next one that is free")
    parser.add_argument("--server", choices=server.SERVERS, default="granian", help="the web server")
    options = parser.parse_args(arguments)
    begin = time.monotonic()
    asked = ports.wanted(options.port)
    state = open_state()
    with server.only_copy(state, kind) as mine:
        if not mine:
            return _already(state, kind, asked)
        held = ports.reserve(asked)
        inbox = ports.reserve(None) if kind == "demo" else None
        bank = ports.reserve(None) if kind == "demo" and not _own_providers() else None
        if asked is None and held.port != ports.DEFAULT:
            say(f"Port {ports.DEFAULT} is taken; using {held.port}.")
        url = f"http://127.0.0.1:{held.port}"
        name = DEMO if kind == "demo" else BLANK
        with prepared(state, kind, name, pages=True, seeded=kind == "demo", url=url) as (_ready, given):
            env, beside = given, [server.worker_of(state, kind)]
            if inbox:
                env, receiver = _receiver(state, given, inbox.port)
                beside.append(receiver)
            if bank:
                env, fakepay = _fakepay(state, env, bank.port)
                beside.append(fakepay)
            words = READY[kind].format(url=url, log=state.log(f"server-{kind}"))
            say(f"Set up in {span(time.monotonic() - begin)}.")
            try:
                server.serve(state, kind, options.server, held, env, words, logged=kind == "demo", beside=beside)
            except Stopped:
                say("\nStopping.")
    return 0


def _receiver(state: State, env: dict[str, str], port: int) -> tuple[dict[str, str], server.Beside]:
    """Register the demo's own receiver of webhooks, and allow the app to send to it."""
    allowed = ",".join(filter(None, [env.get("FUJIN_WEBHOOK_ALLOW"), f"127.0.0.1:{port}"]))
    env = env | {"FUJIN_WEBHOOK_ALLOW": allowed}
    words = ["demo-endpoint", "--url", f"http://127.0.0.1:{port}/hooks", "--secret-file", str(state.hooks_secret)]
    argv = [str(PYTHON), "-m", "flask", "--app", "wsgi", "fujin", *words]
    work("Registering a receiver of webhooks", argv, state.log("hooks-endpoint"), env=env, cwd=ROOT)
    return env, server.receiver_of(state, port)


def _own_providers() -> bool:
    """Tell whether the person chose providers of payments, which the demo then leaves as they are."""
    ours = ("FUJIN_PROVIDERS", "FUJIN_ALIPAY_", "FUJIN_STRIPE_")
    return any(name.startswith(ours) and value for name, value in os.environ.items())


def _fakepay(state: State, env: dict[str, str], port: int) -> tuple[dict[str, str], server.Beside]:
    """Make the keys of the demo's own provider of payments, and put it on offer as Alipay and Stripe."""
    words = ["fakepay", "--keys-only", "--port", str(port), "--dir", str(state.fakepay_dir)]
    argv = [str(PYTHON), "-m", "flask", "--app", "wsgi", "fujin", *words]
    work("Making keys for fakepay", argv, state.log("fakepay-keys"), env=env, cwd=ROOT)
    lines = (state.fakepay_dir / "settings.env").read_text().splitlines()
    return env | dict(line.split("=", 1) for line in lines), server.fakepay_of(state, port)


def show_hooks(arguments: Sequence[str]) -> int:
    """Print what the demo's receiver got."""
    return hooks.show(open_state().hooks_journal, arguments)


def _already(state: State, kind: str, asked: int | None) -> int:
    copy = server.running(state, kind)
    if copy is None or not copy.url:
        raise Trouble("Another terminal is starting this copy just now.", "wait for it, or stop it: ./dev stop")
    if asked is not None and not copy.url.endswith(f":{asked}"):
        raise Trouble(f"This checkout's copy runs already, at {copy.url}.", "stop it first: ./dev stop")
    say(f"This checkout's copy runs already, at {copy.url}; ./dev stop stops it.")
    return 0


def test(arguments: Sequence[str]) -> int:
    """Set everything up, check everything, and say in one summary how it went."""
    begin = time.monotonic()
    state = open_state()
    with set_up_lock(state) as unlock:
        _system_packages(state, "test")
        browser = ensure_browser(state)
        ensure_python(state, dev=True)
        ensure_build(state)
        env = checks.clean_env()
        if browser:
            env["FUJIN_CHROMIUM"] = browser
        results = [] if arguments else checks.run_linters(state, env)
        with database.database(state, cluster.TEMPLATE, "test") as ready:
            # Not the template itself: nobody may be connected to what is being copied.
            given = database.sqlalchemy_url(database.given_url()) if database.given_url() else ""
            owner = ready.cluster.url("fujin_owner", "postgres") if ready.cluster else given
            env |= {"FUJIN_TEST_OWNER_URL": owner, "FUJIN_TEST_TEMPLATE": cluster.TEMPLATE}
            unlock()
            results.append(checks.run_pytest(state, env, arguments))
            gone = checks.last_words(ready.cluster) if ready.cluster else []
    return checks.summary(results, time.monotonic() - begin, gone)


def check(arguments: Sequence[str]) -> int:
    """Run the checks that need no database."""
    _no_more(arguments, "check")
    begin = time.monotonic()
    state = open_state()
    with set_up_lock(state):
        ensure_python(state, dev=True)
    return checks.summary(checks.run_linters(state, checks.clean_env()), time.monotonic() - begin)


def app_command(words: Sequence[str], arguments: Sequence[str]) -> int:
    """Run a command of the app's own command line with the demo's environment."""
    state = open_state()
    with prepared(state, "demo", DEMO, seeded=True) as (_ready, env):
        return checks.foreground([str(PYTHON), "-m", "flask", "--app", "wsgi", "fujin", *words, *arguments], env)


def psql(arguments: Sequence[str]) -> int:
    """Open psql on the demo's database as its owner; -U and -d in the arguments choose others."""
    state = open_state()
    if database.given_url():
        program = shutil.which("psql")
        if not program:
            raise Trouble("psql was not found on PATH.", "install it: apt-get install postgresql-client")
        url = database.libpq_url(os.environ.get("DATABASE_OWNER_URL") or database.given_url())
        return checks.foreground([program, url, *arguments], os.environ)
    with prepared(state, "demo", DEMO) as (ready, _env):
        assert ready.cluster is not None
        program = str(ready.cluster.postgres.bin / "psql")
        return checks.foreground([program, *arguments], ready.cluster.psql_env("fujin_owner", DEMO))


def seed(arguments: Sequence[str]) -> int:
    """Fill the database fujin_scale; what it holds besides places is the app's affair."""
    parser = argparse.ArgumentParser(prog="./dev seed")
    parser.add_argument("--scale", metavar="N", type=int, required=True, help="how many places")
    options, more = parser.parse_known_args(arguments)
    state = open_state()
    with prepared(state, "demo", SCALE) as (_ready, env):
        words = ["-m", "flask", "--app", "wsgi", "fujin", "seed", "--scale", str(options.scale), *more]
        return checks.foreground([str(PYTHON), *words], env)


def script(prefix: str, name_of_database: str, arguments: Sequence[str]) -> int:
    """Run a program of bench/ with a database's environment; without a name, say which there are."""
    found = sorted(path.stem for path in (ROOT / "bench").glob(f"{prefix}*.py") if path.stem != "__init__")
    names = [name.removeprefix(prefix) for name in found if prefix or not name.startswith("campaign_")]
    if not arguments or arguments[0] not in names:
        asked = f"There is no {arguments[0]!r} in bench/." if arguments else "Which one?"
        raise Trouble(asked, f"give one of: {', '.join(names) or 'none yet'}")
    state = open_state()
    kind_seeded = name_of_database == DEMO
    with prepared(state, "demo", name_of_database, dev=True, seeded=kind_seeded) as (_ready, env):
        return checks.foreground([str(PYTHON), "-m", f"bench.{prefix}{arguments[0]}", *arguments[1:]], env)


def url(arguments: Sequence[str]) -> int:
    """Print the address of the running copy, the demo's first."""
    _no_more(arguments, "url")
    state = open_state()
    for kind in ("demo", "run"):
        copy = server.running(state, kind)
        if copy and copy.url:
            print(copy.url)
            return 0
    raise Trouble("No copy of this checkout is running.", "start one: ./dev demo")


def stop(arguments: Sequence[str]) -> int:
    """Stop this checkout's copies, and its database server if a killed copy left that running."""
    _no_more(arguments, "stop")
    if not state_path().exists():
        say("No copy of this checkout is running.")
        return 0
    state = open_state()
    stopped = [kind for kind in ("demo", "run") if server.stop(state, kind)]
    say("Stopped." if stopped else "No copy of this checkout is running.")
    for left in _clusters(state):
        left.stop_if_unused()
    return 0


def _clusters(state: State) -> list[cluster.Cluster]:
    found = find_postgres()
    made = {name: choose(found, cluster.made_by(state, name)) for name in ("demo", "test")}
    return [cluster.Cluster(state, name, chosen) for name, chosen in made.items() if chosen]


def reset(arguments: Sequence[str]) -> int:
    """Stop, then remove what set-up made: databases and secrets, and with --all the installed packages too."""
    parser = argparse.ArgumentParser(prog="./dev reset")
    parser.add_argument("--all", action="store_true", help="also .venv, node_modules and the build")
    options = parser.parse_args(arguments)
    if state_path().exists():
        state = open_state()
        for kind in ("demo", "run"):
            server.stop(state, kind)
        with set_up_lock(state):
            for left in _clusters(state):
                if not left.stop_if_unused():
                    raise Trouble(f"Another ./dev uses the {left.name} database.", "wait or stop it, then reset again.")
                left.forget()
            shutil.rmtree(state.base)
        say(f"Removed {state.base}.")
    for folder in (VENV, MODULES, BUILD) if options.all else ():
        if folder.exists():
            shutil.rmtree(folder)
            say(f"Removed {folder}.")
    if database.given_url():
        say("The database of DATABASE_URL is yours and was left as it is.")
    say("The next ./dev demo starts from nothing.")
    return 0


def _no_more(arguments: Sequence[str], command: str) -> None:
    if arguments:
        raise Trouble(f"./dev {command} takes no {arguments[0]!r}.", "./dev --help shows what there is.")


def _plain(arguments: Sequence[str]) -> Sequence[str]:
    return arguments[1:] if arguments[:1] == ["--"] else arguments


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "demo": lambda rest: serve("demo", rest),
    "run": lambda rest: serve("run", rest),
    "test": lambda rest: test(_plain(rest)),
    "check": check,
    "db": lambda rest: psql(_plain(rest)),
    "seed": seed,
    "bench": lambda rest: script("", SCALE, rest),
    "campaign": lambda rest: script("campaign_", DEMO, rest),
    "tokens": lambda rest: app_command(["tokens"], rest),
    "hooks": show_hooks,
    "passwords": lambda rest: app_command(["passwords"], rest),
    "otp": lambda rest: app_command(["otp"], rest),
    "fujin": lambda rest: app_command([], _plain(rest)),
    "url": url,
    "stop": stop,
    "reset": reset,
}


def main(arguments: list[str]) -> int:
    """Run one command and return the exit code: 1 for what a person can mend, 130 or 143 when stopped."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0 if arguments else 1
    if sys.platform == "win32":
        say("Windows is not supported directly; run this inside WSL.")
        return 1
    try:
        command = COMMANDS.get(arguments[0])
        if command is None:
            raise Trouble(f"There is no command {arguments[0]!r}.", "./dev --help shows what there is.")
        on_signals()
        return command(arguments[1:])
    except Trouble as trouble:
        say(trouble.text())
        return 1
    except Stopped as stopped:
        say("Stopped.")
        return 128 + int(stopped.args[0])
    except OSError as error:
        if error.errno is None or os.environ.get("FUJIN_DEV_DEBUG"):
            raise
        say(Trouble(*_of_system(error)).text())
        return 1


def _of_system(error: OSError) -> tuple[str, str]:
    where = f" ({error.filename})" if error.filename else ""
    what = f"The system refused something: {error.strerror}{where}."
    if any(sign in what for sign in NO_SPACE):
        return what, "free at least 1 GB and run the same command again."
    if isinstance(error, PermissionError):
        return (
            what,
            "the file was probably made by another account (sudo?); remove it as that account, or use that one.",
        )
    return what, "FUJIN_DEV_DEBUG=1 ./dev … shows where it happened."
