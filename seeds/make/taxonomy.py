"""The category tree is read from taxonomy.txt, three levels deep, and holds the aliases to other schemes.

OSM shorthand: `a:` amenity, `s:` shop, `t:` tourism, `l:` leisure, `h:` healthcare, `c:` craft, `o:` office,
`hi:` historic; `R:`, `F:` and `C:` are restaurant, fast_food and cafe with each cuisine of a comma list.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEYS = {
    "a": "amenity",
    "s": "shop",
    "t": "tourism",
    "l": "leisure",
    "h": "healthcare",
    "c": "craft",
    "o": "office",
    "hi": "historic",
}
CUISINE_OF = {"R": "restaurant", "F": "fast_food", "C": "cafe"}
LANGUAGES = ("en", "zh-Hans", "de", "fi", "ca")
UNCATEGORISED = "uncategorised"


@dataclass(frozen=True)
class Category:
    category_id: str
    parent_id: str | None
    names: dict[str, str]
    osm: tuple[str, ...]
    overture: tuple[str, ...]
    amap: tuple[str, ...]

    def as_row(self) -> dict[str, Any]:
        aliases = {"osm": list(self.osm), "overture": list(self.overture), "amap": list(self.amap)}
        return {
            "category_id": self.category_id,
            "parent_id": self.parent_id,
            "names": self.names,
            "aliases": {scheme: values for scheme, values in aliases.items() if values},
        }


def expand_osm(cell: str) -> tuple[str, ...]:
    """`R:thai,lao` → `amenity=restaurant;cuisine=thai`, `amenity=restaurant;cuisine=lao`."""
    aliases: list[str] = []
    for word in cell.split():
        short, _, rest = word.partition(":")
        if short in CUISINE_OF:
            aliases += [f"amenity={CUISINE_OF[short]};cuisine={cuisine}" for cuisine in rest.split(",")]
        else:
            aliases.append(f"{KEYS[short]}={rest}")
    return tuple(aliases)


def read_taxonomy(path: Path | None = None) -> list[Category]:
    """Categories in file order, parents before children. Raises ValueError when an id or an alias comes twice."""
    source = path or Path(__file__).with_name("taxonomy.txt")
    categories: list[Category] = []
    ancestors: list[str] = []
    seen: set[str] = set()
    for line in source.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        depth = (len(line) - len(line.lstrip(" "))) // 2
        slug, *cells = (cell.strip() for cell in line.split("|"))
        names = dict(zip(LANGUAGES, cells[: len(LANGUAGES)], strict=True))
        osm, overture, amap = cells[len(LANGUAGES) :]
        ancestors = [*ancestors[:depth], slug]
        category = Category(
            category_id=slug,
            parent_id=ancestors[depth - 1] if depth else None,
            names=names,
            osm=expand_osm(osm),
            overture=tuple(overture.split()),
            amap=tuple(amap.split()),
        )
        tokens = [slug, *category.osm, *(f"overture:{x}" for x in overture.split()), *amap.split()]
        again = [token for token in tokens if token in seen]
        if again or len(set(tokens)) != len(tokens):
            raise ValueError(f"{slug}: taken twice: {again or tokens}")
        seen.update(tokens)
        categories.append(category)
    return categories
