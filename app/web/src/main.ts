// The page put together: state in the address bar, one search at a time, sheets over it.
import "./page.css";
import * as api from "./api";
import { byId, el, langTag } from "./dom";
import { CategoryTree, listenToFilters, showFilters } from "./filters";
import { devicePosition, NoPosition } from "./geolocate";
import { t } from "./i18n";
import { createMap, type SearchMap } from "./map";
import { announce, say, unsay } from "./notice";
import { busy, settleWith } from "./ready";
import { Results } from "./results";
import { Sheets } from "./sheets";
import { share } from "./share";
import { address, readState, type PageState } from "./state";
import type { Category, City, Listing, LonLat } from "./types";

const chosenLang = new URLSearchParams(location.search).get("lang");
const state: PageState = readState(location.search);

type Catalogue = [Listing<City>, Listing<Category>];

const askCatalogue = (): Promise<Catalogue> => Promise.all([api.cities(), api.categories()]);

class Page {
  private tree = new CategoryTree([]);
  private cities: City[] = [];
  private listening = false;
  private readonly results: Results;
  private readonly sheets: Sheets;

  constructor(
    private readonly map: SearchMap,
    private asked: Promise<Catalogue> | null,
  ) {
    this.sheets = new Sheets(state, {
      lang: chosenLang,
      zone: (cityId) => this.zone(cityId),
      around: (point) => this.moveTo(point, true),
      restored: () => this.search(true),
    });
    this.results = new Results(state, map, {
      zone: (cityId) => this.zone(cityId),
      change: (change) => this.change(change),
      href: (sheet) => address(state, sheet, chosenLang),
      open: (sheet) => this.sheets.open(sheet),
    });
  }

  private zone(cityId: number | null): string | null {
    return this.cities.find((city) => city.city_id === cityId)?.time_zone ?? null;
  }

  async start(): Promise<void> {
    const done = busy();
    if (!this.listening) this.listen();
    showFilters(state, this.tree, { changed: (change) => this.change(change) });
    try {
      const [cities, categories] = await (this.asked ?? askCatalogue());
      // The shared datasets belong to a "city" without places; there is nothing to see there.
      this.cities = cities.items.filter((city) => city.place_count > 0);
      this.tree = new CategoryTree(categories.items);
    } catch (error) {
      // With a point in the address the search itself may still work and says more.
      if (state.point === null) {
        this.results.failed(error, () => void this.start());
        return;
      }
    } finally {
      this.asked = null;
      done();
    }
    state.point ??= this.firstCity()?.centre ?? null;
    this.showCities();
    this.refresh(true);
    this.sheets.restore();
  }

  /** The city whose clock the device shares, else the first one. */
  private firstCity(): City | undefined {
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    return this.cities.find((city) => city.time_zone === own) ?? this.cities[0];
  }

  private cityAt(point: LonLat | null): City | undefined {
    if (point === null) return undefined;
    return this.cities.find(({ bbox: [west, south, east, north] }) => {
      const inside = west <= east ? point.lon >= west && point.lon <= east : point.lon >= west || point.lon <= east;
      return inside && point.lat >= south && point.lat <= north;
    });
  }

  private showCities(): void {
    const select = byId<HTMLSelectElement>("city");
    const here = this.cityAt(state.point);
    const options = this.cities.map((city) => el("option", { value: city.city_id, lang: langTag(city.lang) }, city.name));
    if (here === undefined && state.point !== null) options.unshift(el("option", { value: "" }, t("city.elsewhere")));
    select.replaceChildren(...options);
    select.value = here === undefined ? "" : String(here.city_id);
    select.disabled = this.cities.length === 0;
    const credits = new Set(here?.attribution ?? []);
    this.results.credit([...credits]);
  }

  private listen(): void {
    this.listening = true;
    listenToFilters(state, { changed: (change) => this.change(change) });
    byId<HTMLSelectElement>("city").addEventListener("change", (event) => {
      const id = Number((event.target as HTMLSelectElement).value);
      const city = this.cities.find((each) => each.city_id === id);
      if (city !== undefined) this.moveTo(city.centre, true);
    });
    byId("locate").addEventListener("click", () => void this.locate());
    byId("zoom-in").addEventListener("click", () => this.map.zoomBy(1));
    byId("zoom-out").addEventListener("click", () => this.map.zoomBy(-1));
    byId("search-here").addEventListener("click", () => this.moveTo(this.map.centre(), false));
    byId("share-search").addEventListener("click", () => void share(address(state, null, null), t("app.share_point")));
    byId("to-map").addEventListener("click", () => scrollTo({ top: 0 }));
    addEventListener("scroll", () => byId("to-map").classList.toggle("shown", scrollY > 160), { passive: true });
    addEventListener("online", () => this.results.hasFailed && this.search(false));
  }

  opened(kind: "pin" | "place", id: string): void {
    if (kind === "pin") this.results.openPin(id);
    else this.sheets.open({ kind: "place", id });
  }

  moveTo(point: LonLat, fit: boolean): void {
    unsay();
    state.point = point;
    this.refresh(fit);
    this.showCities();
  }

  private change(change: Partial<PageState>): void {
    Object.assign(state, change);
    this.refresh("radius_m" in change);
  }

  private refresh(fit: boolean): void {
    history.replaceState(history.state, "", address(state, this.sheets.fromAddress(), chosenLang));
    this.search(fit);
  }

  private search(fit: boolean): void {
    showFilters(state, this.tree, { changed: (change) => this.change(change) });
    this.showLanguageLink();
    byId("search-here").hidden = true;
    if (state.point !== null) this.map.show(state.point, state.radius_m, fit);
    void this.results.search();
  }

  private showLanguageLink(): void {
    const link = byId<HTMLAnchorElement>("language");
    link.href = address(state, null, link.hreflang);
  }

  private async locate(): Promise<void> {
    const done = busy();
    announce(t("locate.searching"));
    byId("locate").classList.add("waiting");
    try {
      this.moveTo(await devicePosition(), true);
    } catch (error) {
      say(t(error instanceof NoPosition ? error.word : "locate.unavailable"), true);
    } finally {
      byId("locate").classList.remove("waiting");
      done();
    }
  }
}

async function start(): Promise<void> {
  const done = busy();
  // Asked together with the tile limits; a refusal is met where the answer is used.
  const catalogue = askCatalogue();
  catalogue.catch(() => undefined);
  const [basemap, regions, places] = await Promise.all([
    api.tileLimits("basemap"),
    api.tileLimits("regions"),
    api.tileLimits("places"),
  ]);
  let page: Page | null = null;
  const map = createMap(byId("map"), { basemap, regions, places }, {
    picked: (point) => page?.moveTo(point, false),
    pinOpened: (id) => page?.opened("pin", id),
    placeOpened: (id) => page?.opened("place", id),
    moved: (away) => {
      byId("search-here").hidden = !away;
    },
  });
  settleWith((then) => map.drawn(then));
  page = new Page(map, catalogue);
  done();
  await page.start();
}

void start();
