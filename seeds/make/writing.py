"""Seed files are written so that two runs agree byte for byte.

Keys keep the order they were given in, gzip carries no name and no time, coordinates are rounded by the caller.
"""

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

COORDINATE_DECIMALS = 7


def compact_json(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def write_json(path: Path, document: Any) -> None:
    """Indented, for files that are read in reviews."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def write_json_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """A JSON list with one compact object a line: valid JSON, and a diff shows the row that changed."""
    body = ",\n".join(compact_json(row) for row in rows)
    path.write_text(f"[\n{body}\n]\n", encoding="utf-8")


def write_gzip(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as raw, gzip.GzipFile("", "wb", compresslevel=9, fileobj=raw, mtime=0) as packed:
        packed.write(text.encode("utf-8"))


def write_feature_lines(path: Path, features: Iterable[Mapping[str, Any]]) -> None:
    """Newline-delimited GeoJSON: one Feature a line."""
    write_gzip(path, "".join(compact_json(feature) + "\n" for feature in features))


def write_feature_collection(path: Path, features: list[dict[str, Any]]) -> None:
    body = ",\n".join(compact_json(feature) for feature in features)
    write_gzip(path, f'{{"type":"FeatureCollection","features":[\n{body}\n]}}\n')
