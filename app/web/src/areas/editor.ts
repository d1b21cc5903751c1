// One area: what it is now, its drawing and terms, what stands against them, and what can be done.
import { el, present } from "../dom";
import { act, form, note } from "../form";
import { announce } from "../notice";
import { refusalWords } from "../problems";
import { ApiProblem, wasAborted } from "../request";
import { SignedOut } from "../session";
import { perTab } from "../storage";
import { AreaForm, type Body } from "./areaform";
import * as api from "./areasapi";
import type { Area, AreaFault, AreaVersion, Proposal, SavedArea, SeenArea } from "./areatypes";
import { Pad } from "./pad";
import { address, areaName, at, kindName, km2, legend, newestOf, small, stateMark, sure, type Desk, type PlaceHere } from "./parts";
import { emptySketch, sketchOf, whereOf, type Sketch } from "./sketch";
import { faultWords, t } from "./words";

const DRAFTABLE = ["area-outside-city", "territory-overlaps", "geometry-too-large"];
const MENDABLE = ["crosses", "intersect", "open"];

/** What was drawn and not saved, so that neither a sign-in that ended nor a reload loses it. */
interface Kept {
  sketch: Sketch;
  terms: Body | null;
}

const keptName = (place: PlaceHere, id: string): string => `fujin.areas.${place.place_id}.${id}`;

export class Editor {
  private readonly said = el("div", { id: "area-said" });
  private readonly state = el("div", { id: "area-state" });
  private readonly legend = el("div", {});
  private readonly shape: AreaForm;
  private readonly pad: Pad;
  private readonly name: string;
  private pins: AreaFault[] = [];

  constructor(private readonly desk: Desk, private readonly place: PlaceHere, private seen: SeenArea | null, private readonly others: Area[]) {
    const area = seen?.area ?? null;
    const terms = area === null ? null : newestOf(area);
    this.name = keptName(place, area?.external_id ?? "");
    const kept = perTab.read<Kept>(this.name);
    const sketch = kept?.sketch ?? (terms === null ? emptySketch(place.location) : sketchOf(terms.geometry, terms.outline, place.location));
    this.shape = new AreaForm(place, area, terms, this.freeId(), kept?.terms ?? null);
    this.pad = new Pad(place, sketch, (index) => this.focusFault(index), () => this.keep());
    this.shape.node.addEventListener("input", () => this.keep());
    this.shape.node.addEventListener("change", () => this.keep());
    if (kept !== null) this.say(note("wait", t("areas.unsaved_found"), [], [{ label: t("areas.unsaved_drop"), run: () => this.drop() }]));
  }

  private freeId(): string {
    const taken = new Set(this.others.map(({ external_id }) => external_id));
    let n = 1;
    while (taken.has(`area-${n}`)) n += 1;
    return `area-${n}`;
  }

  show(): void {
    const area = this.seen?.area ?? null;
    const { owner } = this.desk;
    const save = form({ class: "stack", id: "area-form" }, t("areas.save"), () => this.save(false), this.pad.node, this.shape.node, this.said);
    save.append(act(t("areas.save_publish"), () => this.save(true), "act act-deal"));
    if (!owner) {
      for (const each of save.querySelectorAll("fieldset")) each.disabled = true;
      this.pad.lock();
      for (const each of save.querySelectorAll(".act")) each.remove();
    }
    const title = area === null ? t("areas.new_of", { place: this.place.name }) : areaName(area);
    this.desk.show({
      title,
      crumbs: [[t("areas.places"), address()], [t("areas.list_of", { place: this.place.name }), address(this.place.place_id)]],
      content: [el("div", { class: "two" }, el("div", { class: "two-map" }, this.pad.map.node, this.legend), el("div", { class: "two-left" }, this.state, ...(owner ? [] : [note("wait", t("areas.staff_look"))]), save))],
      map: this.pad.map,
    });
    this.draw();
    this.pad.map.fit();
  }

  // what it is now

  private draw(): void {
    const area = this.seen?.area ?? null;
    this.pad.map.showAreas("other", "other", this.others.filter(({ external_id }) => external_id !== area?.external_id).flatMap(shownOf));
    const [before, after] = [area?.published ?? null, area?.scheduled ?? null];
    this.pad.map.showAreas("old", "old", [before, after].filter((each) => each !== null));
    const words = [...(before === null ? [] : [t("areas.legend_old", { n: before.version })]), ...(after === null ? [] : [this.begins(after)])];
    this.drawLegend(words.length === 0 ? null : words.join(" · "));
    this.state.replaceChildren(...(area === null ? [] : this.stateOf(area)));
  }

  private begins({ version, effective }: AreaVersion): string {
    return t("areas.begins", { n: version, when: at(effective.from ?? "", this.place.time_zone) });
  }

  private drawLegend(old: string | null): void {
    const others = this.others.some((each) => each.external_id !== this.seen?.area.external_id && shownOf(each).length > 0);
    const rows: [string, string][] = [["new", t("areas.legend_new_drawing")]];
    if (old !== null) rows.push(["old", old]);
    if (others) rows.push(["other", t("areas.legend_other")]);
    this.legend.replaceChildren(legend(...rows));
  }

  private stateOf(area: Area): Node[] {
    const { published, scheduled, waiting } = area;
    const can = (what: string): boolean => this.desk.owner && area.next_actions.includes(what);
    const note_ = waiting?.review?.note ?? null;
    return present(
      el(
        "p",
        { class: "area-facts" },
        (published !== null || scheduled === null) && stateMark(area.state),
        el("span", {}, kindName(area.kind)),
        published !== null && el("span", {}, `${t("areas.in_force", { n: published.version })} · ${km2(published)}`),
        scheduled !== null && el("span", {}, `${this.begins(scheduled)} · ${km2(scheduled)}`),
        waiting !== null && el("span", {}, `${t(waiting.state === "pending_review" ? "areas.in_review" : "areas.waits", { n: waiting.version })} · ${km2(waiting)} · ${at(waiting.edited_at, this.place.time_zone)}`),
        el("a", { class: "shop-link", href: address(this.place.place_id, area.external_id, "versions") }, t("areas.versions")),
      ),
      note_ !== null && note("bad", t("areas.reviewed", { note: note_ })),
      el(
        "div",
        { class: "shop-actions" },
        can("publish") && act(t("areas.publish"), () => this.trying(() => this.publish()), "act act-deal"),
        can("discard") && sure(t(waiting === null ? "areas.withdraw" : "areas.discard"), t(waiting === null ? "areas.withdraw_sure" : "areas.discard_sure"), () => this.trying(() => this.leave(api.discard, t("areas.discarded")))),
        can("archive") && sure(t("areas.archive"), t("areas.archive_sure"), () => this.trying(() => this.leave(api.archive, t("areas.archived")))),
      ),
    );
  }

  // saving

  private keep(): void {
    if (this.desk.owner) perTab.write(this.name, { sketch: this.pad.sketch, terms: this.shape.read(true) } satisfies Kept);
  }

  private drop(): void {
    perTab.remove(this.name);
    this.desk.again();
  }

  private say(...nodes: Node[]): void {
    this.said.replaceChildren(...nodes);
  }

  private async save(publish: boolean, draft = false, repair = false): Promise<void> {
    this.clear();
    const body = this.shape.read();
    if (body === null) return;
    if (!this.pad.isWhole) {
      this.say(note("bad", t("areas.not_whole")));
      return;
    }
    const { external_id, ...terms } = body;
    const id = this.seen?.area.external_id ?? String(external_id);
    await this.trying(async () => {
      const saved = await api.save(this.place.place_id, id, { ...terms, ...whereOf(this.pad.sketch), ...(draft && { draft: true }) }, this.seen?.etag ?? null, repair);
      perTab.remove(this.name);
      const editor = this.seen === null ? this.renewed(saved) : this;
      this.seen = saved;
      if (publish && saved.area.faults.length === 0) await editor.trying(() => editor.publish());
      else editor.kept(saved);
      editor.draw();
    });
  }

  /** What was new is there now: its page has no field for the id any more, and an address of its own. */
  private renewed(saved: SeenArea): Editor {
    history.replaceState(null, "", address(this.place.place_id, saved.area.external_id));
    const editor = new Editor(this.desk, this.place, saved, this.others);
    editor.show();
    return editor;
  }

  private kept({ area }: SeenArea<SavedArea>): void {
    const remarks = area.remarks.map(({ detail }) => t("areas.remark", { what: detail }));
    if (remarks.length > 0 && area.waiting !== null) this.pad.take(area.waiting.geometry);
    perTab.remove(this.name);
    if (area.faults.length === 0) this.say(note("good", t("areas.saved"), remarks));
    else {
      this.say(note("wait", t("areas.saved_draft"), remarks));
      this.showFaults(area.faults);
    }
    announce(t("areas.saved"));
  }

  private async publish(): Promise<void> {
    const { seen } = this;
    if (seen === null) return;
    this.seen = await api.publish(this.place.place_id, seen.area.external_id, seen.etag);
    const { waiting, scheduled } = this.seen.area;
    const later = scheduled !== null && scheduled.version === (seen.area.waiting?.version ?? 0);
    this.clear();
    this.say(note("good", waiting?.state === "pending_review" ? t("areas.sent_review") : later ? t("areas.published_later", { when: at(scheduled.effective.from ?? "", this.place.time_zone) }) : t("areas.published")));
    this.draw();
  }

  private async leave(step: typeof api.discard, words: string): Promise<void> {
    const { seen } = this;
    if (seen === null) return;
    await step(this.place.place_id, seen.area.external_id, seen.etag);
    perTab.remove(this.name);
    announce(words);
    this.desk.again();
  }

  private async trying(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (wasAborted(error)) return;
      if (error instanceof SignedOut) this.desk.failed(error);
      else await this.refused(error);
    }
  }

  // what is refused

  private async refused(error: unknown): Promise<void> {
    this.draw();
    if (error instanceof ApiProblem && error.code === "precondition-required" && this.seen === null) this.shape.idTaken();
    else if (error instanceof ApiProblem && error.code === "precondition-failed" && this.seen !== null) await this.conflict(this.seen.area);
    else if (error instanceof ApiProblem && error.status === 422 && error.faults.length > 0) this.showRefusal(error);
    else this.say(note("bad", refusalWords(error, ["merchant.reason", "problem"])));
  }

  private showRefusal(error: ApiProblem): void {
    const rest = this.shape.showFaults(error.faults);
    this.say(note("bad", t(rest.length > 0 ? "areas.faults" : "areas.faults_terms")));
    const proposal = error.body["proposal"] as Proposal | undefined;
    const offer = proposal === undefined ? null : this.propose(proposal);
    const actions: Node[] = [];
    if (error.code === "invalid-geometry" && MENDABLE.some((word) => error.detail.toLowerCase().includes(word))) actions.push(act(t("areas.repair"), () => this.save(false, false, true), "act act-second"));
    if (DRAFTABLE.includes(error.code) && rest.every(({ hint }) => hint !== "too-many-points")) actions.push(act(t("areas.save_draft"), () => this.save(false, true), "act act-second"));
    if (actions.length > 0) this.said.append(el("div", { class: "shop-actions" }, ...actions));
    if (rest.length > 0) this.showFaults(rest, offer === null);
    // One key takes it.
    offer?.querySelector("button")?.focus();
  }

  private showFaults(faults: AreaFault[], go = true): void {
    this.pins = faults;
    const placed = faults.flatMap((fault, index) => (fault.location ? [{ ...fault.location, label: String(index + 1) }] : []));
    this.pad.map.showPins(placed);
    const rows = faults.map((fault, index) => {
      const show = fault.location ? small(String(index + 1), () => this.focusFault(index), { class: "small pin", "aria-label": t("areas.fault_show", { n: index + 1 }) }) : null;
      return el("li", { class: "fault", tabindex: "-1", id: `fault-${index}` }, show, el("span", {}, faultWords(fault)));
    });
    this.said.append(el("ol", { class: "faults" }, ...rows));
    this.focusFault(0, go);
  }

  /** Goes to a fault, on the map and in the list. */
  private focusFault(index: number, go = true): void {
    const fault = this.pins[index];
    document.getElementById(`fault-${index}`)?.focus();
    if (fault?.location && go) this.pad.map.goTo(fault.location, 14);
  }

  /** Shows a drawing that would do beside the one in hand. */
  private propose({ geometry, point_count, hausdorff_m }: Proposal): HTMLElement {
    const words = hausdorff_m === undefined ? t("areas.proposal.inside", { n: point_count }) : t("areas.proposal.simpler", { n: point_count, m: Math.ceil(hausdorff_m * 10) / 10 });
    this.pad.map.showAreas("old", "old", [{ geometry }]);
    this.pad.map.fit();
    this.drawLegend(words);
    const take = (): void => {
      this.clear();
      this.pad.take(geometry);
      this.draw();
      this.say(note("good", t("areas.proposal.taken")));
    };
    const offer = note("wait", words, [t("areas.proposal.shown")], [{ label: t("areas.proposal.take"), run: take }]);
    this.said.append(offer);
    return offer;
  }

  private clear(): void {
    this.pins = [];
    this.pad.map.showPins([]);
    this.said.replaceChildren();
  }

  /** Somebody else was faster: what they changed is told and shown, what was drawn here stays. */
  private async conflict(mine: Area): Promise<void> {
    const theirs = await api.look(this.place.place_id, mine.external_id);
    const changed = changesOf(mine, theirs.area);
    const version = newestOf(theirs.area);
    this.keep();
    if (version !== null) {
      this.pad.map.showAreas("old", "old", [version]);
      this.drawLegend(t("areas.legend_theirs"));
    }
    const over = async (): Promise<void> => {
      this.seen = theirs;
      await this.save(false);
    };
    const lines = [changed.length === 0 ? t("areas.conflict_same") : t("areas.conflict_changed", { what: changed.join(", ") })];
    this.say(
      note("bad", t("areas.conflict"), lines),
      el("div", { class: "shop-actions" }, act(t("areas.conflict_keep"), over), act(t("areas.conflict_take"), () => this.drop(), "act act-second")),
    );
  }
}

const PARTS = ["names", "schedule", "priority", "fee", "min_order", "effective", "tags", "metadata"] as const;

/** Which parts of an area differ between two looks at it, in words. */
function changesOf(before: Area, after: Area): string[] {
  const [one, other] = [newestOf(before), newestOf(after)];
  if (one === null || other === null) return [t("areas.part.published")];
  const differ = (name: keyof AreaVersion): boolean => JSON.stringify(one[name]) !== JSON.stringify(other[name]);
  const found: string[] = PARTS.filter(differ).map((name) => t(`areas.part.${name}`));
  if (differ("geometry") || differ("outline")) found.unshift(t("areas.part.drawing"));
  if (before.published?.version !== after.published?.version) found.push(t("areas.part.published"));
  return found;
}

/** What of another area is worth drawing beside this one. */
const shownOf = (area: Area): { geometry: AreaVersion["geometry"]; label: string }[] => {
  const version = area.published ?? area.scheduled ?? area.waiting;
  return version === null ? [] : [{ geometry: version.geometry, label: areaName(area) }];
};
