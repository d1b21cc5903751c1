// A difference in words, for whoever has to say yes to it.
import * as format from "../format";
import type { Diff } from "./regionaltypes";
import { maybe, t } from "./words";

export const LAYERS = ["added", "removed", "moved", "renamed", "reshaped", "changed"] as const;
export const DRAWN = ["added", "removed", "moved", "reshaped"] as const;

export const layerName = (layer: string): string => maybe(`operator.layer.${layer}`) ?? layer;

const impactNumber = (value: number | unknown[] | null | undefined): number => (Array.isArray(value) ? value.length : (value ?? 0));

/** What hangs on what differs: a name and how many, those that are none left out. */
export const impacts = (diff: Diff): [string, number][] =>
  Object.entries(diff.impact)
    .map(([what, value]): [string, number] => [maybe(`operator.impact.${what}`) ?? what, impactNumber(value)])
    .filter(([, many]) => many > 0);

/** "12 added · 3 removed", and what that touches. */
export function changeLines(diff: Diff): string[] {
  const parts = LAYERS.filter((layer) => (diff.counts[layer] ?? 0) > 0).map((layer) => `${layerName(layer)}: ${format.count(diff.counts[layer] ?? 0)}`);
  const touched = impacts(diff).map(([what, many]) => `${what}: ${format.count(many)}`);
  return [
    parts.length === 0 ? t("operator.no_change") : t("operator.changes_are", { changes: parts.join(" · ") }),
    ...(touched.length === 0 ? [] : [t("operator.touches", { what: touched.join(" · ") })]),
  ];
}
