// What is being drawn, as plain data: every change is a new sketch, so that undo and redo are a list of them. Pure.
import type { Corner, Drawing, Mode, Outline, Part, Ring } from "./areatypes";
import type { LonLat } from "../types";

export type How = "drawn" | "circle" | "travel";

export interface Sketch {
  readonly how: How;
  readonly parts: readonly Part[];
  readonly center: LonLat;
  readonly radius_m: number;
  readonly minutes: number;
  readonly mode: Mode;
}

/** Which ring of which part; ring 0 is the shell, the others are holes. */
export interface RingAt {
  part: number;
  ring: number;
}

const EARTH_M = 6_371_008.8;
const PLACES = 1e7;
const METRES_A_DEGREE = (EARTH_M * Math.PI) / 180;

export const rounded = (degrees: number): number => Math.round(degrees * PLACES) / PLACES;

export const emptySketch = (center: LonLat): Sketch => ({ how: "drawn", parts: [], center, radius_m: 1000, minutes: 15, mode: "bike" });

const opened = (ring: Ring): Ring => {
  const [first, last] = [ring[0], ring.at(-1)];
  const closed = ring.length > 1 && first?.[0] === last?.[0] && first?.[1] === last?.[1];
  return (closed ? ring.slice(0, -1) : ring).map(([lon, lat]) => [lon, lat]);
};

/** The parts of a GeoJSON Polygon or MultiPolygon. */
export function partsOf({ type, coordinates }: Drawing): Part[] {
  const found = (type === "Polygon" ? [coordinates] : coordinates) as Part[];
  return found.map((part) => part.map(opened));
}

/** Parts as GeoJSON, rings closed; what has no corner yet is left out. */
export function geometryOf(parts: readonly Part[]): Drawing {
  const closed = parts
    .map((part) => part.filter((ring) => ring.length > 0).map((ring) => [...ring, ring[0] as Corner]))
    .filter((part) => part.length > 0);
  const [only] = closed;
  return closed.length === 1 && only !== undefined ? { type: "Polygon", coordinates: only } : { type: "MultiPolygon", coordinates: closed };
}

/** The sketch of a version that is kept. */
export function sketchOf(geometry: Drawing, outline: Outline | null, place: LonLat): Sketch {
  const base = emptySketch(outline?.center ?? place);
  const circle = { ...base, radius_m: outline?.radius_m ?? base.radius_m, minutes: outline?.travel_minutes ?? base.minutes, mode: outline?.mode ?? base.mode };
  if (outline?.travel_minutes !== undefined) return { ...circle, how: "travel" };
  if (outline?.radius_m !== undefined) return { ...circle, how: "circle" };
  return { ...circle, parts: partsOf(geometry) };
}

/** Where a sketch says that the area is, in the one way of three that the API takes. */
export function whereOf(sketch: Sketch): Record<string, unknown> {
  if (sketch.how === "circle") return { center: sketch.center, radius_m: sketch.radius_m };
  if (sketch.how === "travel") return { center: sketch.center, travel_minutes: sketch.minutes, mode: sketch.mode };
  return { geometry: geometryOf(sketch.parts) };
}

const replaced = <T>(list: readonly T[], at: number, value: T): T[] => list.map((each, index) => (index === at ? value : each));

export const ringAt = (sketch: Sketch, { part, ring }: RingAt): Ring => sketch.parts[part]?.[ring] ?? [];

function withRing(sketch: Sketch, at: RingAt, ring: Ring): Sketch {
  const part = sketch.parts[at.part] ?? [];
  return { ...sketch, how: "drawn", parts: replaced(sketch.parts, at.part, replaced(part, at.ring, ring)) };
}

/** Another piece of the area. */
export const withPart = (sketch: Sketch, part: Part): Sketch => ({ ...sketch, how: "drawn", parts: [...sketch.parts, part] });

/** A hole in a part. */
export const withHole = (sketch: Sketch, part: number, ring: Ring): Sketch => ({
  ...sketch,
  parts: replaced(sketch.parts, part, [...(sketch.parts[part] ?? []), ring]),
});

/** Without a hole, or without a whole part when it is the shell. */
export function withoutRing(sketch: Sketch, { part, ring }: RingAt): Sketch {
  if (ring === 0) return { ...sketch, parts: sketch.parts.filter((_, index) => index !== part) };
  const left = (sketch.parts[part] ?? []).filter((_, index) => index !== ring);
  return { ...sketch, parts: replaced(sketch.parts, part, left) };
}

export const withCorner = (sketch: Sketch, at: RingAt, index: number, corner: Corner): Sketch => {
  const ring = ringAt(sketch, at);
  return withRing(sketch, at, [...ring.slice(0, index), corner, ...ring.slice(index)]);
};

export const movedCorner = (sketch: Sketch, at: RingAt, index: number, corner: Corner): Sketch =>
  withRing(sketch, at, replaced(ringAt(sketch, at), index, corner));

export const withoutCorner = (sketch: Sketch, at: RingAt, index: number): Sketch => {
  const left = ringAt(sketch, at).filter((_, each) => each !== index);
  return left.length === 0 ? withoutRing(sketch, at) : withRing(sketch, at, left);
};

/** A position some metres to the east and to the north. */
export function stepped([lon, lat]: Corner, east_m: number, north_m: number): Corner {
  const narrow = Math.max(0.01, Math.cos((lat * Math.PI) / 180));
  return [rounded(lon + east_m / (METRES_A_DEGREE * narrow)), rounded(lat + north_m / METRES_A_DEGREE)];
}

/** The middle between a corner and the one after it. */
export function between(ring: Ring, index: number): Corner {
  const one: Corner = ring[index] ?? [0, 0];
  const two: Corner = ring[(index + 1) % Math.max(1, ring.length)] ?? one;
  return [rounded((one[0] + two[0]) / 2), rounded((one[1] + two[1]) / 2)];
}

/** Whether a position lies in a ring: the count of edges that a ray to the east crosses is odd. */
export function holds(ring: Ring, [lon, lat]: Corner): boolean {
  let inside = false;
  ring.forEach(([x, y], index) => {
    const [u, v] = ring[(index + ring.length - 1) % ring.length] ?? [0, 0];
    if (y > lat !== v > lat && lon < ((u - x) * (lat - y)) / (v - y) + x) inside = !inside;
  });
  return inside;
}

/** The part that a hole would be cut into; -1 where there is none. */
export const partAround = (sketch: Sketch, ring: Ring): number =>
  sketch.parts.findIndex(([shell]) => shell !== undefined && ring.some((corner) => holds(shell, corner)));

/** Whether every ring has the three corners that it needs. */
export const isWhole = (sketch: Sketch): boolean =>
  sketch.how !== "drawn" || (sketch.parts.length > 0 && sketch.parts.every((part) => part.every((ring) => ring.length >= 3)));

/** A corner as it is typed: longitude and latitude in degrees; null for what is none. */
export function cornerOf(lon: string, lat: string): Corner | null {
  const [x, y] = [lon, lat].map((text) => (/^-?\d{1,3}([.,]\d+)?$/.test(text.trim()) ? Number(text.trim().replace(",", ".")) : Number.NaN));
  if (x === undefined || y === undefined || !(Math.abs(x) <= 180) || !(Math.abs(y) <= 90)) return null;
  return [rounded(x), rounded(y)];
}

const MOST_STEPS = 100;

/** The sketches before and after the one in hand. */
export class History {
  private before: Sketch[] = [];
  private after: Sketch[] = [];

  constructor(private now: Sketch) {}

  get sketch(): Sketch {
    return this.now;
  }

  get canUndo(): boolean {
    return this.before.length > 0;
  }

  get canRedo(): boolean {
    return this.after.length > 0;
  }

  put(sketch: Sketch): void {
    if (JSON.stringify(sketch) === JSON.stringify(this.now)) return;
    this.before = [...this.before, this.now].slice(-MOST_STEPS);
    this.after = [];
    this.now = sketch;
  }

  undo(): void {
    const last = this.before.pop();
    if (last === undefined) return;
    this.after.push(this.now);
    this.now = last;
  }

  redo(): void {
    const next = this.after.pop();
    if (next === undefined) return;
    this.before.push(this.now);
    this.now = next;
  }
}
