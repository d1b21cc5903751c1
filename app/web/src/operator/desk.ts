// What the views of the operator's page are given: a place to be shown in, ways to go, and what to do with a failure.
import { address, type Shown as AnyShown } from "../desk";
import type { FactMap } from "./factmap";
import type { Where } from "./operatorapi";

export { address };

export type Shown = AnyShown<FactMap>;

export interface Desk {
  /** Replaces what is shown; what the former view was waiting for is given up by its signal. */
  show(what: Shown): AbortSignal;
  go(...parts: (string | number)[]): void;
  /** Looks again at what the address names. */
  again(): void;
  failed(error: unknown): void;
}

export const versionAddress = ({ city, kind }: Where, version: number, what?: string): string =>
  what === undefined ? address(city, kind, version) : address(city, kind, version, what);
