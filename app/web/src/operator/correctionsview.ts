// The corrections of a city's places: what was changed, by what reason, whether it still counts, and how to take it back.
import { el } from "../dom";
import { act, note } from "../form";
import { announce } from "../notice";
import { wasAborted } from "../request";
import { SignedOut } from "../session";
import { address, type Desk } from "./desk";
import { asText, learnCategories } from "./factwords";
import * as api from "./operatorapi";
import { at, facts } from "./parts";
import type { Territory } from "./regionaltypes";
import type { ListedOverlay } from "./reviewtypes";
import { confirmStep } from "./steps";
import { select } from "./uploadform";
import { faultLines, maybe, refused, t, why } from "./words";

const STATES = ["live", "retired", "withdrawn", "expired", "replaced"] as const;

const stateName = (state: string): string => maybe(`operator.correction.${state}`) ?? state;

export async function correctionsView(desk: Desk, territory: Territory): Promise<void> {
  const list = el("div", { class: "reviews" });
  const more = el("div", { class: "narrow" });
  const states = STATES.map((each): [string, string] => [each, stateName(each)]);
  const state = select("correction-state", t("operator.review_state"), [...states, ["", t("operator.all")]], "live");
  const signal = desk.show({
    title: t("operator.corrections_of", { city: territory.name }),
    crumbs: [[t("operator.territories"), address()], [territory.name, address(territory.city)]],
    content: [el("div", { class: "fields no-print" }, state.node), list, more],
  });
  const load = async (cursor: string | null): Promise<void> => {
    try {
      const asked = api.overlays(territory.city, state.control.value === "" ? null : state.control.value, cursor, signal);
      const [found] = await Promise.all([asked, learnCategories()]);
      if (cursor === null) list.replaceChildren();
      list.append(...found.items.map((each) => card(desk, territory, each, () => void load(null))));
      if (list.childElementCount === 0) list.replaceChildren(note("good", t("operator.no_corrections")));
      more.replaceChildren(...(found.next_cursor === null ? [] : [act(t("operator.more"), () => load(found.next_cursor), "act act-second")]));
    } catch (error) {
      if (error instanceof SignedOut) desk.failed(error);
      else if (!wasAborted(error)) list.replaceChildren(note("bad", refused(error), faultLines(error), [{ label: t("error.retry"), run: () => void load(null) }]));
    }
  };
  state.control.addEventListener("change", () => void load(null));
  await load(null);
}

function card(desk: Desk, territory: Territory, overlay: ListedOverlay, again: () => void): HTMLElement {
  const field = maybe(`operator.property.${overlay.field}`) ?? overlay.field;
  const name = overlay.place_name ?? overlay.place_id;
  const when = (time: string | null): string | null => (time === null ? null : at(time, territory.time_zone));
  const withdraw = (): void =>
    confirmStep({
      title: t("operator.withdraw_title", { what: field, name }),
      lines: Promise.resolve([t("operator.withdraw_says")]),
      note: "optional",
      action: t("operator.withdraw"),
      danger: true,
      run: async (words) => {
        await api.withdraw(overlay.overlay_id, words);
        announce(t("operator.withdrawn"));
        again();
      },
      signedOut: (error) => desk.failed(error),
    });
  return el(
    "article",
    { class: "review", "data-overlay": overlay.overlay_id },
    el("h3", {}, `${name}: ${field}`),
    facts([
      [t("operator.corrected", { what: field }), asText(overlay.value, overlay.field)],
      [t("operator.evidence.source_then"), asText(overlay.old_value, overlay.field)],
      [t("operator.evidence.reason"), overlay.reason === null ? null : why(overlay.reason)],
      [t("operator.evidence.evidence"), overlay.evidence],
      [t("operator.head.state"), stateName(overlay.state)],
      [t("operator.correction_made"), when(overlay.created_at)],
      [t("operator.correction_ends"), when(overlay.expires_at)],
      [t("operator.correction_ended"), when(overlay.ended_at)],
    ]),
    overlay.state === "live" && el("div", { class: "actions no-print" }, act(t("operator.withdraw"), withdraw, "act act-second")),
  );
}
