// The page put together: state in the address bar, one search at a time, sheets over it.
import "./page.css";
import * as api from "./api";
import { byId, el, langTag } from "./dom";
import { CategoryTree, listenToFilters, showFilters } from "./filters";
import { ownZone } from "./format";
import { nearestCity } from "./geo";
import { devicePosition, NoPosition } from "./geolocate";
import { t } from "./i18n";
import { createMap, type SearchMap } from "./map";
import { announce, say, unsay } from "./notice";
import { busy, settleWith } from "./ready";
import { Results } from "./results";
import { MINE, Sheets } from "./sheets";
import { share } from "./share";
import { address, readSheet, readState, type PageState } from "./state";
import { local } from "./storage";
import type { Category, City, Listing, LonLat } from "./types";

const chosenLang = new URLSearchParams(location.search).get("lang");
const LANGUAGE = "fujin.lang";
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
    tileCredits: string[],
  ) {
    this.sheets = new Sheets(state, {
      lang: chosenLang,
      zone: (cityId) => this.zone(cityId),
      credits: (cityId) => this.cities.find((city) => city.city_id === cityId)?.attribution ?? [],
      around: (point) => this.moveTo(point, true),
      restored: () => this.search(true),
    });
    this.results = new Results(state, map, {
      zone: (cityId) => this.zone(cityId),
      change: (change) => this.change(change),
      href: (sheet) => address(state, sheet, chosenLang),
      open: (sheet) => this.sheets.open(sheet),
      cityFarAway: () => this.nearest(true),
      goTo: (city) => this.moveTo(city.centre, true),
    });
    this.results.credit("tiles", tileCredits);
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
    const settled = busy();
    state.point ??= (await this.sheets.point()) ?? this.firstCity()?.centre ?? null;
    settled();
    history.replaceState(history.state, "", address(state, this.sheets.fromAddress(), chosenLang));
    this.search(true);
    this.sheets.restore();
  }

  /** The city whose clock the device shares, else the first one. */
  private firstCity(): City | undefined {
    return this.cities.find((city) => city.time_zone === ownZone) ?? this.cities[0];
  }

  /** The nearest city within the search's reach, or (`beyond`) the nearest one when none is. */
  private nearest(beyond: boolean): City | null {
    const found = state.point === null ? undefined : nearestCity(state.point, this.cities);
    return found !== undefined && found.distance_m > state.radius_m === beyond ? found.city : null;
  }

  private showCities(): void {
    const select = byId<HTMLSelectElement>("city");
    const here = this.nearest(false);
    const options = this.cities.map((city) => el("option", { value: city.city_id, lang: langTag(city.lang) }, city.name));
    if (here === null && state.point !== null) options.unshift(el("option", { value: "" }, t("city.elsewhere")));
    select.replaceChildren(...options);
    select.value = here === null ? "" : String(here.city_id);
    select.disabled = this.cities.length === 0;
    this.results.credit("city", here?.attribution ?? []);
  }

  private listen(): void {
    this.listening = true;
    listenToFilters(state, { changed: (change) => this.change(change) });
    byId<HTMLSelectElement>("city").addEventListener("change", (event) => {
      const id = Number((event.target as HTMLSelectElement).value);
      const city = this.cities.find((each) => each.city_id === id);
      if (city !== undefined) this.moveTo(city.centre, true);
    });
    byId<HTMLAnchorElement>("language").addEventListener("click", (event) => {
      local.write(LANGUAGE, (event.currentTarget as HTMLAnchorElement).hreflang);
    });
    byId("wallet").addEventListener("click", () => this.sheets.open({ kind: "wallet", id: MINE }));
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
  }

  private change(change: Partial<PageState>): void {
    Object.assign(state, change);
    this.refresh("radius_m" in change);
  }

  /** A search that the reader asked for is an entry of the history: Back returns to the one before. */
  private refresh(fit: boolean): void {
    const next = address(state, null, chosenLang);
    if (next !== location.pathname + location.search) history.pushState(null, "", next);
    this.search(fit);
  }

  private search(fit: boolean): void {
    showFilters(state, this.tree, { changed: (change) => this.change(change) });
    this.showLanguageLink();
    this.showCities();
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
      say(t(`locate.${error instanceof NoPosition ? error.why : "unavailable"}`), true);
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
  const credits = [basemap, regions, places].flatMap((layer) => layer.attribution);
  page = new Page(map, catalogue, [...new Set(credits)]);
  done();
  await page.start();
}

/** The language chosen earlier, when the address names none and the page came in another. */
function otherLanguage(): string | null {
  if (chosenLang !== null) return null;
  const kept = local.read<string>(LANGUAGE);
  return kept === byId<HTMLAnchorElement>("language").hreflang ? kept : null;
}

const kept = otherLanguage();
if (kept === null) void start();
else location.replace(address(state, readSheet(location.search), kept));
