"""Business districts of the demo: rough outlines drawn by hand round quarters that are dense in places.

They are nobody's official boundaries. Corners in district_drawings.json are lon, lat on WGS 84.
"""

import json
from pathlib import Path

from shapely.geometry import MultiPolygon, Polygon

from seeds.make.regions import Region, on_grid

NOTE = "hand-drawn for the demo"
ADMIN_LEVEL = 12


def business_districts(slug: str, regions: list[Region]) -> list[Region]:
    """Each one's parent is the smallest region of the city that holds its middle."""
    drawings = json.loads(Path(__file__).with_name("district_drawings.json").read_text(encoding="utf-8"))
    found = []
    for drawing in drawings:
        if drawing["city"] != slug:
            continue
        shape = on_grid(MultiPolygon([Polygon(drawing["corners"])]))
        middle = shape.representative_point()
        parent = min((each for each in regions if each.shape.covers(middle)), key=lambda each: each.shape.area)
        found.append(
            Region(
                f"demo:{slug}/{drawing['slug']}",
                "business_district",
                shape,
                drawing["names"],
                admin_level=ADMIN_LEVEL,
                region_code=f"demo-{slug}-{drawing['slug']}",
                parent_key=parent.source_key,
                note=NOTE,
                demo=True,
            )
        )
    return found
