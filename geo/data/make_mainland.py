"""Builds mainland_china.geojson, the outline within which Chinese map datums are shifted.

    python geo/data/make_mainland.py tz_world.geojson.gz

The source is tz_world, the map of time zones (see README.md beside this file): the five zones of the mainland
are joined, which gives land borders good to some hundred metres. Towards the sea the outline is moved
outwards by 11 km, so that quays, polders and bridges are inside; then Hong Kong, Macau and the islands before
Fujian are cut out along lines drawn by hand, good to about 300 m.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import shapely
from shapely import Polygon

ZONES = {"Asia/Shanghai", "Asia/Harbin", "Asia/Chongqing", "Asia/Kashgar", "Asia/Urumqi"}
SEAWARD_DEG = 0.1
BORDER_DEG = 0.008  # how far simplification may move a land border
COAST_DEG = 0.03  # and a coast that was moved outwards before
DECIMALS = 3

# fmt: off
# Where the outline may grow: the coast from the Yalu to the Beilun, closed through the interior. It starts
# beside both river mouths, so that the land borders with Korea and Vietnam stay where the source has them.
COAST = Polygon(
    [
        (124.20, 39.80), (123.9, 38.5), (123.5, 36.5), (123.5, 30.0), (122.0, 27.0), (120.4, 25.8), (119.3, 24.5),
        (118.6, 23.6), (117.0, 22.3), (114.6, 21.5), (111.6, 17.7), (108.2, 17.7), (107.9, 20.0), (108.06, 21.5),
        (108.1, 21.7), (110.0, 23.0), (113.0, 24.5), (117.0, 28.0), (118.0, 33.0), (115.0, 38.0), (118.0, 41.0),
        (122.0, 41.5), (124.0, 40.2),
    ]
)

# Land and sea of Hong Kong: the middle of Deep Bay, the Shenzhen river from Lok Ma Chau over Lo Wu, Man Kam To
# and Heung Yuen Wai to Sha Tau Kok, the north and east of Mirs Bay, 22.148° N in the south.
HONG_KONG = Polygon(
    [
        (113.830, 22.148), (113.830, 22.330), (113.870, 22.420), (113.915, 22.455), (113.965, 22.475),
        (114.000, 22.495), (114.030, 22.506), (114.0475, 22.5035), (114.0575, 22.512), (114.0665, 22.516),
        (114.0785, 22.5165), (114.0875, 22.524), (114.0965, 22.531), (114.1135, 22.5305), (114.1195, 22.534),
        (114.1295, 22.5375), (114.1435, 22.541), (114.1505, 22.5475), (114.1575, 22.554), (114.176, 22.5595),
        (114.195, 22.556), (114.213, 22.555), (114.224, 22.5475), (114.232, 22.548), (114.250, 22.553),
        (114.300, 22.560), (114.340, 22.575), (114.400, 22.575), (114.445, 22.558), (114.455, 22.500),
        (114.502, 22.420), (114.502, 22.148),
    ]
)

# Land and sea of Macau: the Inner Harbour, the gate at Gongbei, the channel between Hengqin and Cotai.
MACAU = Polygon(
    [
        (113.528, 22.180), (113.5285, 22.200), (113.535, 22.2105), (113.540, 22.2125), (113.549, 22.2145),
        (113.560, 22.2165), (113.630, 22.2165), (113.630, 22.080), (113.553, 22.080), (113.549, 22.110),
        (113.549, 22.140), (113.5415, 22.152), (113.530, 22.163),
    ]
)

# Kinmen, Wuqiu, Matsu with Juguang, and Dongyin; towards Xiamen and Lianjiang along the middle of the water.
KINMEN = Polygon(
    [
        (118.160, 24.350), (118.160, 24.405), (118.205, 24.430), (118.215, 24.460), (118.280, 24.490),
        (118.330, 24.523), (118.400, 24.537), (118.480, 24.535), (118.560, 24.480), (118.560, 24.350),
    ]
)
WUQIU = shapely.box(119.42, 24.95, 119.50, 25.02)
MATSU = Polygon([(119.87, 25.90), (119.87, 26.20), (119.96, 26.285), (120.10, 26.285), (120.10, 25.90)])
DONGYIN = shapely.box(120.40, 26.30, 120.60, 26.42)
TAIWAN = Polygon([(119.2, 22.9), (119.2, 23.9), (120.4, 25.6), (122.3, 25.6), (122.3, 21.8), (120.0, 21.8)])
# fmt: on
CUT_OUT = (HONG_KONG, MACAU, KINMEN, WUQIU, MATSU, DONGYIN, TAIWAN)


def main(source: Path) -> None:
    """Reads the map of zones and writes the outline beside this script."""
    features = json.loads(gzip.decompress(source.read_bytes()))["features"]
    zones = [json.dumps(f["geometry"]) for f in features if f["properties"]["TZID"] in ZONES]
    land = shapely.union_all(shapely.make_valid(shapely.from_geojson(zones)))
    grown = shapely.intersection(shapely.buffer(land, SEAWARD_DEG, quad_segs=2), COAST)
    outline = shapely.union(shapely.simplify(land, BORDER_DEG), shapely.simplify(grown, COAST_DEG))
    # Lakes and gaps between islands do not matter to a shift of some hundred metres.
    outline = shapely.union_all([Polygon(part.exterior) for part in shapely.get_parts(outline)])
    outline = shapely.difference(outline, shapely.union_all(CUT_OUT))
    write(shapely.set_precision(outline, 10.0**-DECIMALS), Path(__file__).with_name("mainland_china.geojson"))


def write(outline: shapely.Geometry, target: Path) -> None:
    """Writes one compact Feature with three decimals (110 m)."""
    oriented = shapely.orient_polygons(outline)
    polygons = [part for part in shapely.get_parts(oriented) if part.area > 0.001]
    rings = [
        [shapely.get_coordinates(ring).round(DECIMALS).tolist() for ring in (part.exterior, *part.interiors)]
        for part in polygons
    ]
    written = {
        "type": "Feature",
        "properties": {"name": "Mainland China, coast moved outwards", "source": "tz_world, CC0"},
        "geometry": {"type": "MultiPolygon", "coordinates": rings},
    }
    target.write_text(json.dumps(written, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
