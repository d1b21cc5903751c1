// Shapes of the JSON API about service areas, as docs/service-areas.md gives them; only what the page reads.
import type { BodyFault } from "../request";
import type { LonLat, Money } from "../types";

export type Corner = [number, number];
export type Ring = Corner[];
/** A shell and its holes; rings are open here: the first corner is not said again at the end. */
export type Part = Ring[];

export interface Drawing {
  type: "Polygon" | "MultiPolygon";
  coordinates: unknown[];
}

export const KINDS = ["delivery", "visit", "pickup", "territory"] as const;
export const MODES = ["walk", "bike", "drive"] as const;
export type Mode = (typeof MODES)[number];

export interface Outline {
  center?: LonLat;
  radius_m?: number;
  travel_minutes?: number;
  mode?: Mode;
}

export interface AreaVersion {
  version: number;
  state: string;
  names: Record<string, string>;
  geometry: Drawing;
  outline: Outline | null;
  area_m2: number;
  point_count: number;
  schedule: string | null;
  priority: number;
  fee: Money;
  min_order: Money;
  tags: string[];
  metadata: Record<string, unknown>;
  effective: { from: string | null; until: string | null };
  edited_at: string;
  published_at: string | null;
  ended_at: string | null;
  review: { at: string; note: string | null } | null;
}

export interface Area {
  service_area_id: string;
  external_id: string;
  kind: string;
  state: string;
  published: AreaVersion | null;
  /** Published to begin later. */
  scheduled: AreaVersion | null;
  waiting: AreaVersion | null;
  next_actions: string[];
}

/** What stands against a drawing, and where. */
export interface AreaFault extends BodyFault {
  code?: string | null;
  hint?: string | null;
  location?: LonLat | null;
}

export interface SavedArea extends Area {
  remarks: { code: string; detail: string; pointer: string }[];
  faults: AreaFault[];
}

/** A drawing that would do. */
export interface Proposal {
  geometry: Drawing;
  point_count: number;
  hausdorff_m?: number;
}

/** An area in the state that its ETag names. */
export interface SeenArea<T extends Area = Area> {
  area: T;
  etag: string;
}
