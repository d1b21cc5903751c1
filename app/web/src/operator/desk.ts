// What the views of the operator's page are given: a place to be shown in, ways to go, and what to do with a failure.
import type { FactMap } from "./factmap";
import type { Where } from "./operatorapi";
import type { Territory } from "./regionaltypes";

export interface Shown {
  title: string;
  /** Where one is: words and their addresses, outermost first. */
  crumbs: [string, string][];
  content: Node[];
  map?: FactMap;
  /** Leaves the keyboard and the page where they are: the same view with what came of it. */
  stay?: boolean;
}

export interface Desk {
  /** Replaces what is shown; what the former view was waiting for is given up by its signal. */
  show(what: Shown): AbortSignal;
  go(...parts: (string | number)[]): void;
  /** Looks again at what the address names. */
  again(): void;
  failed(error: unknown): void;
  territory(city: string, signal?: AbortSignal): Promise<Territory>;
}

export const address = (...parts: (string | number)[]): string => `#/${parts.map((each) => encodeURIComponent(String(each))).join("/")}`;

export const versionAddress = ({ city, kind }: Where, version: number, what?: string): string =>
  what === undefined ? address(city, kind, version) : address(city, kind, version, what);
