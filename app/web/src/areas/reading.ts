// Files of drawings, GeoJSON and KML: polygons are taken, everything else is left; nothing in a file reaches for anything outside.
import KML from "ol/format/KML";
import type Geometry from "ol/geom/Geometry";
import GeometryCollection from "ol/geom/GeometryCollection";
import MultiPolygon from "ol/geom/MultiPolygon";
import Polygon from "ol/geom/Polygon";
import type { Corner, Drawing, Part } from "./areatypes";
import { partsOf, rounded } from "./sketch";

const MOST_BYTES = 1_000_000;
const MOST_CORNERS = 20_000;

export type Refusal = "size" | "unreadable" | "doctype" | "link" | "crs" | "none" | "corners" | "number" | "kmz";

/** A file that is not taken, and why. */
export class FileRefused extends Error {
  constructor(
    readonly why: Refusal,
    readonly what = "",
  ) {
    super(why);
  }
}

export interface Read {
  parts: Part[];
  /** How many things of the file are no polygons. */
  left: number;
}

/** The polygons of a file, each corner as `shift` moves it; FileRefused says why there are none. */
export async function readFile(file: File, shift: (corner: Corner) => Corner): Promise<Read> {
  if (file.size > MOST_BYTES) throw new FileRefused("size");
  const text = await file.text();
  if (text.startsWith("PK")) throw new FileRefused("kmz");
  const found = /^\s*(\uFEFF)?\s*</.test(text) ? fromKml(text) : fromGeoJson(text.replace(/^\uFEFF/, ""));
  found.parts = found.parts.filter(([shell]) => shell !== undefined && shell.length > 0);
  if (found.parts.length === 0) throw new FileRefused("none");
  let corners = 0;
  for (const part of found.parts) for (const ring of part) corners += ring.length;
  if (corners > MOST_CORNERS) throw new FileRefused("corners");
  const moved = (corner: Corner): Corner => shift(corner).map(rounded) as Corner;
  return { ...found, parts: found.parts.map((part) => part.map((ring) => ring.map(moved))) };
}

/** Degrees, without a height. */
function cornerIn(value: unknown): Corner {
  const [lon, lat] = Array.isArray(value) ? (value as unknown[]) : [];
  const good = typeof lon === "number" && typeof lat === "number" && Math.abs(lon) <= 180 && Math.abs(lat) <= 90;
  if (!good) throw new FileRefused("number", JSON.stringify(value ?? null).slice(0, 60));
  return [rounded(lon), rounded(lat)];
}

function listIn(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new FileRefused("unreadable");
  return value;
}

const partIn = (value: unknown): Corner[][] => listIn(value).map((ring) => listIn(ring).map(cornerIn));

interface Thing {
  type?: unknown;
  features?: unknown;
  geometry?: unknown;
  geometries?: unknown;
  coordinates?: unknown;
  crs?: unknown;
}

const MOST_DEPTH = 8;

function fromGeoJson(text: string): Read {
  let whole: unknown;
  try {
    whole = JSON.parse(text);
  } catch {
    throw new FileRefused("unreadable");
  }
  const read: Read = { parts: [], left: 0 };
  const crs = (whole as Thing | null)?.crs;
  if (crs !== undefined && crs !== null && !/CRS84|EPSG:+4326/i.test(JSON.stringify(crs))) throw new FileRefused("crs");
  gather(whole, read, 0);
  return read;
}

function gather(value: unknown, read: Read, depth: number): void {
  if (value === null || typeof value !== "object" || depth > MOST_DEPTH) throw new FileRefused("unreadable");
  const thing = value as Thing;
  switch (thing.type) {
    case "FeatureCollection":
      for (const each of listIn(thing.features)) gather(each, read, depth + 1);
      return;
    case "Feature":
      if (thing.geometry === null || thing.geometry === undefined) read.left += 1;
      else gather(thing.geometry, read, depth + 1);
      return;
    case "GeometryCollection":
      for (const each of listIn(thing.geometries)) gather(each, read, depth + 1);
      return;
    case "Polygon":
      read.parts.push(...partsOf({ type: "Polygon", coordinates: partIn(thing.coordinates) }));
      return;
    case "MultiPolygon":
      read.parts.push(...partsOf({ type: "MultiPolygon", coordinates: listIn(thing.coordinates).map(partIn) }));
      return;
    case "Point":
    case "MultiPoint":
    case "LineString":
    case "MultiLineString":
      read.left += 1;
      return;
    default:
      throw new FileRefused("unreadable");
  }
}

/** Entities, links to the network and to other files are refused before anything is made of the text. */
function fromKml(text: string): Read {
  if (/<!\s*(DOCTYPE|ENTITY)/i.test(text)) throw new FileRefused("doctype");
  const tree = new DOMParser().parseFromString(text, "application/xml");
  if (tree.querySelector("parsererror") !== null || tree.documentElement.localName !== "kml") throw new FileRefused("unreadable");
  for (const node of tree.getElementsByTagName("*")) refuseLink(node);
  const features = new KML({ extractStyles: false, showPointNames: false }).readFeatures(tree);
  const read: Read = { parts: [], left: 0 };
  for (const feature of features) take(feature.getGeometry(), read);
  return read;
}

function refuseLink(node: Element): void {
  if (node.localName === "NetworkLink") throw new FileRefused("link", "NetworkLink");
  const points = ["href", "styleUrl", "Url"].includes(node.localName) ? (node.textContent ?? "").trim() : "";
  const given = [points, ...[...node.attributes].filter(({ localName }) => ["href", "schemaUrl", "src"].includes(localName)).map(({ value }) => value.trim())];
  const outside = given.find((each) => each !== "" && !each.startsWith("#"));
  if (outside !== undefined) throw new FileRefused("link", outside.slice(0, 80));
}

function take(geometry: Geometry | undefined, read: Read): void {
  if (geometry instanceof GeometryCollection) {
    for (const each of geometry.getGeometries()) take(each, read);
  } else if (geometry instanceof Polygon) {
    read.parts.push(...partsOf({ type: "Polygon", coordinates: partIn(geometry.getCoordinates()) } satisfies Drawing));
  } else if (geometry instanceof MultiPolygon) {
    read.parts.push(...partsOf({ type: "MultiPolygon", coordinates: geometry.getCoordinates().map(partIn) } satisfies Drawing));
  } else {
    read.left += 1;
  }
}
