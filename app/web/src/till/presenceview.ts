// Six digits for members whose phones do not know well enough where they are: whoever reads them stands here.
import { el } from "../dom";
import { act, note } from "../form";
import { t } from "../i18n";
import { pause } from "../intents";
import { refusalWords } from "../problems";
import { wasAborted } from "../request";
import { presenceCode } from "./tillapi";
import { countdown } from "./countdown";

/** Shows the digits of a place, and the next ones when their time is over. */
export function presenceView(placeId: string, back: () => void, signal: AbortSignal): Node[] {
  const shown = el("div", { class: "presence", "aria-live": "polite" });
  const follow = async (): Promise<void> => {
    for (;;) {
      const found = await presenceCode(placeId, signal);
      const spaced = `${found.code.slice(0, 3)} ${found.code.slice(3)}`;
      await new Promise<void>((resolve) => {
        const left = el("p", {}, t("till.presence_left"), " ", countdown(found.valid_until, resolve, signal));
        shown.replaceChildren(el("p", { class: "presence-digits", "aria-label": [...found.code].join(" ") }, spaced), left);
      });
      await pause(1, signal);
    }
  };
  void follow().catch((error: unknown) => {
    if (!wasAborted(error)) shown.replaceChildren(note("bad", t("till.refused"), [refusalWords(error)]));
  });
  return [el("p", { class: "summary" }, t("till.presence_hint")), shown, act(t("till.next"), back, "act act-second")];
}
