"""A version as it is told, over HTTP and on the command line."""

from __future__ import annotations

from typing import Any

from app.imports.gate import read
from app.imports.types_jobs import Step, VersionView


def version_json(found: VersionView) -> dict[str, Any]:
    """Everything that an operator is told of a version."""
    source = found.source or {}
    wishes = found.wishes or {}
    return {
        "dataset_id": str(found.dataset_id),
        "city": found.city,
        "city_id": found.city_id,
        "kind": found.kind,
        "version": found.version,
        "state": found.state,
        "active": found.active,
        "outcome": found.outcome,
        "origin": {
            "source_name": found.source_name,
            "licence": found.licence,
            "attribution": found.attribution,
            "source_url": found.source_url,
            "retrieved_on": None if found.retrieved_on is None else found.retrieved_on.isoformat(),
        },
        "file": {
            "name": found.file_name,
            "bytes": found.file_bytes,
            "sha256": found.sha256.hex(),
            "format": source.get("format"),
            "encoding": source.get("encoding") or wishes.get("encoding"),
            "crs": source.get("crs") or wishes.get("crs"),
            "datum": source.get("datum") or wishes.get("datum"),
            "layer": source.get("layer") or wishes.get("layer"),
            "kept": found.file_key is not None,
            "kept_until": found.file_until,
        },
        "mapping": {
            "columns": list(source.get("columns", ())),
            "used": dict(source.get("used") or wishes.get("mapping") or {}),
            "guessed": sorted(source.get("guessed", ())),
            "unused": list(source.get("unused", ())),
        },
        "counts": {
            "declared": found.rows_declared,
            "stored": found.rows_stored,
            "refused": found.rows_refused,
            "created": found.created,
        },
        "progress": {
            "stage": found.stage or "done",
            "done": found.done,
            "total": found.total,
            "unit": found.unit or "rows",
            "task": found.task,
            "tries": found.tries,
        },
        "failure": found.failure,
        "gate": _gate(found),
        "approvals": [_step(step, "by") for step in found.approvals],
        "history": [{"step": step.step, **_step(step, "by")} for step in found.steps],
        "remarks": list(dict.fromkeys([*source.get("remarks", ()), *found.remarks])),
        "dry_run": found.dry_run,
        "created_by": found.created_by,
        "created_at": found.created_at,
        "activated_at": found.activated_at,
        "purged_at": found.purged_at,
    }


def _gate(found: VersionView) -> dict[str, Any]:
    kept = read(found.gate)
    return {"verdict": kept.verdict, "reasons": kept.stored()["reasons"]}


def _step(step: Step, who: str) -> dict[str, Any]:
    return {who: step.actor, "note": step.note, "at": step.at}
