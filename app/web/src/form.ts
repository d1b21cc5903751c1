// Parts of forms: a labelled field with its fault, the main button, and a note that says what is going on.
import { button, el } from "./dom";
import { busy } from "./ready";

type Attributes = Record<string, string | number | boolean | null | undefined>;

export interface Field {
  node: HTMLElement;
  input: HTMLInputElement;
  /** Shows what is wrong with the value and puts the keyboard there; null takes it away. */
  fault(text: string | null): void;
}

export function field(id: string, label: string, attributes: Attributes, hint: string | null = null): Field {
  const hintId = `${id}-hint`;
  const faultId = `${id}-fault`;
  const describedby = [faultId, hint === null ? "" : hintId].join(" ").trim();
  const input = el("input", { id, name: id, "aria-describedby": describedby, ...attributes });
  const said = el("p", { class: "field-fault", id: faultId, role: "alert" });
  const node = el(
    "div",
    { class: "field" },
    el("label", { for: id }, label),
    input,
    hint !== null && el("p", { class: "field-hint", id: hintId }, hint),
    said,
  );
  return {
    node,
    input,
    fault(text) {
      said.textContent = text ?? "";
      if (text === null) {
        input.removeAttribute("aria-invalid");
        return;
      }
      input.setAttribute("aria-invalid", "true");
      input.focus();
    },
  };
}

/** A form whose submit runs once at a time; the button shows that it is waiting. */
export function form(
  attributes: Attributes,
  submitText: string,
  submit: () => Promise<void>,
  ...content: (Node | false | null)[]
): HTMLFormElement {
  const send = el("button", { type: "submit", class: "act" }, submitText);
  const node = el("form", { novalidate: true, ...attributes }, ...content, send);
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    if (send.disabled) return;
    void whileBusy(send, submit);
  });
  return node;
}

/** Disables a button while `run` is under way: a double tap is one tap. */
async function whileBusy(control: HTMLButtonElement, run: () => void | Promise<void>): Promise<void> {
  control.disabled = true;
  control.classList.add("waiting");
  const done = busy();
  try {
    await run();
  } finally {
    done();
    control.disabled = false;
    control.classList.remove("waiting");
  }
}

/** The main kind of button; what it starts may take a while. */
export function act(text: string, run: () => void | Promise<void>, kind: "act" | "act act-second" | "act act-deal" = "act"): HTMLButtonElement {
  const node: HTMLButtonElement = button({ class: kind }, () => void whileBusy(node, run), text);
  return node;
}

export interface NoteAction {
  label: string;
  run(): void;
}

/** What is going on, spoken too: waiting, done, or wrong with what to do about it. */
export function note(kind: "wait" | "good" | "bad", title: string, lines: string[] = [], actions: NoteAction[] = []): HTMLElement {
  return el(
    "div",
    { class: `note note-${kind}`, role: kind === "bad" ? "alert" : "status" },
    el("b", {}, title),
    ...lines.map((line) => el("p", {}, line)),
    actions.length > 0 &&
      el("div", { class: "note-actions" }, ...actions.map(({ label, run }) => button({ class: "remedy" }, run, label))),
  );
}
