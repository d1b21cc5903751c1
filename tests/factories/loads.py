"""A town whose operators send files over HTTP; due work is done in this process, as a worker's child does it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from app.cities import queries as cities
from app.cities.types import WORLD_CITY_ID
from app.core.clock import system_clock
from app.core.ids import new_id
from app.core.settings import Settings
from app.imports import actions, jobs, queries_jobs
from app.imports.console import work_engine
from app.imports.types import LoadRequest
from app.imports.uploads import folder_of
from tests.app.imports.loadfiles import BRANDS, CATEGORIES, CITY, NOW, ORIGIN, TOWN, WORLD

KIND = "/v1/datasets/town/places"
UPLOAD = {
    "filename": "places.geojsonl",
    "source_name": "A survey",
    "licence": "CC0-1.0",
    "attribution": "© A survey",
}
SECOND_TOWN = replace(TOWN, city_id=8, slug="village")


@dataclass
class Town:
    """Two territories with the world's vocabularies, people who run them, and the application in this process."""

    app: Flask
    owner: sa.Engine
    settings: Settings
    operator: UUID
    second: UUID
    stranger: UUID
    admin: UUID

    def token(self, who: UUID, role: str = "operator") -> str:
        """An access token as a sign-in would give it."""
        issuer = self.app.extensions["fujin"].principals.parts.issuer
        return str(issuer.issue(str(who), role, system_clock(), session_id=None).token)

    def send(
        self,
        features: Iterable[Any] | bytes,
        *,
        kind: str = "places",
        city: str = "town",
        by: tuple[UUID, str] | None = None,
        key: str | None = None,
        **query: Any,
    ) -> TestResponse:
        """A file sent by the operator, or by somebody else."""
        body = features if isinstance(features, bytes) else lines_of(features)
        return self.app.test_client().post(
            f"/v1/datasets/{city}/{kind}/versions",
            query_string={**UPLOAD, **query},
            data=body,
            headers={**self.signed(by), "Idempotency-Key": key or secrets.token_hex(8)},
        )

    def post(
        self, path: str, body: Any = None, *, by: tuple[UUID, str] | None = None, key: str | None = None
    ) -> TestResponse:
        """A POST with a JSON body."""
        headers = {**self.signed(by), "Idempotency-Key": key or secrets.token_hex(8)}
        return self.app.test_client().post(path, json={} if body is None else body, headers=headers)

    def get(self, path: str, *, by: tuple[UUID, str] | None = None) -> TestResponse:
        """A GET."""
        return self.app.test_client().get(path, headers=self.signed(by))

    def signed(self, by: tuple[UUID, str] | None) -> dict[str, str]:
        """The header that says who asks."""
        return {"Authorization": f"Bearer {self.token(*(by or (self.operator, 'operator')))}"}

    def version(self, number: int, kind: str = "places") -> dict[str, Any]:
        """A version as its operator reads it."""
        answer = self.get(f"/v1/datasets/town/{kind}/versions/{number}")
        assert answer.status_code == 200, answer.get_json()
        return dict(answer.get_json())

    def work(self, *tasks: str, at: datetime | None = None) -> list[str]:
        """Does everything that is due, as the worker's processes do; the states it ended in."""
        engine = work_engine(self.settings)
        ended = []
        clock = (lambda: at) if at is not None else system_clock
        try:
            while True:
                with engine.connect() as conn:
                    due = queries_jobs.due_work(conn, tasks or ("load", "activate", "purge"), clock())
                if not due:
                    return ended
                for city_id, dataset_id in due:
                    kept = timedelta(hours=self.settings.upload_kept_h)
                    ended.append(jobs.work(engine, city_id, dataset_id, "test", clock, folder_of(self.settings), kept))
        finally:
            engine.dispose()

    def loaded(self, features: Iterable[Any], **more: Any) -> dict[str, Any]:
        """A version that was sent and worked on."""
        answer = self.send(features, **more)
        assert answer.status_code == 202, answer.get_json()
        self.work()
        return self.version(answer.get_json()["version"], more.get("kind", "places"))

    def shown(self, features: Iterable[Any], **more: Any) -> dict[str, Any]:
        """A version that readers see; approved by the second operator where it has to be."""
        found = self.loaded(features, **more)
        assert found["state"] == "staged", found
        where = f"/v1/datasets/town/{found['kind']}/versions/{found['version']}"
        if found["gate"]["verdict"] != "open":
            agreed = self.post(f"{where}/approve", {"note": "as the survey says"}, by=(self.second, "operator"))
            assert agreed.status_code == 200, agreed.get_json()
        asked = self.post(f"{where}/activate")
        assert asked.status_code == 202, asked.get_json()
        self.work()
        after = self.version(found["version"], found["kind"])
        assert after["active"], after
        return after

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """Rows of a plain query, as the owner."""
        with self.owner.connect() as conn:
            return list(conn.execute(sa.text(statement), values).all())

    def run(self, statement: str, **values: Any) -> None:
        """A statement of the owner's, committed."""
        with self.owner.begin() as conn:
            conn.execute(sa.text(statement), values)


def lines_of(features: Iterable[Any]) -> bytes:
    """Features, one a line."""
    return ("\n".join(json.dumps(one, ensure_ascii=False) for one in features) + "\n").encode()


def plant_town(app: Flask, owner: sa.Engine, settings: Settings, folder: Path) -> Town:
    """The town with nothing loaded but the world's vocabularies."""
    people = {name: new_id() for name in ("operator", "second", "stranger", "admin")}
    with owner.begin() as conn:
        cities.put_currencies(conn, {"FJD": 2})
        for territory in (WORLD, TOWN, SECOND_TOWN):
            cities.put_territory(conn, territory, NOW)
        for kind, rows in (("categories", CATEGORIES), ("brands", BRANDS)):
            path = folder / f"{kind}.json"
            path.write_text(json.dumps(rows))
            report = actions.load(conn, LoadRequest(WORLD_CITY_ID, kind, path, ORIGIN, trusted=True), NOW)
            actions.activate(conn, WORLD_CITY_ID, kind, report.version, NOW)
        for name, member_id in people.items():
            row = {"id": member_id, "now": NOW, "name": name}
            conn.execute(
                sa.text(
                    "INSERT INTO members (member_id, state, row_version, created_at, display_name)"
                    " VALUES (:id, 'active', 1, :now, :name)"
                ),
                row,
            )
            city_id = {"stranger": SECOND_TOWN.city_id, "admin": WORLD_CITY_ID}.get(name, CITY)
            role = "admin" if name == "admin" else "operator"
            conn.execute(
                sa.text("INSERT INTO role_grants VALUES (:id, :role, :city, :now)"),
                row | {"role": role, "city": city_id},
            )
    return Town(app, owner, settings, **people)
