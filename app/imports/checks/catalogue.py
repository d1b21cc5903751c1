"""Every check by its code: how severe, what it asks for, its title and how to mend what it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.imports.checks.types import Need, Severity


@dataclass(frozen=True, slots=True)
class Check:
    """One check as a report names it; ``needs`` is what a finding of it asks for."""

    severity: Severity
    needs: Need
    title: str
    hint: str


def _file(title: str, hint: str) -> Check:
    return Check("file", "blocked", title, hint)


def _row(title: str, hint: str) -> Check:
    return Check("row", "open", title, hint)


def _warning(title: str, hint: str, needs: Need = "note") -> Check:
    return Check("warning", needs, title, hint)


def _info(title: str, hint: str) -> Check:
    return Check("info", "open", title, hint)


_SOURCE: Final = "Mend these rows at the source; refused.csv holds them as they came."

CHECKS: Final[dict[str, Check]] = {
    # the file as a whole: the version is blocked
    "no-rows": _file("The file holds no rows", "Send the whole file: a load replaces what readers see of its kind."),
    "rows-lost": _file(
        "Rows were neither stored nor refused", "Load the file again; when it happens twice, tell who runs the server."
    ),
    "nothing-stored": _file(
        "Every row was refused", "See the checks of single rows below: one cause often explains all."
    ),
    "too-many-refused": _file(
        "More rows were refused than the kind bears", "Mend the rows in refused.csv at the source, then load the file."
    ),
    "datum-suspicion": _file(
        "The data lie shifted in one direction, as another datum shifts them",
        "Load the file again with the datum it is really in (wgs84, gcj02 or bd09); if none fits, ask the source.",
    ),
    "axes-swapped": _file(
        "Longitude and latitude have changed places",
        "Write longitude first, or map the two columns the other way round.",
    ),
    "other-territory": _file(
        "The file belongs to another territory", "Load it for the city it describes, or look at its reference system."
    ),
    "missing-district": _file(
        "An area is gone and its land belongs to nobody",
        "Add the area to the file. If it was merged, name it in successor_of of the area that took its land.",
    ),
    "category-in-use": _file(
        "A category is gone that places still have", "Keep the category, or load the places without it first."
    ),
    # single rows: refused, counted, written to refused.csv
    "not-a-feature": _row("The row is no feature", _SOURCE),
    "bad-value": _row("A property is missing or out of its form", _SOURCE),
    "damaged-text": _row(
        "A name was read in the wrong encoding", "Load the file again with the encoding it is in: utf-8, gb18030, …"
    ),
    "invalid-geometry": _row(
        "A shape is not valid", "Redraw the shape at the place named; nothing is repaired in silence."
    ),
    "empty-geometry": _row("A shape is empty", _SOURCE),
    "invalid-coordinate": _row("A coordinate is no number or out of range", "Degrees, longitude first, then latitude."),
    "geometry-too-large": _row(
        "A shape has too many points or rings", "Simplify the shape; 1 m is enough for a border."
    ),
    "duplicate-key": _row("A source key came before", "Every row needs a key of its own."),
    "same-place": _row("An earlier row is the same place", "Leave one of the two out: both keys were merged into one."),
    "duplicate-alias": _row("An alias belongs to another category", "Give each code of a scheme to one category."),
    "outside-territory": _row(
        "A point lies outside the territory", "Take the row out, or widen the territory's regions first."
    ),
    "swapped-axes": _row("A point lies inside only when its numbers change places", "Longitude first, then latitude."),
    "unknown-category": _row(
        "A category isn't in the active list", "Use an id of GET /v1/categories, or load the list first."
    ),
    "unknown-brand": _row("A brand isn't in the active list", "Load the brand first, or leave the member out."),
    "unknown-parent": _row("The area above isn't in the file", "Add the area above, or leave parent_key out."),
    "unknown-predecessor": _row(
        "An area follows one that was never loaded", "successor_of names source keys of areas of earlier versions."
    ),
    # what somebody has to look at
    "admin-area-gone": _warning(
        "An administrative area is gone", "A second person says whether this is so.", "second_person"
    ),
    "admin-area-reshaped": _warning(
        "An administrative area changed by more than the limit",
        "A second person says whether this is so.",
        "second_person",
    ),
    "area-gone": _warning("An administrative area below level 6 is gone", "Say in the note why."),
    "area-reshaped": _warning(
        "An administrative area below level 6 changed by more than the limit", "Say in the note why."
    ),
    "datum-repaired": _warning(
        "The version that readers see seems to be in another datum",
        "A second person looks at the map: if this file is right, show it.",
        "second_person",
    ),
    "part-missing": _warning(
        "A part of the town lost most of its rows", "Look at the map: an export may have been cut.", "second_person"
    ),
    "id-churn": _warning(
        "Places came back under another source key",
        "Keep the keys of the last file: a new key is a new place, without the deals and corrections of the old one.",
    ),
    "child-outside-parent": _warning(
        "An area reaches out of the area above it", "Take both borders from one source, or correct parent_key."
    ),
    "sibling-overlap": _warning("Neighbours overlap", "Take the borders from one source."),
    "sibling-gap": _warning("Land of an area belongs to none of the areas in it", "Add the area that lies there."),
    "duplicate-shape": _warning("Two areas of one level have the same shape", "Take one of them out."),
    "hours-unreadable": _warning(
        "Many opening hours can't be read", "Write them in OpenStreetMap's form; such places count as unknown."
    ),
    "brand-in-use": _warning("A brand is gone that places still have", "Keep the brand, or load the places first."),
    # what its sender should know
    "sibling-sliver": _info("Neighbours overlap or part by a narrow strip", "Borders of two sources; harmless."),
    "piled-points": _info(
        "Many places lie at one point",
        "Look whether the source knows their addresses: a town's centre stands in for them.",
    ),
    "unfit-key": _info(
        "A column that looks like a key is none",
        "To take it all the same, declare it as source_key; rows that repeat a key are refused then.",
    ),
    "datum-unchecked": _info(
        "Nothing to hold the positions against",
        "Compare a few places with a map you trust before you show the version.",
    ),
    "rings-turned": _info("Rings ran the other way than RFC 7946 wants", "They were turned; nothing to do."),
    "rings-closed": _info("Rings were not closed", "They were closed; nothing to do."),
    "points-repeated": _info("Points equal to the one before were left out", "Nothing to do."),
    "height-dropped": _info("Heights were left out", "Nothing to do."),
    "split-at-180": _info("Shapes across the 180th meridian were cut there", "Nothing to do."),
    "hours-few-unreadable": _info("Some opening hours can't be read", "Such places count as unknown in open-now."),
    "remark": _info("What else the reader noticed", "Nothing to do unless it surprises you."),
}

_UNLISTED: Final = _row("The row was refused", _SOURCE)


def check_of(code: str) -> Check:
    """The check of a code; what isn't listed is a refused row."""
    return CHECKS.get(code, _UNLISTED)
