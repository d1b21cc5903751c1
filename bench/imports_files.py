"""A file of synthetic places as a city's data looks, with hours, telephones and addresses; in constant memory."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

CENTRE: Final = (121.47, 31.23)
SPREAD: Final = 0.2
_FIRST: Final = (
    "Golden", "Lucky", "Old", "Corner", "Green", "River", "North", "Happy", "Silver", "Market", "Lotus", "Harbour",
    "Blue", "Royal", "Sunny", "Little", "Grand", "Ming", "Pearl", "Jade", "Garden", "Union", "Star", "West",
)  # fmt: skip
_SECOND: Final = (
    "Kitchen", "Tea House", "Bakery", "Store", "Salon", "Gym", "Bookshop", "Noodles", "Pharmacy", "Hotel", "Clinic",
    "Florist", "Optics", "Laundry", "Cafe", "Bar", "Bank", "School", "Supermarket", "Garage",
)  # fmt: skip
_SYLLABLES: Final = [
    "ka",
    "ri",
    "mo",
    "lan",
    "shu",
    "ten",
    "ba",
    "no",
    "ver",
    "di",
    "sal",
    "mi",
    "cho",
    "ra",
    "tu",
    "len",
    "po",
    "xi",
    "an",
    "de",
]
_HAN: Final = "金福老湖春悦海天和平新华东方大中小吃店书茶楼饭馆花园美食便利超市药房酒咖啡面包"
_STREETS: Final = ("Nanjing Road", "Harbour Street", "人民路", "中山路", "Old Mill Lane", "Station Square", "淮海路")
_OPENS: Final = ("07:00", "08:00", "08:30", "09:00", "10:00", "11:00")
_CLOSES: Final = ("17:00", "18:00", "20:00", "21:30", "22:00", "23:00")


def places(count: int, categories: Sequence[str], seed: int = 7) -> Iterator[dict[str, Any]]:
    """Features with what places have, as often as they have it: a third hours, a third telephones, a tenth no words."""
    draw = random.Random(seed)
    for number in range(count):
        name = _name(draw, number)
        given: dict[str, Any] = {
            "source_key": f"bench/{number}",
            "name": name,
            "names": {"local": name, "en": name} if draw.random() < 0.3 else {"local": name},
            "category_id": categories[min(int(draw.expovariate(0.08)), len(categories) - 1)],
            "address": {
                "street": draw.choice(_STREETS), "house_number": str(draw.randrange(1, 900)), "city": "Bench",
            },
        }  # fmt: skip
        if draw.random() < 0.35:
            given["opening_hours"] = _hours(draw)
        if draw.random() < 0.35:
            given["phone"] = f"+86 21 {draw.randrange(10**7, 10**8)}"
        if draw.random() < 0.25:
            given["website"] = f"https://place-{number}.example"
        if draw.random() < 0.2:
            given["attributes"] = {"wheelchair": draw.choice(("yes", "no", "limited"))}
        if draw.random() < 0.3:
            given["price_level"] = draw.randrange(1, 5)
        lon, lat = draw.gauss(CENTRE[0], SPREAD), draw.gauss(CENTRE[1], SPREAD)
        point = {"type": "Point", "coordinates": [round(lon, 7), round(lat, 7)]}
        yield {"type": "Feature", "geometry": point, "properties": given}


def write(path: Path, count: int, categories: Sequence[str], seed: int = 7) -> None:
    """A feature a line."""
    with path.open("wb") as file:
        for feature in places(count, categories, seed):
            file.write(orjson.dumps(feature) + b"\n")


def _name(draw: random.Random, number: int) -> str:
    if draw.random() < 0.3:
        return "".join(draw.choice(_HAN) for _ in range(draw.randrange(3, 7)))
    own = "".join(draw.choice(_SYLLABLES) for _ in range(draw.randrange(2, 4))).capitalize()
    words = [own, draw.choice(_SECOND)]
    if draw.random() < 0.5:
        words.insert(0, draw.choice(_FIRST))
    if draw.random() < 0.1:
        words.append(str(number % 997))
    return " ".join(words)


def _hours(draw: random.Random) -> str:
    opens, closes = draw.choice(_OPENS), draw.choice(_CLOSES)
    if draw.random() < 0.02:
        return f"Mo-Fr {draw.randrange(6, 12):02d}:{draw.randrange(60):02d}-{closes}; Sa {opens}-14:00"
    return draw.choice(
        ("24/7", f"Mo-Su {opens}-{closes}", f"Mo-Fr {opens}-{closes}", f"Mo-Sa {opens}-{closes}; PH off")
    )
