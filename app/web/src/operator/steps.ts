// A confirming step: says what changes, may ask for a note, does it, and stays open when that is refused.
import { button, el } from "../dom";
import { act, note } from "../form";
import { wasAborted } from "../request";
import { SignedOut } from "../session";
import { faultLines, refused, t } from "./words";

export interface Step {
  title: string;
  /** What changes, a line each; may come later than the step is shown. */
  lines: string[] | Promise<string[]>;
  /** Whether it asks for a note, and whether one has to be there. */
  note: "none" | "optional" | "required";
  action: string;
  danger?: boolean;
  run(note: string): Promise<void>;
  /** Somebody has to sign in again. */
  signedOut(error: unknown): void;
}

function noteField(asks: Step["note"]): { node: HTMLElement | null; read(): string | null } {
  if (asks === "none") return { node: null, read: () => "" };
  const box = el("textarea", { id: "step-note", name: "note", rows: 3, maxlength: 500, "aria-describedby": "step-note-fault" });
  const fault = el("p", { class: "field-fault", id: "step-note-fault", role: "alert" });
  const label = asks === "required" ? t("operator.note") : t("operator.note_optional");
  const read = (): string | null => {
    const text = box.value.trim();
    if (text !== "" || asks === "optional") return text;
    fault.textContent = t("operator.note_needed");
    box.setAttribute("aria-invalid", "true");
    box.focus();
    return null;
  };
  return { node: el("div", { class: "field" }, el("label", { for: "step-note" }, label), box, fault), read };
}

export function confirmStep(step: Step): void {
  const opener = document.activeElement;
  const lines = el("div", { class: "step-lines" });
  const said = el("div", {});
  const asked = noteField(step.note);
  const node = el("dialog", { class: "step", "aria-labelledby": "step-title" });
  const close = (): void => {
    node.close();
    node.remove();
    if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
  };
  const go = act(
    step.action,
    async () => {
      const text = asked.read();
      if (text === null) return;
      said.replaceChildren();
      try {
        await step.run(text);
        close();
      } catch (error) {
        if (error instanceof SignedOut) {
          close();
          step.signedOut(error);
        } else if (!wasAborted(error)) said.replaceChildren(note("bad", refused(error), faultLines(error)));
      }
    },
    step.danger ? "act act-deal" : "act",
  );
  const show = (texts: string[]): void => lines.replaceChildren(...texts.map((text) => el("p", {}, text)));
  if (Array.isArray(step.lines)) show(step.lines);
  else {
    show([t("operator.looking")]);
    step.lines.then(show, () => show([]));
  }
  node.append(
    el("h2", { id: "step-title" }, step.title),
    lines,
    ...(asked.node === null ? [] : [asked.node]),
    said,
    el("div", { class: "step-actions" }, go, button({ class: "act act-second" }, close, t("operator.leave_it"))),
  );
  node.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });
  document.body.append(node);
  node.showModal();
}
