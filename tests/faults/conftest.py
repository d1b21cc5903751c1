"""Sites to break, one a module; those whose database is crashed stand on a cluster of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from app.core.settings import Settings
from devtools.cluster import Cluster
from tests.faults.claim_site import ClaimSite, claim_site
from tests.faults.own_cluster import own_cluster


@pytest.fixture(scope="module")
def site(
    make_database: Callable[..., str],
    migrated_template: str,
    settings_for: Callable[[str], Settings],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ClaimSite]:
    """Two worker processes of four threads, over a database of the shared cluster behind a proxy."""
    settings = settings_for(make_database(migrated_template))
    with claim_site(settings, tmp_path_factory.mktemp("site")) as found:
        yield found


@pytest.fixture(scope="session")
def crashable() -> Iterator[Cluster]:
    """A database server of this process's own that may be crashed."""
    with own_cluster(f"t{os.getpid()}") as cluster:
        yield cluster
