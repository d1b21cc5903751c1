"""Ten thousand events of fences: the receiver is down for two simulated hours, workers die twenty times between sending
and marking, and all must arrive, each pair's in order, what comes again under the same id.

Run with ``./dev campaign geofence [--members 100] [--fixes 100] [--kills 20]``; ends with 1 when it does not hold.
``tests/app/geofencing/test_outage.py`` is its short twin. Time is the sender's clock moved ahead, and a death a sender
that never marks what it sent.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

from bench.campaign_api import own_database, settings_over
from tests.factories.geofence_outage import run


def main() -> None:
    """Runs it and says what came of it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--members", type=int, default=100)
    options.add_argument("--fixes", type=int, default=100)
    options.add_argument("--kills", type=int, default=20)
    given = options.parse_args()
    with own_database(os.environ["DATABASE_OWNER_URL"]) as url, tempfile.TemporaryDirectory() as folder:
        # nobody waits here: a crowded machine may take its time
        os.environ |= {"FUJIN_RATE_LIMIT_PER_MINUTE": "1000000", "FUJIN_DATABASE_DEADLINE_S": "0"}
        settings = settings_over(url, Path(folder))
        logging.disable(logging.CRITICAL)
        began = time.monotonic()
        found = run(url, settings, members=given.members, fixes=given.fixes, kills=given.kills)
    print("| events | arrived | again, same id | refused while down | killed | pairs out of order | not done | s |")
    print("|---|---|---|---|---|---|---|---|")
    print(
        f"| {found.events:,} | {found.arrived:,} | {found.again} | {found.refused} | {found.killed} |"
        f" {len(found.unordered)} | {found.open} | {time.monotonic() - began:.0f} |"
    )
    if found.arrived != found.events or found.unordered or found.open or found.killed != given.kills:
        sys.exit(1)


if __name__ == "__main__":
    main()
