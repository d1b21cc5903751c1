// The form that sends a file: dropped or chosen, with its origin and, where needed, what its sender knows of it.
import { button, el } from "../dom";
import { field, form, note, type Field } from "../form";
import { isUndecided } from "../intents";
import { announce } from "../notice";
import { ApiProblem, wasAborted } from "../request";
import { newId } from "../storage";
import type { Desk } from "./desk";
import * as api from "./operatorapi";
import { linkButton, section, size } from "./parts";
import { versionAddress } from "./desk";
import type { Version } from "./regionaltypes";
import { progressBar } from "./progress";
import { SignedOut } from "../session";
import { faultLines, refused, t, type OwnWord } from "./words";

const DATUMS = ["", "wgs84", "gcj02", "bd09"];
const LICENCES = ["ODbL-1.0", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "DL-DE-BY-2.0", "OGL-UK-3.0"];

/** A choice with its label. */
export function select(id: string, label: string, options: [string, string][], value: string): { node: HTMLElement; control: HTMLSelectElement } {
  const control = el("select", { id, name: id }, ...options.map(([key, words]) => el("option", { value: key, selected: key === value }, words)));
  return { node: el("div", { class: "field" }, el("label", { for: id }, label), control), control };
}

export const datumChoice = (id: string, value: string): { node: HTMLElement; control: HTMLSelectElement } =>
  select(id, t("operator.datum"), DATUMS.map((each) => [each, each === "" ? t("operator.datum.file") : t(`operator.datum.${each}` as OwnWord)]), value);

/** Where a file is dropped; a plain file field for everybody who doesn't drag. */
function dropZone(chosen: (file: File) => void): { node: HTMLElement; input: HTMLInputElement; fault(text: string | null): void } {
  const input = el("input", { id: "file", name: "file", type: "file", "aria-describedby": "file-fault file-name" });
  const name = el("p", { id: "file-name", class: "drop-name" }, t("operator.formats"));
  const said = el("p", { class: "field-fault", id: "file-fault", role: "alert" });
  const zone = el("div", { class: "drop" }, el("label", { class: "drop-label", for: "file" }, el("b", {}, t("operator.choose")), el("span", {}, t("operator.drop"))), input, name);
  const take = (file: File | undefined): void => {
    if (file === undefined) return;
    name.textContent = t("operator.chosen", { name: file.name, size: size(file.size) });
    said.textContent = "";
    chosen(file);
  };
  input.addEventListener("change", () => take(input.files?.[0]));
  const over = (on: boolean) => (event: DragEvent) => {
    event.preventDefault();
    zone.classList.toggle("drop-over", on);
  };
  zone.addEventListener("dragenter", over(true));
  zone.addEventListener("dragover", over(true));
  zone.addEventListener("dragleave", over(false));
  zone.addEventListener("drop", (event) => {
    over(false)(event);
    take(event.dataTransfer?.files[0]);
  });
  const fault = (text: string | null): void => {
    said.textContent = text ?? "";
    if (text !== null) input.focus();
  };
  return { node: el("div", {}, zone, said), input, fault };
}

/** The fields of a load, by the names that the API has for them. */
class LoadFields {
  readonly fields: Record<string, Field>;
  readonly datum;
  readonly dryRun = el("input", { type: "checkbox", id: "dry_run" });

  constructor(last: Version | null) {
    const from = last?.origin;
    const plain = (name: string, label: string, value: string | null | undefined, hint: string | null = null, more: Record<string, string | number> = {}): Field =>
      field(name, label, { type: "text", autocomplete: "off", maxlength: 300, value: value ?? "", ...more }, hint);
    this.fields = {
      source_name: plain("source_name", t("operator.source_name"), from?.source_name, t("operator.source_name_hint")),
      licence: plain("licence", t("operator.licence"), from?.licence, t("operator.licence_hint"), { list: "licences" }),
      attribution: plain("attribution", t("operator.attribution"), from?.attribution, t("operator.attribution_hint")),
      source_url: plain("source_url", t("operator.source_url"), from?.source_url, null, { type: "url", inputmode: "url" }),
      retrieved_on: plain("retrieved_on", t("operator.retrieved_on"), "", null, { type: "date" }),
      crs: plain("crs", t("operator.crs"), "", t("operator.crs_hint"), { maxlength: 40 }),
      encoding: plain("encoding", t("operator.encoding"), "", t("operator.encoding_hint"), { maxlength: 40 }),
      layer: plain("layer", t("operator.layer_name"), "", t("operator.layer_hint"), { maxlength: 200 }),
    };
    this.datum = datumChoice("datum", "");
  }

  node(name: string): HTMLElement {
    return this.fields[name]?.node ?? el("div");
  }

  /** What is sent; null when something that has to be there is missing, which is shown. */
  read(): Record<string, string> | null {
    const query: Record<string, string> = {};
    let first: Field | null = null;
    for (const [name, { input, fault }] of Object.entries(this.fields)) {
      fault(null);
      const value = input.value.trim();
      if (value !== "") query[name] = value;
      else if (["source_name", "licence", "attribution"].includes(name)) first ??= this.fields[name] ?? null;
    }
    first?.fault(t("operator.needed"));
    if (this.datum.control.value !== "") query["datum"] = this.datum.control.value;
    if (this.dryRun.checked) query["dry_run"] = "true";
    return first === null ? query : null;
  }

  /** Shows what the server says of single fields; the rest is told as lines. */
  place(error: ApiProblem): void {
    for (const { parameter, pointer, detail } of error.faults) this.fields[(parameter ?? pointer ?? "").replace(/^\//, "")]?.fault(detail);
  }
}

export function uploadPart(desk: Desk, where: api.Where, last: Version | null): HTMLElement {
  let file: File | null = null;
  let key = newId();
  const given = new LoadFields(last);
  const drop = dropZone((chosen) => {
    file = chosen;
    key = newId();
  });
  const said = el("div", { id: "upload-said" });
  const refusal = (error: unknown): void => {
    if (wasAborted(error)) {
      said.replaceChildren(note("wait", t("operator.sending_stopped")));
      return;
    }
    if (error instanceof SignedOut) {
      desk.failed(error);
      return;
    }
    // A refusal ends what was tried; without an answer the same file goes out again under the same key.
    if (!isUndecided(error)) key = newId();
    if (error instanceof ApiProblem) given.place(error);
    const shown = note("bad", refused(error), isUndecided(error) ? [t("operator.send_again"), ...faultLines(error)] : faultLines(error));
    const under = error instanceof ApiProblem ? Number(error.body["version"]) : Number.NaN;
    if (Number.isSafeInteger(under)) shown.append(el("div", { class: "note-actions" }, linkButton(t("operator.open_version", { n: under }), versionAddress(where, under))));
    said.replaceChildren(shown);
  };
  const submit = async (): Promise<void> => {
    const query = given.read();
    drop.fault(file === null ? t("operator.file_needed") : null);
    if (file === null || query === null) return;
    const giving = new AbortController();
    const bar = progressBar(t("operator.sending"));
    const stop = button({ class: "quiet" }, () => giving.abort(), t("operator.stop_sending"));
    said.replaceChildren(el("div", { class: "note note-wait" }, bar.node, stop));
    announce(t("operator.sending"));
    try {
      const { value } = await api.upload(where, file, query, key, (bytes, of) => bar.set(bytes, of, `${size(bytes)} / ${size(of)}`), giving.signal);
      if (value.outcome === "unchanged") said.replaceChildren(note("good", t("operator.unchanged", { n: value.version })));
      else desk.go(where.city, where.kind, value.version);
    } catch (error) {
      refusal(error);
    }
  };
  const more = el(
    "details",
    { class: "more" },
    el("summary", {}, t("operator.more_of_file")),
    el("div", { class: "fields" }, ...["source_url", "retrieved_on"].map((name) => given.node(name)), given.datum.node, ...["crs", "encoding", "layer"].map((name) => given.node(name))),
    el("label", { class: "tick", for: "dry_run" }, given.dryRun, t("operator.dry_run")),
  );
  const body = form(
    { class: "stack", id: "upload-form" },
    t("operator.send"),
    submit,
    drop.node,
    el("div", { class: "fields" }, ...["source_name", "licence", "attribution"].map((name) => given.node(name))),
    el("datalist", { id: "licences" }, ...LICENCES.map((each) => el("option", { value: each }))),
    more,
    said,
  );
  return section(t("operator.load"), el("p", { class: "summary" }, t(`operator.load_what.${where.kind}` as OwnWord)), body);
}
