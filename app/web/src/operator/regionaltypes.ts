// Regional data as the JSON API gives it to the operators of a territory.
import type { LonLat } from "../types";

export interface Seen {
  kind: string;
  version: number;
  row_count: number;
  activated_at: string;
}

export interface Territory {
  city: string;
  city_id: number;
  kind: "world" | "country" | "city";
  name: string;
  lang: string;
  centre: LonLat;
  zoom: number;
  time_zone: string;
  active: Seen[];
}

export interface Origin {
  source_name: string;
  licence: string;
  attribution: string;
  source_url: string | null;
  retrieved_on: string | null;
}

export interface FileFacts {
  name: string | null;
  bytes: number | null;
  sha256: string | null;
  format: string | null;
  encoding: string | null;
  crs: string | null;
  datum: string | null;
  layer: string | null;
  /** Whether it can be loaded again. */
  kept?: boolean;
}

export interface Mapping {
  columns: string[];
  used: Record<string, string>;
  /** Of those, what nobody declared. */
  guessed?: string[];
  unused: string[];
}

export interface Counts {
  declared: number | null;
  stored: number | null;
  refused: number | null;
  created: number | null;
}

export interface Progress {
  stage: string;
  done: number | null;
  total: number | null;
  unit: string | null;
  /** What the server still has to do with it. */
  task?: string | null;
}

export interface Failure {
  code: string;
  detail: string;
  hint: string | null;
}

export type Verdict = "open" | "note" | "second_person" | "blocked";

export interface Gate {
  verdict: Verdict;
  reasons: { code: string; detail: string }[];
}

export interface Approval {
  by: string;
  note: string | null;
  at: string;
}

/** One thing that was done with a version. */
export interface Step extends Approval {
  step: string;
}

export interface Version {
  city: string;
  kind: string;
  version: number;
  state: string;
  active: boolean;
  outcome: string | null;
  origin: Origin;
  file: FileFacts | null;
  mapping: Mapping | null;
  counts: Counts;
  progress: Progress | null;
  failure: Failure | null;
  gate: Gate | null;
  approvals: Approval[];
  history?: Step[];
  remarks?: string[];
  created_by?: string | null;
  dry_run: boolean;
  created_at: string;
  activated_at: string | null;
}

export type Severity = "file" | "row" | "warning" | "info";

export interface First {
  row: number | null;
  source_key: string | null;
  id: string | null;
  reason: string;
  lon: number | null;
  lat: number | null;
}

export interface Check {
  check: string;
  severity: Severity;
  count: number;
  title: string;
  /** What was found, with its numbers. */
  detail?: string;
  hint: string | null;
  first: First[];
}

export interface Report {
  verdict: Verdict;
  reasons?: Gate["reasons"];
  made_at?: string;
  counts: Counts;
  checks: Check[];
}

export interface DiffItem {
  id: string | null;
  source_key: string | null;
  name: string | null;
  old_name?: string | null;
  distance_m?: number | null;
  /** How far the farthest point of an outline moved, and how much of its land changed hands. */
  hausdorff_m?: number | null;
  share?: number | null;
  fields?: string[] | null;
  lon: number | null;
  lat: number | null;
}

export interface Threshold {
  code: string;
  value: number;
  limit: number;
  exceeded: boolean;
  needs: Exclude<Verdict, "open">;
  /** The numbers in a sentence. */
  detail?: string;
}

export interface Diff {
  from: number | null;
  to: number;
  counts: Record<string, number>;
  moved_histogram: { from_m: number; to_m: number | null; count: number }[];
  thresholds: Threshold[];
  first: Record<string, DiffItem[]>;
  impact: Record<string, number | unknown[] | null>;
}
