// What waits for a person's decision about a city's places, as the JSON API gives it.
import type { LonLat } from "../types";

export type ReviewKind = "duplicate" | "overlay_conflict" | "report";
export type Decision = "merge" | "apart" | "undo" | "keep_overlay" | "take_import" | "accept" | "dismiss";

export interface ReviewPlace {
  place_id: string;
  name: string;
  location: LonLat | null;
  [fact: string]: unknown;
}

export interface Overlay {
  field: string;
  value: unknown;
  reason: string | null;
  evidence: string | null;
  expires_at: string | null;
}

/** A correction in a list. */
export interface ListedOverlay extends Overlay {
  overlay_id: string;
  place_id: string;
  place_name: string | null;
  old_value: unknown;
  state: string;
  created_at: string;
  ended_at: string | null;
}

export interface Review {
  review_id: string;
  kind: ReviewKind;
  state: string;
  priority?: number;
  score?: number | null;
  field?: string | null;
  place: ReviewPlace | null;
  other: ReviewPlace | null;
  /** The correction that an import contradicts. */
  overlay?: Overlay | null;
  evidence?: Record<string, unknown>;
  decision: string | null;
  decided_by?: string | null;
  decided_at?: string | null;
  note: string | null;
  decisions?: Decision[];
  created_at: string;
}
