"""What operators see of their city's dataset versions."""

from __future__ import annotations

from typing import Any

from app.cities.queries import versions_open_to
from app.cities.schemas import DatasetVersionListSchema, DatasetVersionSchema
from app.cities.tables import DATASET_KINDS
from app.cities.types import DatasetVersion
from app.core.errors import NotFound
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import allow, signed_in
from app.http.transaction import reading

blueprint = Blueprint("datasets", __name__, description="Versions of a city's regional data, for its operators.")
_POLICY = allow("operator", "admin", owner="datasets.city_id is one of the operator's cities; an admin has all")
_PRIVATE = {"Cache-Control": "private, no-store"}


@blueprint.get(
    "/v1/datasets/<string:city>/<string:kind>/versions",
    policy=_POLICY,
    answer=DatasetVersionListSchema,
    problems=["not-found"],
)
def list_dataset_versions(city: str, kind: str) -> Answer:
    """The versions of one kind of a city's data, newest first."""
    found = _versions(city, kind, None)
    return Answer({"items": [_version_json(version) for version in found]}, headers=_PRIVATE)


@blueprint.get(
    "/v1/datasets/<string:city>/<string:kind>/versions/<int:version>",
    policy=_POLICY,
    answer=DatasetVersionSchema,
    problems=["not-found"],
)
def get_dataset_version(city: str, kind: str, version: int) -> Answer:
    """One version: its origin, state and row counts."""
    found = _versions(city, kind, version)
    return Answer(_version_json(found[0]), headers=_PRIVATE)


def _versions(city: str, kind: str, version: int | None) -> tuple[DatasetVersion, ...]:
    """The asked versions, or NotFound: for a foreign city exactly as for a missing one."""
    principal = signed_in()
    if kind not in DATASET_KINDS or len(city) > 100 or "\x00" in city or (version or 0) > 2**31 - 1:
        raise NotFound
    mine = None if principal.role == "admin" else principal.city_ids
    with reading() as conn:
        found = versions_open_to(conn, city, kind, mine, version)
    if not found:
        raise NotFound
    return found


def _version_json(version: DatasetVersion) -> dict[str, Any]:
    return {
        "dataset_id": version.dataset_id,
        "city_id": version.city_id,
        "kind": version.kind,
        "version": version.version,
        "state": version.state,
        "active": version.active,
        "source_name": version.source_name,
        "source_sha256": version.source_sha256.hex(),
        "rows_declared": version.rows_declared,
        "rows_stored": version.rows_stored,
        "rows_refused": version.rows_refused,
        "created_at": version.created_at,
        "activated_at": version.activated_at,
    }
