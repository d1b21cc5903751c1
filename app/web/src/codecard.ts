// The code to be shown at the till: dark on white whatever the screen's colours, so that it is read in the dark.
import type { Claim, Code } from "./claims";
import { el } from "./dom";
import * as format from "./format";
import { t } from "./i18n";

/** Twelve digits as three groups; read out digit by digit. */
function digits(code: string): HTMLElement {
  const groups = code.split(" ").map((group) => el("span", {}, group));
  return el("p", { class: "code-digits", role: "img", "aria-label": [...code.replace(/ /g, "")].join(" ") }, ...groups);
}

export function codeCard(claim: Claim, code: Code, picture: string): HTMLElement {
  const until = format.deadline(code.valid_until, claim.time_zone);
  return el(
    "div",
    { class: "code-card" },
    el("p", { class: "code-say" }, t("claim.show_at_till")),
    el("img", { class: "code-qr", src: picture, alt: t("claim.qr"), width: 240, height: 240 }),
    digits(code.human_code),
    el("p", { class: "code-until" }, t("claim.use_until", { time: until })),
    claim.units > 1 && el("p", { class: "code-units" }, t("claim.units_of", { left: claim.units_left, all: claim.units })),
  );
}
