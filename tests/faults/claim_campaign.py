"""Claims through HTTP while everything is killed and cut: web workers, the relay, the database, answers, COMMITs.

One run over a cluster of its own. The callers (``claim_clients``) keep journals; afterwards ``claim_checks`` compares
them with the rows.
"""

from __future__ import annotations

import bisect
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TextIO

import sqlalchemy as sa

from app.core.settings import Settings, load_settings
from devtools.cluster import Cluster
from tests.factories.worlds import World
from tests.faults.claim_checks import Finding, Journaled, check, check_stamps, read_journals
from tests.faults.claim_clients import Order, lines_of
from tests.faults.claim_world import ClaimWorld, plant_claim_world
from tests.faults.own_cluster import DATABASE
from tests.faults.proxy import COMMIT, Cut, FaultProxy, database_proxy, url_through, web_proxy
from tests.servers import ROOT, WebServer, Worker, environment, free_port

CLAIMED = b"POST /v1/claims"


@dataclass(frozen=True, slots=True)
class Campaign:
    """How much is asked and how much is broken meanwhile."""

    tries: int
    coupons: int
    quota: int
    members: int
    per_member: int = 2
    callers: int = 3  # processes
    threads: int = 10  # of each
    web_workers: int = 3
    worker_kills: int = 0
    relay_kills: int = 0
    stops: int = 0
    backend_kills: int = 0
    partitions_s: tuple[float, ...] = ()
    back_s: float = 5.0  # how soon a claim has to succeed again once the database is back
    cut_commits: float = 0.03
    cut_answers: float = 0.03
    seed: int = 1


@dataclass(slots=True)
class Outcome:
    """What a run found; ``back_s`` are the seconds from a database that is back to the next claim that succeeded."""

    told: Journaled
    findings: list[Finding]
    done: Counter[str] = field(default_factory=Counter)
    back_s: dict[str, list[float]] = field(default_factory=dict)
    took_s: float = 0.0

    @property
    def breaches(self) -> list[Finding]:
        """The promises that were broken."""
        return [finding for finding in self.findings if finding.breaches]


def settings_over(cluster: Cluster, state_dir: Path) -> Settings:
    """Settings of an installation on a cluster of one's own."""
    urls = {
        "DATABASE_URL": cluster.url("fujin_app", DATABASE),
        "DATABASE_READ_URL": cluster.url("fujin_read", DATABASE),
        "DATABASE_IMPORT_URL": cluster.url("fujin_import", DATABASE),
        "DATABASE_OWNER_URL": cluster.url("fujin_owner", DATABASE),
    }
    secret = "campaigns-sign-with-this-0123456789abcdef"
    own = {"FUJIN_SECRET_KEY": secret, "FUJIN_CODE_PEPPER": secret[::-1], "FUJIN_STATE_DIR": str(state_dir)}
    return load_settings(urls | own | {"FUJIN_LOG_LEVEL": "WARNING"})


def run(cluster: Cluster, campaign: Campaign, folder: Path, say: Callable[[str], None] = lambda _text: None) -> Outcome:
    """Plants, runs and checks one campaign; ``folder`` takes keys, logs and journals."""
    settings = settings_over(cluster, folder / "state")
    owner = sa.create_engine(settings.database_owner_url or "", pool_pre_ping=True)
    world = plant_claim_world(
        World(owner),
        coupons=[(campaign.quota, 4 + (number * 4) % 16) for number in range(campaign.coupons)],
        members=campaign.members,
        per_member=campaign.per_member,
    )
    began = time.monotonic()
    with ExitStack() as stack:
        stack.callback(owner.dispose)
        site = stack.enter_context(_site(cluster, settings, campaign, folder))
        journals = [folder / f"journal-{number}" for number in range(campaign.callers)]
        callers = stack.enter_context(_callers(site, campaign, world, journals))
        _break_things(site, campaign, callers, journals, say)
        for process in callers:
            process.wait(180)
        say("every key has come to its end; waiting for the relay")
        told = read_journals(lines_of(journals))
        unstamped = wait_until_stamped(owner)
        with owner.connect() as conn:
            findings = [*check(conn, told, campaign.per_member), *check_stamps(conn, unstamped)]
        findings += [_audited(settings), *_swift(site.back_at, told, campaign.back_s)]
        site.done["COMMITs cut"] = site.database.cut[COMMIT]
        site.done["answers cut"] = site.web_proxy.cut[CLAIMED]
        back_s = {name: [_next(told, at) for at in moments] for name, moments in site.back_at.items()}
        return Outcome(told, findings, site.done, back_s, time.monotonic() - began)


@dataclass(slots=True)
class Site:
    """Everything that runs and can be broken."""

    cluster: Cluster
    settings: Settings
    web: WebServer
    worker: Worker
    database: FaultProxy
    web_proxy: FaultProxy
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)
    back_at: dict[str, list[float]] = field(default_factory=dict)

    def kill_web_worker(self) -> None:
        """One of the web's workers, with kill -9; their master starts another."""
        workers = self.web.workers()
        if workers and _killed(self.chance.choice(workers)):
            self.done["web workers killed"] += 1

    def kill_relay(self) -> None:
        """The worker process, with kill -9; we start it again as a supervisor would."""
        self.worker.kill()
        self.worker.start()
        self.done["relays killed"] += 1

    def stop_database(self) -> None:
        """An immediate stop, and a start."""
        self.cluster.crash()
        time.sleep(self.chance.uniform(0.0, 0.5))
        self.cluster.recover()
        self._back("database stopped at once")

    def kill_backend(self) -> None:
        """One backend of the application, with kill -9: the server ends all sessions and recovers."""
        pids = self.cluster.sql(
            f"SELECT pid FROM pg_stat_activity WHERE datname = '{DATABASE}' AND usename = 'fujin_app'"
        ).split()
        if pids and _killed(int(self.chance.choice(pids))):
            self.wait_for_database()
            self._back("backends killed")

    def partition(self, seconds: float) -> None:
        """The network between web and database drops everything while TCP stays up."""
        self.database.silence()
        time.sleep(seconds)
        self.database.speak()
        self._back("partitions")

    def wait_for_database(self) -> None:
        """Until the server takes connections again, at most 30 s."""
        engine = sa.create_engine(self.settings.database_url, poolclass=sa.NullPool)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                with engine.connect():
                    return
            except sa.exc.OperationalError:
                time.sleep(0.02)
        raise AssertionError("the database did not come back in 30 s")

    def _back(self, what: str) -> None:
        self.done[what] += 1
        self.back_at.setdefault(what, []).append(time.monotonic())


@contextmanager
def _site(cluster: Cluster, settings: Settings, campaign: Campaign, folder: Path) -> Iterator[Site]:
    target = sa.make_url(settings.database_url)
    with ExitStack() as stack:
        cut = Cut(COMMIT, campaign.cut_commits, after="answer")
        database = stack.enter_context(database_proxy(target, cuts=[cut], seed=campaign.seed))
        through = replace(
            settings,
            database_url=url_through(database, settings.database_url),
            database_read_url=url_through(database, settings.database_read_url or ""),
        )
        # gunicorn: its workers may be killed as often as one likes, where granian ends after two kills in 5.5 s.
        web = WebServer(through, folder / "web.log", server="gunicorn", workers=campaign.web_workers)
        stack.callback(web.stop)
        web.start()
        lost = Cut(CLAIMED, campaign.cut_answers, after="answer")
        before = stack.enter_context(web_proxy(free_port(), web.port, cuts=[lost], seed=campaign.seed))
        worker = Worker(settings, folder / "worker.log", folder / "worker.pid")
        stack.callback(worker.stop)
        worker.start()
        yield Site(cluster, settings, web, worker, database, before, random.Random(campaign.seed))


@contextmanager
def _callers(
    site: Site, campaign: Campaign, world: ClaimWorld, journals: Sequence[Path]
) -> Iterator[list[subprocess.Popen[str]]]:
    env = environment(site.settings, FUJIN_PUBLIC_URL=site.web.address)
    assert isinstance(site.web_proxy.near, tuple)
    started: list[subprocess.Popen[str]] = []
    try:
        for number, journal in enumerate(journals):
            journal.touch()
            order = Order(
                port=site.web_proxy.near[1],
                seed=campaign.seed * 1000 + number * 100,
                threads=campaign.threads,
                tries=_share(campaign.tries, number, campaign.callers),
                coupons=[str(coupon) for coupon in world.coupons],
                members=[str(member) for member in world.members],
                journal=str(journal),
            )
            command = [sys.executable, "-m", "tests.faults.claim_clients"]
            process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.PIPE, text=True)
            started.append(process)
            assert process.stdin is not None
            json.dump(asdict(order), process.stdin)
            process.stdin.close()
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait(10)


def _break_things(
    site: Site,
    campaign: Campaign,
    callers: Sequence[subprocess.Popen[str]],
    journals: Sequence[Path],
    say: Callable[[str], None],
) -> None:
    """Every fault once the callers have come so far; the order is drawn, the distances are even."""
    faults: list[Callable[[], None]] = [
        *[site.kill_web_worker] * campaign.worker_kills,
        *[site.kill_relay] * campaign.relay_kills,
        *[site.stop_database] * campaign.stops,
        *[site.kill_backend] * campaign.backend_kills,
        *[lambda s=seconds: site.partition(s) for seconds in campaign.partitions_s],  # type: ignore[misc]
    ]
    site.chance.shuffle(faults)
    with ExitStack() as stack:
        progress = _Progress([stack.enter_context(journal.open()) for journal in journals])
        _spread(site, campaign, callers, faults, progress, say)


def _spread(
    site: Site,
    campaign: Campaign,
    callers: Sequence[subprocess.Popen[str]],
    faults: Sequence[Callable[[], None]],
    progress: _Progress,
    say: Callable[[str], None],
) -> None:
    shown = 0
    for number, fault in enumerate(faults, 1):
        due = campaign.tries * number / (len(faults) + 2)
        while progress.tries() < due and any(process.poll() is None for process in callers):
            time.sleep(0.02)
        fault()
        if progress.tries() - shown >= 5_000:
            shown = progress.tries()
            say(f"{shown:,} keys used; {', '.join(f'{count} {what}' for what, count in site.done.items())}")


class _Progress:
    """How many keys the callers have used so far, from what they have written."""

    def __init__(self, journals: Sequence[TextIO]) -> None:
        self._files = journals
        self._keys: set[str] = set()

    def tries(self) -> int:
        """Keys seen up to now."""
        for file in self._files:
            for text in file:
                if text.startswith('{"key": "'):
                    self._keys.add(text[9:45])
        return len(self._keys)


def wait_until_stamped(owner: sa.Engine, within_s: float = 60.0) -> list[str]:
    """Until the relay has given a position to every event that is there now; those without, when the time is over.

    Jobs bring more meanwhile: that a coupon is sold out is told a moment later.
    """
    end = time.monotonic() + within_s
    statement = "SELECT event_id::text FROM outbox_events WHERE position IS NULL"
    waiting: list[str] | None = None
    while True:
        with owner.connect() as conn:
            unstamped = set(conn.execute(sa.text(statement)).scalars())
        waiting = [each for each in unstamped if waiting is None or each in waiting]
        if not waiting or time.monotonic() >= end:
            return waiting
        time.sleep(0.1)


def _audited(settings: Settings) -> Finding:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "fujin", "audit"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(settings), capture_output=True, text=True, check=False, timeout=120
    )
    said = (done.stdout + done.stderr).strip().splitlines()
    return Finding("fujin audit finds nothing", max(0, len(said) - 1) if done.returncode else 0, "; ".join(said[:3]))


def _swift(back_at: dict[str, list[float]], told: Journaled, back_s: float) -> list[Finding]:
    late = [f"{_next(told, at):.1f} s" for moments in back_at.values() for at in moments if _next(told, at) > back_s]
    promise = f"a claim succeeds within {back_s:g} s of the database's return"
    return [Finding(promise, len(late), late[0] if late else "")]


def _next(told: Journaled, at: float) -> float:
    """Seconds to the first claim that was told of after a moment; 0 when callers had all ended by then."""
    place = bisect.bisect_left(told.good_at, at)
    return told.good_at[place] - at if place < len(told.good_at) else 0.0


def _killed(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _share(total: int, number: int, among: int) -> int:
    return total // among + (number < total % among)


def table(campaign: Campaign, outcome: Outcome) -> str:
    """The figures as Markdown."""
    told = outcome.told
    rows = [
        ("keys used (tries)", f"{len(told.operations):,}"),
        ("requests sent", f"{told.requests:,} in {outcome.took_s:,.0f} s"),
        ("claims granted", f"{len(told.granted):,} of {campaign.coupons * campaign.quota:,} in stock"),
        ("claims cancelled", f"{len(told.cancelled):,}"),
        *((what, f"{count:,}") for what, count in sorted(outcome.done.items())),
        *((f"answers {status}", f"{count:,}") for status, count in sorted(told.statuses.items())),
    ]
    for what, waits in sorted(outcome.back_s.items()):
        rows.append((f"next claim after: {what}", f"median {statistics.median(waits):.2f} s, worst {max(waits):.2f} s"))
    rows += [(finding.promise, f"{finding.breaches} breaches {finding.example}") for finding in outcome.findings]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])
