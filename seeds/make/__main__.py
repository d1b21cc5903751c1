"""Makes every seed file: `python -m seeds.make DATA_FOLDER [--into FOLDER]`. Two runs agree byte for byte."""

import argparse
import sys
from pathlib import Path

import shapely

from seeds.make import basemap, berlin, calendars, districts, hangzhou, pbf, places, regions
from seeds.make.brands import assign_brands
from seeds.make.cities import CITIES
from seeds.make.classify import Classifier
from seeds.make.taxonomy import read_taxonomy
from seeds.make.writing import write_json, write_json_rows

# Classes left out so that a basemap stays small.
NOT_DRAWN = {
    "helsinki": frozenset({"pitch", "garden", "scrub"}),
    "andorra": frozenset({"path", "track", "pitch", "garden", "scrub", "grass"}),
}
# A country is drawn a little over its border; Helsinki's extract holds nothing outside its box.
MARGIN_DEGREES = {"helsinki": 0.0, "andorra": 0.002}


def make(folder: Path, into: Path) -> None:
    categories = read_taxonomy()
    classifier = Classifier(categories)
    areas = {
        "hangzhou": regions.hangzhou_regions(folder),
        "berlin": regions.berlin_regions(folder),
        "helsinki": regions.helsinki_regions(folder),
        "andorra": regions.andorra_regions(folder),
    }
    outline = {slug: found[0].shape for slug, found in areas.items()}
    raw = {
        "hangzhou": hangzhou.hangzhou_places(folder, classifier, outline["hangzhou"]),
        "berlin": berlin.berlin_places(folder, classifier, outline["berlin"]),
        "helsinki": pbf.pbf_places(folder / pbf.HELSINKI, "FI", classifier, outline["helsinki"]),
        "andorra": pbf.pbf_places(folder / pbf.ANDORRA, "AD", classifier, outline["andorra"]),
    }
    kept = {}
    for slug, found in raw.items():
        kept[slug], doubles = places.without_doubles(found)
        hours = sum(place.opening_hours is not None for place in kept[slug])
        streets = sum("street" in place.address for place in kept[slug])
        print(f"{slug}: {len(kept[slug])} places ({doubles} doubles), {hours} with hours, {streets} with a street")
    brand_rows, brand_of = assign_brands([place for found in kept.values() for place in found])

    into.mkdir(parents=True, exist_ok=True)
    write_json(into / "cities.json", CITIES)
    write_json_rows(into / "categories.json", [category.as_row() for category in categories])
    write_json_rows(into / "brands.json", brand_rows)
    rows = calendars.write_holidays(into / "holidays.csv")
    print(f"{len(categories)} categories, {len(brand_rows)} brands of {len(brand_of)} places, {rows} holidays")
    for slug, found in kept.items():
        places.write_places(into / slug / "places.geojsonl.gz", found, brand_of)
        whole = areas[slug] + districts.business_districts(slug, areas[slug])
        regions.write_regions(into / slug / "regions.geojson.gz", whole)
        print(f"{slug}: {len(whole)} regions")
    for slug, source in (("helsinki", pbf.HELSINKI), ("andorra", pbf.ANDORRA)):
        frame = shapely.buffer(outline[slug], MARGIN_DEGREES[slug], quad_segs=2)
        features = basemap.basemap_features(folder / source, frame, NOT_DRAWN[slug])
        basemap.write_basemap(into / slug / "basemap.geojsonl.gz", features)
        print(f"{slug}: {len(features)} things to draw")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m seeds.make", description=__doc__)
    parser.add_argument("data_folder", type=Path, help="folder with the source files, as seeds/README.md lists them")
    parser.add_argument("--into", type=Path, default=Path(__file__).parents[1], help="where to write (seeds/)")
    arguments = parser.parse_args()
    make(arguments.data_folder, arguments.into)
    return 0


if __name__ == "__main__":
    sys.exit(main())
