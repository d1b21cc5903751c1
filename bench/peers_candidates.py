"""Who is compared: how each server is asked a question, what of it it can't express, and where its answers have ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

from sqlalchemy.engine import make_url

from app.core.settings import Settings
from bench import peers_servers
from bench.peers_load import Load, ask, load
from bench.peers_questions import Question
from bench.peers_redis import Redis, ask_redis, loop_load, says, search, threads_load
from bench.peers_servers import THREADS, WORKERS, Missing, Server, redis_program
from bench.peers_world import SHOWN, Measure, World
from devtools.state import State
from geo.bbox import Bbox
from tests.servers import WebServer


@dataclass(frozen=True, slots=True)
class Given:
    """The ids of an answer (None: it was refused), and when it was asked and answered."""

    ids: list[str] | None
    asked_at: datetime
    answered_at: datetime


class Candidate(Protocol):
    """One line of the table; ``measure`` is how it measures distances."""

    name: str
    measure: Measure

    def says(self, asked: Question) -> bool:
        """Whether every filter of a question can be expressed."""

    def answers(self, asked: Sequence[Question]) -> list[Given]:
        """Each question once."""

    def load(self, asked: Sequence[Question], folder: Path, clients: int, seconds: int) -> Load:
        """All questions in turn, by a closed loop of clients."""


@dataclass
class Entry:
    """A server with the lines that it is measured for."""

    server: Server
    candidates: Sequence[Candidate]


@dataclass
class OverHttp:
    """A server with a query string."""

    name: str
    server: Server
    path: Callable[[Question], str]
    ids: Callable[[Any], list[str]]
    expresses: Callable[[Question], bool] = lambda _asked: True
    measure: Measure = "sphere"

    def says(self, asked: Question) -> bool:
        """As the protocol has it."""
        return self.expresses(asked)

    def answers(self, asked: Sequence[Question]) -> list[Given]:
        """As the protocol has it."""
        answers = ask(self.server.port, [self.path(question) for question in asked])
        return [
            Given(self.ids(each.document) if each.status == 200 else None, each.asked_at, each.answered_at)
            for each in answers
        ]

    def load(self, asked: Sequence[Question], folder: Path, clients: int, seconds: int) -> Load:
        """As the protocol has it."""
        return load(self.server.port, [self.path(question) for question in asked], folder, clients, seconds)


@dataclass
class OverSockets:
    """Redis through one of the bare clients."""

    name: str
    server: Redis
    client: Callable[[Redis, Sequence[bytes], int, float], Load]
    measure: Measure = "sphere"

    def says(self, asked: Question) -> bool:
        """As the protocol has it."""
        return says(asked)

    def answers(self, asked: Sequence[Question]) -> list[Given]:
        """As the protocol has it."""
        return [Given(ids, datetime.now(UTC), datetime.now(UTC)) for ids in ask_redis(self.server, asked)]

    def load(self, asked: Sequence[Question], _folder: Path, clients: int, seconds: int) -> Load:
        """As the protocol has it."""
        return self.client(self.server, [search(question) for question in asked], clients, seconds)


Make = Callable[[], Entry]


def makers(settings: Settings, state: State, folder: Path, world: World) -> dict[str, Make]:
    """How each server is made ready, by name; Missing when it can't be had."""
    url = make_url(settings.database_owner_url or "")

    def ours(kind: str) -> Entry:
        web = WebServer(settings, folder / f"{kind}.log", server=kind, workers=WORKERS, threads=THREADS)
        return Entry(web, [OverHttp(f"Fujin, {kind}", web, _our_path, _our_ids)])

    def geodjango() -> Entry:
        server = peers_servers.geodjango(state, url, folder)
        by_distance, by_index = _django_path("distance"), _django_path("knn")
        exact = OverHttp("GeoDjango, by distance", server, by_distance, _features, measure="spheroid")
        return Entry(server, [exact, OverHttp("GeoDjango, by `<->`", server, by_index, _features, measure="both")])

    def tipg() -> Entry:
        server = peers_servers.tipg(state, url, folder)
        table = OverHttp("tipg, table and bbox", server, _tipg_table, _features, _not_open_now)
        return Entry(server, [OverHttp("tipg, SQL function", server, _tipg_function, _features), table])

    def pygeoapi() -> Entry:
        server = peers_servers.pygeoapi(state, url, folder)
        return Entry(server, [OverHttp("pygeoapi, bbox", server, _pygeoapi, _features, _not_open_now)])

    def redis() -> Entry:
        server = FilledRedis(redis_program(state), folder, world)
        loop = OverSockets("Redis, one loop", server, loop_load)
        return Entry(server, [loop, OverSockets("Redis, threads", server, threads_load)])

    return {
        "granian": lambda: ours("granian"),
        "gunicorn": lambda: ours("gunicorn"),
        "geodjango": geodjango,
        "tipg": tipg,
        "pygeoapi": pygeoapi,
        "redis": redis,
    }


class FilledRedis(Redis):
    """A Redis that holds the places once it has started."""

    def __init__(self, program: Path, folder: Path, world: World) -> None:
        super().__init__(program, folder)
        self.world = world

    def start(self) -> None:
        """Starts and fills it."""
        super().start()
        try:
            self.fill(self.world)
        except BaseException:
            self.stop()
            raise


def made(make: Make) -> Entry | str:
    """A server made ready, or why there is none."""
    try:
        return make()
    except Missing as missing:
        return str(missing)


def _not_open_now(asked: Question) -> bool:
    return not asked.open_now


def _around(asked: Question) -> dict[str, Any]:
    return {"lat": asked.at.lat, "lon": asked.at.lon, "radius_m": asked.radius_m}


def _filters(asked: Question) -> dict[str, Any]:
    found: dict[str, Any] = {} if asked.category is None else {"category": asked.category}
    found |= {"open_now": "true"} if asked.open_now else {}
    return found | ({"has_coupon": "true"} if asked.has_coupon else {})


def _our_path(asked: Question) -> str:
    return f"/v1/places/nearby?{urlencode({**_around(asked), **_filters(asked), 'limit': SHOWN})}"


def _our_ids(document: Any) -> list[str]:
    return [item["place_id"] for item in document["items"]]


def _features(document: Any) -> list[str]:
    return [str(feature["id"]) for feature in document["features"]]


def _django_path(order: str) -> Callable[[Question], str]:
    def path(asked: Question) -> str:
        return f"/places/nearby?{urlencode({**_around(asked), **_filters(asked), 'order': order, 'limit': SHOWN})}"

    return path


def _tipg_function(asked: Question) -> str:
    words = {
        **_around(asked),
        "for_category": asked.category or "any",
        "with_coupon": "true" if asked.has_coupon else "false",
        "open_now": "true" if asked.open_now else "false",
        "sortby": "distance_mm,id",
        "limit": SHOWN,
    }
    return f"/collections/peers.nearby/items?{urlencode(words, safe=',')}"


def _boxed(asked: Question) -> dict[str, Any]:
    """The box around the circle, and the filters that a comparison of columns can make."""
    box = Bbox.around(asked.at, asked.radius_m)
    found: dict[str, Any] = {"bbox": ",".join(f"{side:.7f}" for side in (box.west, box.south, box.east, box.north))}
    found |= {} if asked.category is None else {"category": asked.category}
    return found | ({"has_coupon": 1} if asked.has_coupon else {}) | {"limit": SHOWN}


def _tipg_table(asked: Question) -> str:
    return f"/collections/peers.feature/items?{urlencode(_boxed(asked), safe=',')}"


def _pygeoapi(asked: Question) -> str:
    return f"/collections/places/items?{urlencode({'f': 'json', **_boxed(asked)}, safe=',')}"
