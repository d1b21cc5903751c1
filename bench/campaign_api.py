"""A long run of cases generated from the API document, as anonymous and as each role, over a database of its own.

Makes and seeds a database beside the demo's, starts a server over it, and drops it at the end. Ends with 1 when
anything failed. Run with ``./dev campaign api [--examples 1000] [--seeds 1,2,3] [--as owner1,admin]``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from app.core.db import normalised_url
from app.core.settings import Settings, load_settings
from tests.flows.api_campaign import (
    ALL_PHASES,
    PRINCIPALS,
    Campaign,
    own_values,
    page_kept,
    run,
    seeded_values,
    with_made,
    with_spares,
)
from tests.flows.made_things import Made, make_room, make_spares, make_things
from tests.servers import fujin, running_server

ROOT = Path(__file__).parent.parent
TEMPLATE = os.environ.get("FUJIN_TEST_TEMPLATE", "fujin_template")
PART = 200  # examples a part: some two minutes on two cores, where a token is good for fifteen


@contextmanager
def own_database(owner_url: str) -> Iterator[str]:
    """Owner's URL of a migrated database that is dropped at the end."""
    name = f"fujin_campaign_{uuid.uuid4().hex[:10]}"
    admin = sa.create_engine(normalised_url(owner_url), isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.execute(sa.text(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"'))
    url = make_url(normalised_url(owner_url)).set(database=name).render_as_string(hide_password=False)
    try:
        migrate = [sys.executable, "-m", "alembic", "upgrade", "head"]
        subprocess.run(migrate, cwd=ROOT, env={**os.environ, "DATABASE_OWNER_URL": url}, check=True)
        yield url
    finally:
        with admin.connect() as conn:
            try:  # sessions that are just ending are waited for; force may not end those of another role
                conn.execute(sa.text(f'DROP DATABASE IF EXISTS "{name}"'))
            except sa.exc.OperationalError:
                conn.execute(sa.text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        admin.dispose()


def settings_over(url: str, state_dir: Path) -> Settings:
    """The environment's settings, moved to another database and state folder; the environment follows."""
    for name in ("DATABASE_URL", "DATABASE_READ_URL", "DATABASE_IMPORT_URL", "DATABASE_OWNER_URL"):
        there = make_url(normalised_url(os.environ[name])).set(database=make_url(url).database)
        os.environ[name] = there.render_as_string(hide_password=False)
    os.environ |= {"FUJIN_STATE_DIR": str(state_dir), "FUJIN_LOG_LEVEL": "WARNING", "FUJIN_DEMO": "1"}
    os.environ["FUJIN_PROVIDERS"] = "cash,test_wallet"
    return load_settings(os.environ)


@dataclass(frozen=True)
class Site:
    """A server over a database of its own, and what was made there."""

    settings: Settings
    url: str
    engine: sa.Engine
    made: tuple[Made, Made]
    values: Mapping[str, Any]

    def tokens(self) -> dict[str, dict[str, str]]:
        """Fresh ones, good for fifteen minutes."""
        return dict(json.loads(fujin(replace(self.settings, public_url=self.url), "tokens")))


@contextmanager
def site(settings: Settings, folder: Path) -> Iterator[Site]:
    """Starts the server and walks the loop on it, for either merchant."""
    engine = sa.create_engine(normalised_url(os.environ["DATABASE_OWNER_URL"]))
    with running_server(settings, folder / "server.log") as url:
        tokens = json.loads(fujin(replace(settings, public_url=url), "tokens"))
        ours = make_things(url, engine, tokens, "member1", "staff1", "owner1")
        theirs = make_things(url, engine, tokens, "member2", "owner2", "owner2")
        yield Site(settings, url, engine, (ours, theirs), with_made(seeded_values(settings), ours, theirs))
    engine.dispose()


def campaign(settings: Settings, folder: Path, principals: list[str], seeds: list[int], examples: int) -> int:
    """Runs every principal with every seed and prints a line a part; returns how many parts found something."""
    bad = 0
    with site(settings, folder) as there:
        for seed in seeds:
            for principal in principals:
                for number, part in enumerate(parts_of(seed, examples)):
                    bad += one_part(there, folder / f"{principal}-{seed}-{number}", principal, part)
    return bad


def parts_of(seed: int, examples: int) -> Iterator[Campaign]:
    """A run in parts that end before their tokens do; the systematic phases, which know no seed, in the first alone."""
    for begun in range(0, examples, PART):
        phases = ("fuzzing", "stateful") if begun else ALL_PHASES
        yield Campaign(min(PART, examples - begun), seed * 1000 + begun // PART, phases, workers=2)


def one_part(there: Site, folder: Path, principal: str, part: Campaign) -> bool:
    """Runs one part with new tokens, one to work with and one to sign out with; True when it found something."""
    tokens, others = there.tokens(), there.tokens()
    facts, spare = tokens.get(principal, {}), others.get(principal, {}).get("token")
    token = facts.get("token")
    make_room(there.engine, *there.made)
    spares = make_spares(there.url, there.engine, tokens, there.made[0], principal)
    values = with_spares(own_values(there.values, principal, facts), spares)
    began = time.monotonic()
    with page_kept(there.url, token):
        found = run(folder, there.url, values, part, token, spare)
    took = time.monotonic() - began
    said = "; ".join(found.failures) or "nothing wrong"
    print(f"{principal:<10} seed {part.seed:<6} {found.cases:>7,} cases {took:6.0f} s  {said}", flush=True)
    for label in sorted(found.never_2xx()):
        print(f"{'':<10} never 2xx: {label} {dict(found.statuses[label])}", flush=True)
    if found.failures:
        print(found.output, flush=True)
    return bool(found.failures)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="./dev campaign api")
    parser.add_argument("--examples", type=int, default=1000, help="cases an operation and phase")
    parser.add_argument("--seeds", default="1,2,3", help="comma-separated seeds")
    parser.add_argument("--as", dest="principals", default=",".join(PRINCIPALS), help="comma-separated principals")
    options = parser.parse_args()
    principals, seeds = options.principals.split(","), [int(seed) for seed in options.seeds.split(",")]
    unknown = set(principals) - set(PRINCIPALS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; choose from {', '.join(PRINCIPALS)}")
    with tempfile.TemporaryDirectory(prefix="fujin-campaign-") as made:
        folder = Path(made)
        (folder / "state").mkdir(mode=0o700)
        with own_database(os.environ["DATABASE_OWNER_URL"]) as url:
            settings = settings_over(url, folder / "state")
            print("seeding a database of its own …", flush=True)
            fujin(settings, "seed")
            bad = campaign(settings, folder, principals, seeds, options.examples)
    print(f"{bad} parts found something" if bad else "no part found anything")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
