// Fields of the coupon form: each knows its name in the API, reads its value and shows what is wrong with it.
import { el } from "../dom";
import { decimalsOf } from "../format";
import { t } from "../i18n";
import { minorOf } from "../till/digits";
import { instantOf, localOf } from "./zonetime";

type Attributes = Record<string, string | number | boolean | null | undefined>;

/** Text that is no value of the field. */
export class Wrong extends Error {}

export interface Input {
  /** Names in the API whose faults belong here. */
  readonly names: string[];
  readonly node: HTMLElement;
  /** Puts the value into a body; Wrong when the text is none. */
  read(into: Record<string, unknown>): void;
  fault(text: string | null): void;
  show(on: boolean): void;
  focus(): void;
}

type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** A label, its control, a hint and room for a fault. */
export function labelled(names: string[], label: string, control: Control, hint: string | null, read: Input["read"]): Input {
  const { id } = control;
  const said = el("p", { class: "field-fault", id: `${id}-fault`, role: "alert" });
  control.setAttribute("aria-describedby", hint === null ? said.id : `${said.id} ${id}-hint`);
  const node = el(
    "div",
    { class: "field" },
    el("label", { for: id }, label),
    control,
    hint !== null && el("p", { class: "field-hint", id: `${id}-hint` }, hint),
    said,
  );
  return {
    names,
    node,
    read,
    fault(text) {
      said.textContent = text ?? "";
      if (text === null) control.removeAttribute("aria-invalid");
      else control.setAttribute("aria-invalid", "true");
    },
    show(on) {
      node.hidden = !on;
    },
    focus: () => control.focus(),
  };
}

const box = (id: string, attributes: Attributes): HTMLInputElement =>
  el("input", { id, name: id, type: "text", autocomplete: "off", ...attributes });

/** Words in one language, a part of an object of texts. */
export function words(name: string, language: string, label: string, value: string, longest: number): Input {
  const control = box(`${name}-${language}`, { maxlength: longest, value, lang: language === "en" ? "en" : "zh-Hans" });
  return labelled([`${name}/${language}`], label, control, null, (into) => {
    const texts = (into[name] ??= {}) as Record<string, string>;
    const text = control.value.trim();
    if (text === "") delete texts[language];
    else texts[language] = text;
  });
}

export function text(name: string, label: string, value: string | null, hint: string | null, attributes: Attributes = {}): Input {
  const control = box(name, { value: value ?? "", ...attributes });
  return labelled([name], label, control, hint, (into) => {
    into[name] = control.value.trim() === "" ? null : control.value.trim();
  });
}

/** A whole number; left empty it is null, or what `empty` says. */
export function whole(name: string, label: string, value: number | null, hint: string | null = null, empty: number | null = null): Input {
  const control = box(name, { inputmode: "numeric", maxlength: 9, value: value === null ? "" : String(value) });
  return labelled([name], label, control, hint, (into) => {
    const found = control.value.trim();
    if (found !== "" && !/^\d{1,9}$/.test(found)) throw new Wrong(t("merchant.whole"));
    into[name] = found === "" ? empty : Number(found);
  });
}

/** An amount as people write it, kept in minor units. */
export function money(name: string, label: string, currency: string, value: number | null, hint: string | null = null, empty: number | null = null): Input {
  const decimals = decimalsOf(currency);
  const shown = value === null || (value === 0 && empty === 0) ? "" : (value / 10 ** decimals).toFixed(value % 10 ** decimals === 0 ? 0 : decimals);
  const control = box(name, { inputmode: "decimal", maxlength: 12, value: shown });
  return labelled([name], `${label} (${currency})`, control, hint, (into) => {
    const found = control.value.trim();
    const minor = found === "" ? empty : minorOf(found, currency);
    if (found !== "" && minor === null) throw new Wrong(t("merchant.amount"));
    into[name] = minor;
  });
}

/** A percentage, kept in hundredths of a percent. */
export function percent(name: string, label: string, value: number | null, hint: string | null = null, empty: number | null = null): Input {
  const control = box(name, { inputmode: "decimal", maxlength: 6, value: value === null || (value === 0 && empty === 0) ? "" : String(value / 100) });
  return labelled([name], label, control, hint, (into) => {
    const found = control.value.trim().replace(",", ".");
    if (found !== "" && !/^\d{1,3}(\.\d{1,2})?$/.test(found)) throw new Wrong(t("merchant.percent"));
    into[name] = found === "" ? empty : Math.round(Number(found) * 100);
  });
}

/** A time on the wall of a zone. */
export function moment(name: string, label: string, zone: string, value: string | null, hint: string | null = null): Input {
  const control = box(name, { type: "datetime-local", value: value === null ? "" : localOf(value, zone) });
  return labelled([name], label, control, hint, (into) => {
    into[name] = instantOf(control.value, zone);
  });
}

export function choice(name: string, label: string, options: [string, string][], value: string, hint: string | null = null): Input & { value(): string } {
  const control = el(
    "select",
    { id: name, name },
    ...options.map(([key, words_]) => el("option", { value: key, selected: key === value }, words_)),
  );
  const read = (into: Record<string, unknown>): void => {
    into[name] = control.value;
  };
  return { ...labelled([name], label, control, hint, read), value: () => control.value };
}

/** Some of many, each with a box to tick. */
export function ticks(name: string, label: string, options: [string, string][], chosen: string[], active: () => boolean): Input {
  const boxes = options.map(([id, words_]) => {
    const tick = el("input", { type: "checkbox", id: `${name}-${id}`, value: id, checked: chosen.includes(id) });
    return { tick, line: el("label", { class: "tick", for: tick.id }, tick, words_) };
  });
  const said = el("p", { class: "field-fault", role: "alert" });
  const node = el("fieldset", { class: "ticks" }, el("legend", {}, label), ...boxes.map(({ line }) => line), said);
  return {
    names: [name],
    node,
    read(into) {
      if (active()) into[name] = boxes.filter(({ tick }) => tick.checked).map(({ tick }) => tick.value);
    },
    fault(text_) {
      said.textContent = text_ ?? "";
    },
    show(on) {
      node.hidden = !on;
    },
    focus: () => boxes[0]?.tick.focus(),
  };
}

/** Ids, one a line. */
export function lines(name: string, id: string, label: string, value: string[], hint: string, active: () => boolean): Input {
  const control = el("textarea", { id, name: id, rows: 3, spellcheck: "false" }, value.join("\n"));
  return labelled([], label, control, hint, (into) => {
    if (active()) into[name] = control.value.split(/\s+/).filter((each) => each !== "");
  });
}
