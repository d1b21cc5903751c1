// The merchant's page of areas put together: sign in, then what the address after # names.
import "./areas.css";
import { HashDesk, missing } from "../desk";
import { el } from "../dom";
import type { Business } from "../merchant/shoptypes";
import { refusalWords } from "../problems";
import { busy } from "../ready";
import type { AreaMap } from "./areamap";
import * as api from "./areasapi";
import { Editor } from "./editor";
import { historyView } from "./historyview";
import { placesView, placeView } from "./listviews";
import type { Desk, PlaceHere } from "./parts";
import { t } from "./words";

class Areas extends HashDesk<AreaMap> implements Desk {
  private business: Business | null = null;

  constructor() {
    const words = {
      page: t("areas.title"),
      signIn: t("merchant.sign_in"),
      signInWhy: t("areas.sign_in_why"),
      signedOut: t("areas.signed_out"),
      looking: t("areas.looking"),
      missing: t("areas.missing"),
      missingHint: t("areas.missing_hint"),
      trouble: t("merchant.trouble"),
      outermost: t("areas.places"),
    };
    super(words, { people: api.people, roles: ["owner", "staff"], wrongRole: t("merchant.wrong_role"), look: "stack shop-narrow" }, 300);
  }

  override async start(): Promise<void> {
    // A map that is drawn before its style sheet is there has no height.
    if (document.readyState !== "complete") await new Promise((done) => addEventListener("load", done, { once: true }));
    await super.start();
  }

  get owner(): boolean {
    return api.people.role === "owner";
  }

  protected forget(): void {
    this.business = null;
  }

  protected refusal(error: unknown): { title: string; lines: string[] } {
    return { title: refusalWords(error), lines: [] };
  }

  protected async view([placeId = "", id = "", what = ""]: string[], signal: AbortSignal): Promise<void> {
    this.business ??= await api.business(signal);
    if (this.business === null) {
      this.show({ title: t("merchant.no_business"), crumbs: [], content: [el("p", {}, t("merchant.no_business_hint"))] });
      return;
    }
    const places = placesOf(this.business);
    const [only] = places;
    const place = places.find((each) => each.place_id === placeId) ?? (placeId === "" && places.length === 1 ? only : undefined);
    if (place === undefined) {
      if (placeId !== "") throw missing();
      placesView(this, places);
    } else if (id === "" && what === "") await placeView(this, place, places.length > 1, signal);
    else if (what === "versions") await historyView(this, place, id, signal);
    else await this.area(place, id, signal);
  }

  private async area(place: PlaceHere, id: string, signal: AbortSignal): Promise<void> {
    const [seen, all] = await Promise.all([id === "" ? null : api.look(place.place_id, id, signal), api.areas(place.place_id, signal)]);
    new Editor(this, place, seen, all.items).show();
  }
}

/** The places whose spot on the map is known. */
function placesOf({ places, currency, time_zone }: Business): PlaceHere[] {
  return places.flatMap(({ place_id, name, location: here }) => (here === undefined ? [] : [{ place_id, name, location: here, currency, time_zone }]));
}

void new Areas().start().finally(busy());
