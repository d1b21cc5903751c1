// The versions of an area: one beside the newest on the map, the earlier dashed; any can be brought back.
import { el, present } from "../dom";
import { act, note } from "../form";
import { announce } from "../notice";
import { refusalWords } from "../problems";
import { ApiProblem, wasAborted } from "../request";
import { SignedOut } from "../session";
import { AreaMap } from "./areamap";
import * as api from "./areasapi";
import type { AreaFault, AreaVersion, SeenArea } from "./areatypes";
import { address, areaName, at, km2, legend, small, stateMark, stateOf, sure, type Desk, type PlaceHere } from "./parts";
import { faultWords, t } from "./words";

export async function historyView(desk: Desk, place: PlaceHere, id: string, signal: AbortSignal): Promise<void> {
  const [seen, first] = await Promise.all([api.look(place.place_id, id, signal), api.versions(place.place_id, id, null, signal)]);
  const map = new AreaMap(place.location, t("areas.map", { place: place.name }), null);
  const view = new Versions(desk, place, seen, map);
  desk.show({
    title: t("areas.versions_of", { name: areaName(seen.area) }),
    crumbs: [[t("areas.places"), address()], [t("areas.list_of", { place: place.name }), address(place.place_id)], [areaName(seen.area), address(place.place_id, id)]],
    content: [el("div", { class: "two" }, el("div", { class: "two-map" }, map.node, view.legend), el("div", { class: "two-left" }, view.said, view.list, view.more))],
    map,
  });
  view.add(first.items, first.next_cursor);
  view.compare(first.items[1] ?? null);
  map.fit();
}

class Versions {
  readonly said = el("div", { id: "area-said" });
  readonly list = el("ol", { class: "versions" });
  readonly more = el("div", {});
  readonly legend = el("div", {});
  private newest: AreaVersion | null = null;

  constructor(private readonly desk: Desk, private readonly place: PlaceHere, private readonly seen: SeenArea, private readonly map: AreaMap) {}

  add(items: AreaVersion[], cursor: string | null): void {
    this.newest ??= items[0] ?? null;
    this.list.append(...items.map((each) => this.row(each)));
    const next = async (): Promise<void> => {
      const found = await api.versions(this.place.place_id, this.seen.area.external_id, cursor);
      this.add(found.items, found.next_cursor);
    };
    this.more.replaceChildren(...(cursor === null ? [] : [act(t("merchant.more"), next, "act act-second")]));
  }

  /** The newest solid, an earlier one dashed. */
  compare(other: AreaVersion | null): void {
    const { newest } = this;
    this.map.showAreas("new", "new", newest === null ? [] : [newest]);
    this.map.showAreas("old", "old", other === null ? [] : [other]);
    const rows: [string, string][] = newest === null ? [] : [["new", t("areas.legend_new_in_force", { n: newest.version })]];
    if (other !== null) rows.push(["old", t("areas.legend_old_version", { n: other.version })]);
    this.legend.replaceChildren(legend(...rows));
    for (const each of this.list.querySelectorAll<HTMLElement>("[data-version] .small")) each.setAttribute("aria-pressed", String(each.closest<HTMLElement>("[data-version]")?.dataset["version"] === String(other?.version)));
  }

  private row(version: AreaVersion): HTMLElement {
    const n = version.version;
    const back = this.desk.owner && this.seen.area.next_actions.includes("revert") && version.state !== "published";
    const zone = this.place.time_zone;
    const times = [version.edited_at, version.published_at, version.ended_at].map((each) => (each === null ? null : at(each, zone)));
    return el(
      "li",
      { class: "version", "data-version": n },
      el("p", { class: "area-facts" }, el("b", {}, t("areas.version", { n })), stateMark(stateOf(version)), el("span", {}, km2(version)), el("span", {}, times[1] ?? times[0])),
      version.review?.note ? el("p", {}, version.review.note) : null,
      el(
        "div",
        { class: "shop-actions" },
        ...present(
          n !== this.newest?.version &&
            small(t("areas.compare_with", { n }), () => {
              this.compare(version);
              this.map.fit();
            }, { "aria-pressed": "false" }),
          back && sure(t("areas.revert", { n }), t("areas.revert", { n }), () => this.revert(n)),
        ),
      ),
    );
  }

  private async revert(version: number): Promise<void> {
    try {
      await api.revert(this.place.place_id, this.seen.area.external_id, version, this.seen.etag);
      announce(t("areas.reverted", { n: version }));
      this.desk.again();
    } catch (error) {
      if (error instanceof SignedOut) this.desk.failed(error);
      else if (!wasAborted(error)) {
        const faults: AreaFault[] = error instanceof ApiProblem ? error.faults : [];
        this.said.replaceChildren(note("bad", refusalWords(error, ["merchant.reason", "problem"]), faults.map(faultWords), [{ label: t("error.retry"), run: () => this.desk.again() }]));
        scrollTo({ top: 0 });
      }
    }
  }
}
