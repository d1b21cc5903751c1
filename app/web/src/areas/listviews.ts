// The places of a business, and the areas of one of them: a list beside a map.
import { el, present } from "../dom";
import { act, note } from "../form";
import { refusalWords } from "../problems";
import { wasAborted } from "../request";
import { SignedOut } from "../session";
import { AreaMap } from "./areamap";
import * as api from "./areasapi";
import type { Area, AreaFault } from "./areatypes";
import { address, areaName, at, kindName, km2, legend, stateMark, type Desk, type PlaceHere } from "./parts";
import { faultWords, t } from "./words";
import { ApiProblem } from "../request";

/** Which place. */
export function placesView(desk: Desk, places: PlaceHere[]): void {
  const rows = places.map(({ place_id, name }) => el("li", {}, el("a", { class: "shop-row", href: address(place_id) }, el("b", {}, name))));
  const none = places.length === 0 ? t("areas.no_places") : t("areas.place_choose");
  desk.show({ title: t("areas.places"), crumbs: [], content: [el("p", { class: "summary" }, none), el("ul", { class: "shop-list" }, ...rows)] });
}

/** The areas of a place, all of them on one map. */
export async function placeView(desk: Desk, place: PlaceHere, several: boolean, signal: AbortSignal): Promise<void> {
  const found = await api.areas(place.place_id, signal);
  const map = new AreaMap(place.location, t("areas.map", { place: place.name }), null);
  const said = el("div", { id: "area-said" });
  const waiting = found.items.filter(({ next_actions }) => next_actions.includes("publish"));
  const all = async (): Promise<void> => {
    try {
      await api.publishAll(place.place_id, found.etag);
      desk.again();
    } catch (error) {
      if (error instanceof SignedOut) desk.failed(error);
      else if (!wasAborted(error)) said.replaceChildren(refusal(error));
    }
  };
  const list = el("ul", { class: "shop-list" }, ...found.items.map((area) => el("li", {}, row(place, area))));
  desk.show({
    title: t("areas.list_of", { place: place.name }),
    crumbs: several ? [[t("areas.places"), address()]] : [],
    content: [
      el(
        "div",
        { class: "two" },
        el("div", { class: "two-map" }, map.node, legend(["new", t("areas.state.published")], ["old", t("areas.legend_to_come")])),
        el(
          "div",
          { class: "two-left" },
          ...present(
            desk.owner && el("div", { class: "shop-actions" }, el("a", { class: "act", href: address(place.place_id, "", "new") }, t("areas.new")), waiting.length > 1 && act(t("areas.publish_all", { n: waiting.length }), all, "act act-deal")),
            !desk.owner && note("wait", t("areas.staff_look")),
            said,
            found.items.length === 0 ? el("p", { class: "summary" }, t("areas.none_yet")) : list,
          ),
        ),
      ),
    ],
    map,
  });
  const drawn = (which: "published" | "scheduled" | "waiting"): { geometry: NonNullable<Area["published"]>["geometry"]; label: string }[] =>
    found.items.flatMap((area) => (area[which] === null ? [] : [{ geometry: area[which].geometry, label: areaName(area) }]));
  map.showAreas("published", "new", drawn("published"));
  map.showAreas("waiting", "old", [...drawn("scheduled"), ...drawn("waiting")]);
  map.fit();
}

function refusal(error: unknown): HTMLElement {
  const faults: AreaFault[] = error instanceof ApiProblem ? error.faults : [];
  return note("bad", refusalWords(error, ["merchant.reason", "problem"]), faults.map(faultWords));
}

function row(place: PlaceHere, area: Area): HTMLElement {
  const { published, scheduled, waiting } = area;
  return el(
    "a",
    { class: "shop-row", href: address(place.place_id, area.external_id), "data-area": area.external_id },
    el("b", {}, areaName(area)),
    areaName(area) !== area.external_id && el("span", { class: "area-id" }, area.external_id),
    el(
      "span",
      { class: "shop-row-facts" },
      (published !== null || scheduled === null) && stateMark(area.state),
      el("span", {}, kindName(area.kind)),
      published !== null && el("span", {}, `${t("areas.in_force", { n: published.version })} · ${km2(published)}`),
      scheduled !== null && el("span", { class: "state state-scheduled" }, t("areas.begins", { n: scheduled.version, when: at(scheduled.effective.from ?? "", place.time_zone) })),
      waiting !== null && el("span", { class: "state state-draft" }, t(waiting.state === "pending_review" ? "areas.in_review" : "areas.waits", { n: waiting.version })),
    ),
  );
}
