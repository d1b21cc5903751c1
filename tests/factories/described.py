"""Holds stored events to the schemas of the catalogue, strictly: a member that no schema names is a fault too."""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa
from jsonschema import Draft202012Validator

from app.flow.catalogue import CATALOGUE

HERE = "https://flow.example.org"


@cache
def strict(event_type: str) -> Draft202012Validator:
    """A validator of a type's data that lets no unnamed member pass."""
    schema = CATALOGUE[event_type].schema(HERE)
    return Draft202012Validator(
        {**schema, "additionalProperties": False}, format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def faults_of(event_type: str, subject: str, data: dict[str, Any]) -> list[str]:
    """What is wrong with an event; empty when it is as the catalogue says."""
    kind = CATALOGUE.get(event_type)
    if kind is None:
        return [f"{event_type} is in no module's KINDS (see app/flow/catalogue.py)"]
    found = [f"{event_type}: {error.json_path} {error.message}" for error in strict(event_type).iter_errors(data)]
    if kind.subject is not None and data.get(kind.subject) != subject:
        found.append(f"{event_type}: {kind.subject} is {data.get(kind.subject)}, the subject {subject}")
    return found


def stored_faults(engine: sa.Engine) -> tuple[set[str], list[str]]:
    """The types of all stored events, and what is wrong with any."""
    with engine.connect() as conn:
        rows = conn.execute(sa.text("SELECT type, aggregate_id, data FROM outbox_events")).all()
    return {row[0] for row in rows}, [fault for row in rows for fault in faults_of(row[0], str(row[1]), row[2])]
