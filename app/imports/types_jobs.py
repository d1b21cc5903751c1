"""Values of a version's life: the work on it, what readers of its page see, who acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from app.cities.types import Origin

Task = Literal["load", "activate", "purge"]
Stage = Literal["reading", "checking", "linking", "search_rows", "done"]
WISHES: Final = ("datum", "crs", "encoding", "layer", "mapping")
COMMAND_LINE: Final = "command line"


def declared_of(wishes: Mapping[str, Any]) -> dict[str, Any]:
    """What is declared of a file, without what goes without saying."""
    return {name: wishes[name] for name in WISHES if wishes.get(name) not in (None, "", {}, "wgs84")}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts; ``city_ids`` are an operator's cities, None for all."""

    key: str
    city_ids: tuple[int, ...] | None = None


def same_person(one: str | None, other: str | None) -> bool:
    """Whether two actors' keys mean one person, who may act in several roles: ``operator:…`` and ``admin:…``."""
    return (one or "").rpartition(":")[2] == (other or "").rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was received: its sender's name for it, and its key under the folder of uploads (None: not kept)."""

    name: str
    size: int
    sha256: bytes
    key: UUID | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A version that somebody asks for."""

    city_id: int
    kind: str
    upload: Upload
    origin: Origin
    wishes: Mapping[str, Any] = field(default_factory=dict)
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """What became of the wish: a new version, or the one that readers see, when it is the same file."""

    version: int
    dataset_id: UUID
    unchanged: bool


@dataclass(frozen=True, slots=True)
class Job:
    """Work on one version, taken under a lease."""

    city_id: int
    dataset_id: UUID
    kind: str
    version: int
    state: str
    task: str
    tries: int
    dry_run: bool
    created_by: str
    file_name: str
    file_key: UUID | None
    wishes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a load kept nothing; ``hint`` says what to do."""

    code: str
    detail: str
    hint: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done with a version."""

    step: str
    actor: str
    note: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class VersionView:
    """Everything that is told of a version; members of its load are None where it came before loads were kept."""

    city: str
    city_id: int
    dataset_id: UUID
    kind: str
    version: int
    state: str
    active: bool
    source_name: str
    source_url: str | None
    licence: str
    attribution: str
    retrieved_on: date | None
    sha256: bytes
    rows_declared: int
    rows_stored: int
    rows_refused: int
    created_at: datetime
    activated_at: datetime | None
    purged_at: datetime | None
    task: str | None
    tries: int
    dry_run: bool
    created_by: str | None
    file_name: str | None
    file_bytes: int | None
    file_key: UUID | None
    file_until: datetime | None
    wishes: Mapping[str, Any] | None
    source: Mapping[str, Any] | None
    stage: str | None
    done: int
    total: int
    unit: str | None
    created: int
    outcome: str | None
    failure: Mapping[str, Any] | None
    gate: Mapping[str, Any] | None
    remarks: tuple[str, ...]
    steps: tuple[Step, ...] = ()

    @property
    def approvals(self) -> tuple[Step, ...]:
        """Who agreed that it may be shown."""
        return tuple(step for step in self.steps if step.step == "approved")
