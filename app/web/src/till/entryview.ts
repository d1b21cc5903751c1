// Where a till waits for the next code: typed in groups of four, pasted, or scanned.
import { el } from "../dom";
import { act, field, form, note } from "../form";
import { t } from "../i18n";
import { announce } from "../notice";
import { wasAborted } from "../request";
import { checks, CODE_DIGITS, digitsOf, grouped } from "./digits";
import { NoCamera, scan } from "./scanner";
import type { Presented } from "./tilltypes";

/** What a merchant's own code looks like: letters and digits, of digits alone fewer than ours have. */
const OWN = /^(?!\d{12,}$)[A-Z0-9]{6,32}$/i;
const OURS = /^LS0:[0-9A-F-]{36}:[0-9A-F]{16}$/i;

/** The text as a code that the merchant brought; null when it can be none. */
const ownCode = (text: string): Presented | null => (OWN.test(text.replace(/[\s._/-]/g, "")) ? { code: text.trim() } : null);

/** What a scanned text presents; null when it is none of our codes. */
function presentedBy(text: string): Presented | null {
  const trimmed = text.trim();
  if (OURS.test(trimmed)) return { qr: trimmed };
  const digits = /^[\d\s.-]+$/.test(trimmed) ? digitsOf(trimmed) : "";
  return digits.length === CODE_DIGITS && checks(digits) ? { code: digits } : ownCode(trimmed);
}

/** The field for a code; `take` gets it once it can be one. */
export function codeForm(take: (code: Presented) => Promise<void>): HTMLElement {
  const code = field(
    "code",
    t("till.code"),
    { type: "text", inputmode: "numeric", autocomplete: "off", maxlength: 40, placeholder: "0000 0000 0000", class: "digits" },
    t("till.code_hint"),
  );
  const submit = async (): Promise<void> => {
    const digits = digitsOf(code.input.value);
    const own = ownCode(code.input.value);
    if (own !== null) {
      code.fault(null);
      await take(own);
      return;
    }
    if (digits.length < CODE_DIGITS) {
      code.fault(t("till.code_short", { n: digits.length }));
      return;
    }
    if (!checks(digits)) {
      code.fault(t("till.code_wrong"));
      return;
    }
    code.fault(null);
    await take({ code: digits });
  };
  const node = form({ class: "stack", id: "code-form" }, t("till.check"), submit, code.node);
  code.input.addEventListener("input", () => {
    const { input } = code;
    if (/[a-z]/i.test(input.value)) {
      if (input.getAttribute("aria-invalid") === "true") code.fault(null);
      return;
    }
    const atEnd = input.selectionStart === input.value.length;
    const digits = digitsOf(input.value);
    // A digit put in the middle must not throw the cursor to the end.
    if (atEnd) input.value = grouped(digits);
    if (input.getAttribute("aria-invalid") === "true") code.fault(null);
    if (digits.length === CODE_DIGITS && atEnd) node.requestSubmit();
  });
  const letters = act(t("till.letters"), () => {
    code.input.inputMode = "text";
    code.input.focus();
    letters.hidden = true;
  }, "act act-second");
  // Only a keyboard on the screen shows digits alone.
  if (matchMedia("(pointer: coarse)").matches) node.append(letters);
  setTimeout(() => code.input.focus(), 0);
  return node;
}

/** The camera with a frame to hold the code into; `take` gets the first code of ours. */
export function scanView(take: (code: Presented) => void, typeInstead: () => void, signal: AbortSignal): Node[] {
  const video = el("video", { class: "scan-video", playsinline: true, muted: true, "aria-label": t("till.camera") });
  const said = el("div", {});
  let foreign = "";
  const seen = (text: string): boolean => {
    const code = presentedBy(text);
    if (code === null) {
      if (text !== foreign) said.replaceChildren(note("bad", t("till.not_ours")));
      foreign = text;
      return false;
    }
    announce(t("till.scanned"));
    take(code);
    return true;
  };
  scan(video, seen, signal).catch((error: unknown) => {
    if (wasAborted(error)) return;
    const why = error instanceof NoCamera ? error.why : "busy";
    video.hidden = true;
    said.replaceChildren(note("bad", t("till.no_camera"), [t(`till.camera_${why}`)]));
  });
  return [
    el("div", { class: "scan-frame" }, video),
    el("p", { class: "summary" }, t("till.scan_hint")),
    said,
    act(t("till.type_instead"), () => typeInstead(), "act act-second"),
  ];
}
