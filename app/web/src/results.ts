// One search at a time: asks, shows the list and the pins, continues by cursor, explains what went wrong.
import * as api from "./api";
import { byId, el } from "./dom";
import * as format from "./format";
import { t } from "./i18n";
import * as list from "./list";
import type { Pin, SearchMap } from "./map";
import { announce } from "./notice";
import { ApiProblem, wasAborted, type Query } from "./request";
import { RADII_M, searchQuery, type PageState, type Sheet } from "./state";
import type { City, Coupon, Listing, Place } from "./types";

interface ResultEvents {
  zone(cityId: number | null): string | null;
  change(change: Partial<PageState>): void;
  href(sheet: Sheet): string;
  open(sheet: Sheet): void;
  /** The nearest city, when none is within the radius. */
  cityFarAway(): City | null;
  goTo(city: City): void;
}

type Row = { key: string; card: HTMLElement; pin: Pin | null; placeId: string | null };

export class Results {
  hasFailed = false;
  private running: AbortController | null = null;
  private rows: Row[] = [];
  private watcher: IntersectionObserver | null = null;

  constructor(
    private readonly state: PageState,
    private readonly map: SearchMap,
    private readonly events: ResultEvents,
  ) {
    this.listen();
  }

  private listen(): void {
    const results = byId("results");
    const keyOf = (event: Event): string | null =>
      (event.target as Element).closest<HTMLElement>("[data-key]")?.dataset["key"] ?? null;
    results.addEventListener("click", (event) => {
      const key = keyOf(event);
      // A modified click keeps its meaning: another tab.
      if (key === null || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      this.events.open({ kind: this.state.tab === "places" ? "place" : "coupon", id: key });
    });
    const choose = (event: Event): void => this.map.choose(this.pinOf(keyOf(event)));
    results.addEventListener("pointerover", choose);
    results.addEventListener("focusin", choose);
    results.addEventListener("pointerleave", () => this.map.choose(null));
    results.addEventListener("focusout", () => this.map.choose(null));
  }

  private pinOf(key: string | null): string | null {
    const row = this.rows.find((each) => each.key === key);
    if (row === undefined) return null;
    return this.rows.find((each) => each.pin !== null && each.placeId === row.placeId)?.pin?.id ?? null;
  }

  /** A tap on a pin: the thing itself, or the place when several deals share it. */
  openPin(id: string): void {
    const row = this.rows.find((each) => each.pin?.id === id);
    if (row === undefined) return;
    const sharing = this.rows.filter((each) => each.placeId === row.placeId).length;
    if (this.state.tab === "places" || (sharing > 1 && row.placeId !== null)) {
      this.events.open({ kind: "place", id: row.placeId ?? row.key });
    } else this.events.open({ kind: "coupon", id: row.key });
  }

  async search(): Promise<void> {
    this.running?.abort();
    const mine = new AbortController();
    this.running = mine;
    this.watcher?.disconnect();
    const point = this.state.point;
    if (point === null) {
      list.showCards([], false);
      list.setBusy(false);
      return;
    }
    list.setBusy(true);
    const slow = setTimeout(() => {
      this.rows = [];
      this.map.pins([]);
      this.showTotal(t("list.loading"));
      list.showSkeleton();
      announce(t("list.loading"));
    }, 300);
    try {
      const page = await this.ask(searchQuery(this.state, point), mine.signal);
      clearTimeout(slow);
      this.show(page, false);
    } catch (error) {
      clearTimeout(slow);
      if (wasAborted(error)) return;
      this.failed(error, () => void this.search());
    } finally {
      clearTimeout(slow);
      if (this.running === mine) list.setBusy(false);
    }
  }

  private async ask(query: Query, signal: AbortSignal): Promise<Listing<Place> | Listing<Coupon>> {
    return this.state.tab === "places" ? api.placesNearby(query, signal) : api.couponsNearby(query, signal);
  }

  private async more(cursor: string): Promise<void> {
    const point = this.state.point;
    const mine = this.running;
    if (point === null || mine === null || mine.signal.aborted) return;
    this.watcher?.disconnect();
    list.footLoading();
    try {
      const page = await this.ask({ ...searchQuery(this.state, point), cursor }, mine.signal);
      if (this.running !== mine) return;
      const hadFocus = byId("results-foot").contains(document.activeElement) || document.activeElement === document.body;
      const first = this.rows.length;
      this.show(page, true);
      if (hadFocus) this.rows[first]?.card.focus({ preventScroll: true });
    } catch (error) {
      if (wasAborted(error)) return;
      const aged = error instanceof ApiProblem && error.status === 400;
      const remedy = aged
        ? { label: t("error.restart"), run: () => void this.search() }
        : { label: t("error.retry"), run: () => void this.more(cursor) };
      list.showError(aged ? new ApiProblem(400, "", t("error.cursor"), null, null) : error, remedy, true);
    }
  }

  private show(page: Listing<Place> | Listing<Coupon>, append: boolean): void {
    this.hasFailed = false;
    if (!append) this.rows = [];
    const first = this.rows.length;
    const places = this.state.tab === "places" ? (page as Listing<Place>).items : [];
    const coupons = this.state.tab === "deals" ? (page as Listing<Coupon>).items : [];
    for (const place of places) this.rows.push(this.placeRow(place));
    for (const coupon of coupons) this.rows.push(this.couponRow(coupon));
    this.map.pins(this.rows.flatMap((row) => (row.pin ? [row.pin] : [])));
    list.showCards(this.rows.slice(first).map((row) => row.card), append);
    this.credit("answer", page.applied?.attribution ?? []);
    if (this.rows.length === 0) {
      this.empty();
      return;
    }
    const total = format.total(this.state.tab, page.total ?? { value: this.rows.length, relation: page.next_cursor ? "gte" : "eq" });
    const within = t("total.within", { distance: format.distance(this.state.radius_m) });
    this.showTotal(total, within);
    announce(append ? t("list.shown", { n: format.count(this.rows.length) }) : `${total} ${within}`);
    this.continue(page.next_cursor);
  }

  private continue(cursor: string | null): void {
    const end = t("list.end", { distance: format.distance(this.state.radius_m) });
    const next = list.showFoot(cursor === null ? null : () => void this.more(cursor), end);
    if (next === null || cursor === null) return;
    const pageWasScrolled = (): boolean => scrollY > 0 || byId("panel").scrollTop > 0;
    this.watcher = new IntersectionObserver((entries) => {
      if (pageWasScrolled() && entries.some((entry) => entry.isIntersecting)) void this.more(cursor);
    });
    this.watcher.observe(next);
  }

  private placeRow(place: Place): Row {
    const number = this.rows.length + 1;
    const key = place.place_id;
    const href = this.events.href({ kind: "place", id: key });
    const card = list.placeCard(place, number, this.events.zone(place.city_id), href);
    const pin = { id: key, label: String(number), location: place.location, deal: place.coupon_count > 0 };
    return { key, card, pin, placeId: key };
  }

  private couponRow(coupon: Coupon): Row {
    const number = this.rows.length + 1;
    const key = coupon.coupon_id;
    const href = this.events.href({ kind: "coupon", id: key });
    const card = list.couponCard(coupon, number, this.events.zone(coupon.city_id), href);
    const placeId = coupon.place?.place_id ?? null;
    const taken = this.rows.some((row) => row.placeId === placeId);
    const location = coupon.place?.location;
    const pin = location && !taken ? { id: key, label: String(number), location, deal: true } : null;
    return { key, card, pin, placeId };
  }

  private empty(): void {
    const { state } = this;
    const set = (change: Partial<PageState>) => () => this.events.change(change);
    const far = this.events.cityFarAway();
    if (far !== null) {
      const nearest = t("empty.nearest", { city: far.name });
      this.showEmpty(nearest, null, [{ label: t("empty.go_to", { city: far.name }), run: () => this.events.goTo(far) }]);
      return;
    }
    const wider = RADII_M.find((radius) => radius >= state.radius_m * 2);
    const remedies: list.Remedy[] = [];
    if (wider !== undefined) {
      remedies.push({ label: t("empty.widen", { distance: format.distance(wider) }), run: set({ radius_m: wider }) });
    }
    if (state.category !== null) remedies.push({ label: t("empty.drop_category"), run: set({ category: null }) });
    if (state.tab === "places") {
      if (state.open_now && !state.include_unknown) {
        remedies.push({ label: t("empty.add_unknown"), run: set({ include_unknown: true }) });
      }
      if (state.open_now) remedies.push({ label: t("empty.drop_open"), run: set({ open_now: false, include_unknown: false }) });
      if (state.has_coupon) remedies.push({ label: t("empty.drop_coupon"), run: set({ has_coupon: false }) });
      if (state.in_service_area) remedies.push({ label: t("empty.drop_serving"), run: set({ in_service_area: false }) });
    } else {
      if (state.group_deal) remedies.push({ label: t("empty.drop_group"), run: set({ group_deal: false }) });
      if (state.in_service_area) remedies.push({ label: t("empty.drop_serves"), run: set({ in_service_area: false }) });
    }
    const title = t(state.tab === "places" ? "empty.places" : "empty.deals");
    const hint = t(remedies.length > 0 ? "empty.hint" : "empty.nothing");
    this.showEmpty(title, hint, remedies);
  }

  private showEmpty(title: string, hint: string | null, remedies: list.Remedy[]): void {
    const { tab, radius_m } = this.state;
    this.showTotal(format.total(tab, { value: 0, relation: "eq" }), t("total.within", { distance: format.distance(radius_m) }));
    list.showEmpty(title, hint, remedies);
    announce(title);
  }

  failed(error: unknown, retry: () => void): void {
    this.hasFailed = true;
    this.rows = [];
    this.map.pins([]);
    this.showTotal("");
    list.showError(error, { label: t("error.retry"), run: retry });
  }

  private showTotal(total: string, within = ""): void {
    byId("total").replaceChildren(el("b", {}, total), ` ${within}`);
    byId("share-search").hidden = within === "";
  }

  private readonly credits = new Map<"tiles" | "city" | "answer", string[]>();

  /** What the licences of all that is shown ask for, beside the map's own line; each source replaces its own lines. */
  credit(source: "tiles" | "city" | "answer", lines: string[]): void {
    this.credits.set(source, lines);
    const all = new Set([...this.credits.values()].flat());
    all.delete(t("map.attribution"));
    byId("credits").textContent = [...all].join(" · ");
  }
}
