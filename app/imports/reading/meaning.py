"""What the columns of a file mean: foreign rows become rows with our properties and shapes in degrees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any, Final

from app.imports.errors import UnreadableFile
from app.imports.reading import columns, foursquare, osmtags, overture
from app.imports.reading.categories import UNCATEGORISED, Classifier
from app.imports.reading.cleaning import is_nothing, text_of, value_for, website_of
from app.imports.reading.columns import CONSTANT, WORLD_KINDS, Guess
from app.imports.reading.placing import Placer, point_inside
from app.imports.reading.rowkeys import made_key
from app.imports.reading.types import Opened, RawRow, Tally, Wishes
from app.imports.types import RowFault

_SAMPLED: Final = {"places": 500, "basemap": 500, "regions": 40}
# One of these columns is enough: nobody else calls theirs so.
_OURS: Final = {
    "places": frozenset({"source_key", "category_id"}),
    "regions": frozenset({"source_key", "region_code", "extend_m"}),
    "basemap": frozenset({"layer"}),
}
_CATEGORY: Final = frozenset({"category", "category_id"})
_FEATURES: Final = frozenset({"GeoJSON", "GeoJSONSeq", "GeoJSON geometries"})
Translate = Callable[[RawRow], RawRow | RowFault | None]
Told = Callable[[Any, Placer], Mapping[str, Any]]


def understood(opened: Opened, wishes: Wishes) -> Opened:
    """The file with our properties; files in our own form pass as they are, save for declared columns."""
    if wishes.kind in WORLD_KINDS or opened.final:
        return opened
    rows = opened.rows()
    sample = list(islice(rows, _SAMPLED.get(wishes.kind, 500)))
    firsts = [row for row in sample if isinstance(row, RawRow)]
    names = opened.facts.columns or tuple(dict.fromkeys(name for row in firsts for name in row.properties))
    opened = replace(opened, rows=lambda: chain(sample, rows), facts=replace(opened.facts, columns=names))
    try:
        return _understood(opened, wishes, names, firsts)
    except UnreadableFile as error:
        error.facts = opened.facts
        raise


def _understood(opened: Opened, wishes: Wishes, names: Sequence[str], firsts: Sequence[RawRow]) -> Opened:
    shapes = any(row.geometry is not None for row in firsts)
    _check_declared(wishes, names, shapes)
    ours = opened.facts.format in _FEATURES and bool(_OURS[wishes.kind] & set(names))
    if (ours and not wishes.mapping) or not firsts:
        return _with_facts(opened, Guess({name: name for name in names}, frozenset()))
    translated = _known_layout(opened, wishes, names, firsts, shapes)
    if translated is not None:
        return translated
    return _mapped(opened, wishes, names, firsts, shapes)


def _check_declared(wishes: Wishes, names: Sequence[str], shapes: bool) -> None:
    lacking = [column for column in wishes.mapping.values() if not column.startswith(CONSTANT) and column not in names]
    if lacking:
        raise UnreadableFile(
            f"The mapping names columns that the file does not have: {', '.join(lacking[:5])}.",
            code="unknown-column",
            hint=f"It has {', '.join(names[:40]) or 'none'}.",
        )
    placing = sorted(wishes.mapping.keys() & columns.SHAPE.keys())
    if shapes and placing:
        raise UnreadableFile(
            f"The mapping says where rows are ({', '.join(placing)}), but the file's rows have shapes of their own.",
            code="conflicting-position",
            hint=f"Leave {', '.join(placing)} out of the mapping, or send the file without its shapes.",
        )


def _with_facts(opened: Opened, guess: Guess, **more: Any) -> Opened:
    facts = replace(
        opened.facts,
        used=dict(guess.used),
        guessed=guess.guessed,
        unused=guess.unused(opened.facts.columns),
        **more,
    )
    return replace(opened, facts=facts)


def _known_layout(
    opened: Opened, wishes: Wishes, names: Sequence[str], firsts: Sequence[RawRow], shapes: bool
) -> Opened | None:
    """Layouts that need no guess: Overture's, Foursquare's, and rows of OpenStreetMap's tags.

    What the sender declares otherwise goes before what the layout says of that property; the others stay as they are.
    """
    layout = next((each for each in (overture, foursquare, osmtags) if each.is_layout(names)), None)
    if layout is None or wishes.kind != "places":
        return None
    placer = None if shapes else Placer.of(opened, wishes, names, firsts)
    used = layout.used(names)
    changed = _changed(used, wishes.mapping, layout.NAME)
    tally, classifier = Tally(), Classifier.of(wishes)
    read_by_layout = tally
    if changed.keys() & _CATEGORY:
        used = {name: column for name, column in used.items() if name not in _CATEGORY}
        read_by_layout = Tally(notes=tally.notes)  # words that decide nothing aren't told
    facts = replace(opened.facts, layout=layout.NAME, crs=placer.crs if placer else opened.facts.crs)
    shown = {**used, **wishes.mapping, **(placer.used if placer else {})}
    opened = _with_facts(replace(opened, facts=facts), Guess(shown, frozenset(shown.keys() - wishes.mapping.keys())))
    mapper = _Mapper(wishes, changed, classifier, tally, layout.translator(classifier, read_by_layout, changed))
    return _translated(opened, tally, placer, mapper)


def _changed(used: Mapping[str, str], mapping: Mapping[str, str], layout: str) -> dict[str, str]:
    """What is declared otherwise than a known layout reads it by itself."""
    words = {name for name in mapping if name.startswith("category:")}
    if words and not mapping.keys() & _CATEGORY:
        raise UnreadableFile(
            f"What a word of the category means is declared, but in {layout} no single column holds the category.",
            code="missing-columns",
            hint='Declare the column of these words as well, as in "category": "amenity"; '
            "only that column then says what the places are.",
        )
    taken = {name for name, column in mapping.items() if name not in columns.SHAPE and used.get(name) != column}
    return {name: mapping[name] for name in taken | words | (mapping.keys() & _CATEGORY if words else set())}


def _mapped(opened: Opened, wishes: Wishes, names: Sequence[str], firsts: Sequence[RawRow], shapes: bool) -> Opened:
    guess = columns.guess(wishes.kind, names, [row.properties for row in firsts], wishes.mapping, shapes=shapes)
    placer = None if shapes else Placer.of(opened, wishes, names, firsts, guess.used)
    _check_needed(wishes, guess, names, firsts)
    used = {name: column for name, column in guess.used.items() if name not in columns.SHAPE}
    tally = Tally()
    more: dict[str, Any] = {"remarks": opened.facts.remarks + guess.unfit_keys, "unfit_keys": guess.unfit_keys}
    if wishes.kind == "places" and not used.keys() & {"category", "category_id"}:
        more["remarks"] += (f"no column says what the places are: they become {UNCATEGORISED}",)
    if placer is not None:
        more["crs"] = placer.crs
        more["remarks"] += placer.remarks
    shown = Guess({**used, **(placer.used if placer else {})}, guess.guessed)
    mapper = _Mapper(wishes, used, Classifier.of(wishes), tally)
    return _translated(_with_facts(opened, shown, **more), tally, placer, mapper, mapper.told)


def _check_needed(wishes: Wishes, guess: Guess, names: Sequence[str], firsts: Sequence[RawRow]) -> None:
    """Every row of a kind has to have some properties; a file of which no column gives them is told so at once."""
    used = guess.used
    needed = {"places": ("name",), "regions": ("kind", "admin_level"), "basemap": ("layer", "class")}[wishes.kind]
    lacking = [name for name in needed if name not in used and not any(key.startswith(f"{name}s.") for key in used)]
    if wishes.kind == "regions" and lacking and firsts:
        probe = _properties(used, firsts[0].properties)
        _divided(probe)
        lacking = [name for name in lacking if name not in probe]
    if wishes.kind == "regions" and not any(key.startswith("names") for key in used):
        lacking.append("names.local")
    if wishes.kind == "regions" and "source_key" not in used:
        lacking.append("source_key")
    if lacking:
        unfit = "".join(f" {one}." for one in guess.unfit_keys if "source_key" in lacking)
        examples = " and ".join(f'"{name}": "{_EXAMPLES.get(name, "a column")}"' for name in lacking)
        raise UnreadableFile(
            f"No column says {' and '.join(lacking)}.",
            code="missing-columns",
            hint=f"Declare in mapping {examples}; a text after = stands in every row. "
            f"The columns are {', '.join(names[:40]) or 'none'}.{unfit}",
        )


_EXAMPLES: Final = {"kind": "=district", "admin_level": "=9", "layer": "=road", "class": "=minor"}


def _translated(
    opened: Opened, tally: Tally, placer: Placer | None, translate: Translate, told: Told | None = None
) -> Opened:
    """Rows placed and translated; ``told`` says what a row without a usable position is refused with."""
    source = opened.rows

    def rows() -> Iterator[RawRow | RowFault]:
        for row in source():
            found: RawRow | RowFault | None = row
            if isinstance(found, RawRow) and placer is not None:
                placed = placer.placed(found)
                if isinstance(placed, RowFault):
                    placed = replace(placed, raw=told(found, placer) if told else found.properties)
                found = placed
            if isinstance(found, RawRow):
                found = translate(found)
            if found is None:
                tally.passed_over += 1
            else:
                yield found

    before = opened.remarks
    return replace(
        opened,
        rows=rows,
        passed_over=lambda: tally.passed_over,
        remarks=lambda: (*before(), *tally.remarks()),
    )


class _Mapper:
    """Rows by a mapping of columns, over what a known ``layout`` says of them already."""

    def __init__(
        self,
        wishes: Wishes,
        used: Mapping[str, str],
        classifier: Classifier,
        tally: Tally,
        layout: Translate | None = None,
    ) -> None:
        self._kind = wishes.kind
        self._used = {name: column for name, column in used.items() if name.partition(":")[0] != "category"}
        self._translated = {name[9:].casefold(): to[1:] for name, to in used.items() if name.startswith("category:")}
        self._made: set[int] = set()
        self._category = used.get("category")
        self._classifier, self._tally = classifier, tally
        self._layout, self._replaced = layout, set(used)
        if "name" in used:
            self._replaced.add("names.local")
        if used.keys() & _CATEGORY:
            self._replaced |= {"category_id", "alternate_category_ids"}

    def __call__(self, row: RawRow) -> RawRow | RowFault | None:
        known: dict[str, Any] = {}
        if self._layout is not None:
            read = self._layout(row)
            if not isinstance(read, RawRow):
                return read
            row, known = replace(row, geometry=read.geometry), _without(read.properties, self._replaced)
        found = _properties(self._used, row.properties, known)
        if self._kind == "places":
            return self._place(row, found)
        if self._kind == "regions":
            found.setdefault("region_code", found.get("source_key"))
            _divided(found)
        return RawRow(row.row, row.geometry, found)

    def told(self, row: RawRow, placer: Placer) -> Mapping[str, Any]:
        """A row that can't be placed: our properties and the cells of its position, in the form that loads read."""
        found = _properties(self._used, row.properties)
        word = self._word(row.properties) if self._kind == "places" and "category_id" not in found else None
        if word is not None:
            found["category_id"] = self._known(word) or UNCATEGORISED
        return found | {name: row.properties.get(column) for name, column in placer.used.items()}

    def _place(self, row: RawRow, found: dict[str, Any]) -> RawRow | RowFault | None:
        geometry = point_inside(row.geometry)
        if geometry is not row.geometry:
            self._tally.note("areas and lines became a point inside them")
        if "category_id" not in found:
            word = self._word(row.properties)
            if word is not None and self._classifier.is_furniture(word):
                self._tally.note("rows are street furniture and no places: left out")
                return None
            found["category_id"] = self._category_of(word)
        if "name" not in found:
            names = found.get("names") or {}
            name = names.get("local") or next(iter(names.values()), None)
            if name is None:
                self._tally.note("rows without a name are left out")
                return None
            found["name"] = name
        if isinstance(found.get("names"), dict) and isinstance(found["name"], str):
            found["names"].setdefault("local", found["name"])
        if "website" in found:
            found["website"] = website_of(found["website"])
        if "source_key" not in found:
            found["source_key"] = key = made_key(found["name"], geometry)
            self._tally.note("rows have no key of their own: one is made of name and position")
            if (number := int(key[5:], 16)) in self._made:
                self._tally.note("rows say the same name at the same place as one before: left out")
                return None
            self._made.add(number)
        return RawRow(row.row, geometry, found)

    def _word(self, given: Mapping[str, Any]) -> str | None:
        column = self._category
        if column is None:
            return None
        value = column[1:] if column.startswith(CONSTANT) else given.get(column)
        return None if is_nothing(value) else str(text_of(value))

    def _category_of(self, word: str | None) -> str:
        if word is None:
            return UNCATEGORISED
        found = self._known(word)
        if found is None:
            self._tally.note_word(word)
        return found or UNCATEGORISED

    def _known(self, word: str) -> str | None:
        """The category that a word means here."""
        if word.casefold() in self._translated:
            return self._translated[word.casefold()]
        for part in (word, *word.split(";"), *word.split("|")):
            found = self._classifier.by_word(part)
            if found is not None:
                return found
        return None


def _properties(
    used: Mapping[str, str], given: Mapping[str, Any], known: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What columns give, over what is ``known`` already."""
    found: dict[str, Any] = known or {}
    for name, column in used.items():
        value = value_for(name, column[1:] if column.startswith(CONSTANT) else given.get(column))
        if value is not None:
            _put(found, name, value)
    return found


def _without(known: Mapping[str, Any], replaced: Iterable[str]) -> dict[str, Any]:
    """Without some properties, and some members (``address.city``) of others."""
    found = dict(known)
    for name in replaced:
        group, _, member = name.partition(".")
        if member and isinstance(found.get(group), dict):
            found[group] = {key: value for key, value in found[group].items() if key != member}
        if not member or not found.get(group):
            found.pop(group, None)
    return found


def _put(found: dict[str, Any], name: str, value: Any) -> None:
    group, _, member = name.partition(".")
    if not member:
        found[name] = value
        return
    inside = found.get(group)
    found[group] = {**(inside if isinstance(inside, dict) else {}), member: value}


def _divided(found: dict[str, Any]) -> None:
    """Level and kind by a Chinese division code (GB/T 2260) where nothing else says them."""
    code = found.get("region_code")
    if not isinstance(code, str) or len(code) != 6 or not code.isdigit() or not "11" <= code[:2] <= "82":
        return
    kind, level = ("region", 4) if code.endswith("0000") else ("city", 5) if code.endswith("00") else ("district", 6)
    found.setdefault("kind", kind)
    found.setdefault("admin_level", level)
