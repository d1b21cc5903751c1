// The terms of an area as fields: each knows its name in the API and shows what is wrong with it.
import { el } from "../dom";
import * as input from "../merchant/inputs";
import type { Input } from "../merchant/inputs";
import { KINDS, type Area, type AreaFault, type AreaVersion } from "./areatypes";
import { kindName, section, type PlaceHere } from "./parts";
import { faultWords, t } from "./words";

export type Body = Record<string, unknown>;

const EXTERNAL_ID = /^[A-Za-z0-9][A-Za-z0-9._:~-]{0,99}$/;

function text(name: string, label: string, value: string, hint: string | null, check: (text: string) => unknown, attributes: Record<string, string | number | boolean> = {}): Input {
  const control = el("input", { id: name, name, type: "text", autocomplete: "off", value, ...attributes });
  return input.labelled([name], label, control, hint, (into) => {
    into[name] = check(control.value.trim());
  });
}

function priority(found: string): number {
  if (found === "") return 0;
  const value = Number(found.replace("−", "-"));
  if (!Number.isInteger(value) || Math.abs(value) > 1000) throw new input.Wrong(t("areas.number_between", { low: "−1000", high: "1000" }));
  return value;
}

function externalId(found: string): string {
  if (!EXTERNAL_ID.test(found)) throw new input.Wrong(t("areas.id_wrong"));
  return found;
}

const tagsIn = (found: string): string[] => found.split(/[,，、]/).map((each) => each.trim()).filter((each) => each !== "");

const QUOTED = /^"(?:[^"\\]|\\.)*"$/;

/** Notes one a line, as `name = value`; what would be read otherwise stands in quotes. */
function notesShown(notes: Record<string, unknown>): string {
  const name = (key: string): string => (/^[^"=\s][^=]*$/.test(key) && key.trim() === key ? key : JSON.stringify(key));
  const value = (found: unknown): string => (typeof found === "string" && (valueIn(found) !== found || found.trim() !== found || found.includes("\n")) ? JSON.stringify(found) : String(found));
  return Object.entries(notes).map(([key, found]) => `${name(key)} = ${value(found)}`).join("\n");
}

function valueIn(found: string): unknown {
  if (found === "true" || found === "false" || QUOTED.test(found) || (/^-?\d/.test(found) && String(Number(found)) === found)) return JSON.parse(found) as unknown;
  return found;
}

function notesIn(found: string): Record<string, unknown> {
  const notes: Record<string, unknown> = {};
  for (const line of found.split("\n").map((each) => each.trim()).filter((each) => each !== "")) {
    const [, quoted, plain, value] = /^(?:("(?:[^"\\]|\\.)*")|([^"=]+?))\s*=\s*(.*)$/.exec(line) ?? [];
    const name = quoted === undefined ? plain : (JSON.parse(quoted) as string);
    if (name === undefined || value === undefined || value === "") throw new input.Wrong(t("areas.notes_wrong", { line: line.slice(0, 60) }));
    if (Object.hasOwn(notes, name)) throw new input.Wrong(t("areas.notes_twice", { name }));
    notes[name] = valueIn(value);
  }
  return notes;
}

export class AreaForm {
  readonly node: HTMLElement;
  private readonly inputs: Input[];
  private readonly id: Input | null;

  /** `area` null: a new one, to be called `fresh` unless its owner says otherwise. */
  constructor(private readonly place: PlaceHere, area: Area | null, private readonly terms: AreaVersion | null, fresh: string, kept: Body | null) {
    const names = { ...(terms?.names ?? {}), ...((kept?.["names"] as Record<string, string> | undefined) ?? {}) };
    const said = <T>(name: string, known: T): T => (kept !== null && name in kept ? (kept[name] as T) : known);
    // What began already is in force from the moment it is published, as anything else that says nothing.
    const begins = terms?.effective.from ?? null;
    const effective = said("effective", { from: begins !== null && Date.parse(begins) > Date.now() ? begins : null, until: terms?.effective.until ?? null });
    const minor = (name: "fee" | "min_order"): number => said(name, terms?.[name] ?? null)?.amount_minor ?? 0;
    const kind = input.choice("kind", t("areas.kind"), KINDS.map((each) => [each, kindName(each)]), said("kind", area?.kind ?? "delivery"));
    kind.node.querySelector("select")?.toggleAttribute("disabled", area !== null);
    this.id = area === null ? text("external_id", t("areas.id"), said("external_id", fresh), t("areas.id_hint"), externalId, { maxlength: 100, spellcheck: "false" }) : null;
    const notes = el("textarea", { id: "metadata", name: "metadata", rows: 3, spellcheck: "false" }, notesShown(said("metadata", terms?.metadata ?? {})));
    this.inputs = [
      input.words("names", "en", t("areas.name_en"), names["en"] ?? "", 100),
      input.words("names", "zh-Hans", t("areas.name_zh"), names["zh-Hans"] ?? "", 100),
      kind,
      text("schedule", t("areas.schedule"), said("schedule", terms?.schedule ?? null) ?? "", t("areas.schedule_hint"), (found) => found || null, { maxlength: 1000, spellcheck: "false" }),
      text("priority", t("areas.priority"), String(said("priority", terms?.priority ?? 0)), t("areas.priority_hint"), priority, { maxlength: 5, inputmode: "numeric" }),
      input.money("fee", t("areas.fee"), place.currency, minor("fee"), null, 0),
      input.money("min_order", t("areas.min_order"), place.currency, minor("min_order"), null, 0),
      text("tags", t("areas.tags"), said("tags", terms?.tags ?? []).join(", "), t("areas.tags_hint"), tagsIn, { maxlength: 1300 }),
      input.labelled(["metadata"], t("areas.notes"), notes, t("areas.notes_hint"), (into) => {
        into["metadata"] = notesIn(notes.value);
      }),
      input.moment("effective/from", t("areas.from"), place.time_zone, effective.from, t("areas.times_hint")),
      input.moment("effective/until", t("areas.until"), place.time_zone, effective.until, t("areas.times_hint")),
    ];
    this.node = section(t("areas.terms"), el("div", { class: "shop-fields" }, ...(this.id === null ? [] : [this.id.node]), ...this.inputs.map(({ node }) => node)));
  }

  /** What the form says, as a PUT takes it, with the id under `external_id` when it is new; null when a field holds what is no value, which it shows. */
  read(quietly = false): Body | null {
    const body: Body = { names: { ...(this.terms?.names ?? {}) } };
    let first: Input | null = null;
    for (const each of this.id === null ? this.inputs : [this.id, ...this.inputs]) {
      if (!quietly) each.fault(null);
      try {
        each.read(body);
      } catch (error) {
        if (!(error instanceof input.Wrong)) throw error;
        if (!quietly) each.fault(error.message);
        first ??= each;
      }
    }
    if (first !== null) {
      if (!quietly) first.focus();
      return null;
    }
    return this.shaped(body);
  }

  private shaped({ "effective/from": from, "effective/until": until, names, ...body }: Body): Body {
    const money = (minor: unknown): object => ({ amount_minor: minor, currency: this.place.currency });
    return {
      ...body,
      ...(Object.keys(names as object).length > 0 && { names }),
      fee: money(body["fee"]),
      min_order: money(body["min_order"]),
      effective: { from: from ?? null, until: until ?? null },
    };
  }

  /** Shows faults of the server at their fields; those without one are returned. */
  showFaults(faults: AreaFault[]): AreaFault[] {
    const rest: AreaFault[] = [];
    let first: Input | null = null;
    for (const fault of faults) {
      const where = (fault.pointer ?? "").replace(/^\//, "");
      const own = where === "" ? undefined : this.inputs.find(({ names }) => names.some((name) => where === name || where.startsWith(`${name}/`) || name.startsWith(`${where}/`)));
      if (own === undefined) {
        rest.push(fault);
        continue;
      }
      own.fault(faultWords(fault));
      first ??= own;
    }
    first?.focus();
    return rest;
  }

  /** The id that was chosen belongs to another area. */
  idTaken(): void {
    this.id?.fault(t("areas.id_taken"));
    this.id?.focus();
  }
}
