// Which sheet is open, kept in step with the browser's history: opening pushes, back closes.
import * as api from "./api";
import { byId, langTag } from "./dom";
import { couponBody } from "./couponsheet";
import { placeBody } from "./placesheet";
import { share } from "./share";
import { closeSheet, listenToSheet, openSheet, type SheetContent } from "./sheet";
import { address, readSheet, readState, type PageState, type Sheet } from "./state";
import type { LonLat } from "./types";

export interface SheetHost {
  lang: string | null;
  zone(cityId: number | null): string | null;
  credits(cityId: number): string[];
  around(point: LonLat): void;
  /** The address of an earlier search came back. */
  restored(): void;
}

export class Sheets {
  constructor(
    private readonly state: PageState,
    private readonly host: SheetHost,
  ) {
    listenToSheet({ closeAsked: () => this.close(), backAsked: () => history.back() });
    addEventListener("popstate", () => this.popped());
    byId("sheet-body").addEventListener("click", (event) => this.followed(event));
  }

  fromAddress(): Sheet | null {
    return readSheet(location.search);
  }

  /** How many sheets were pushed on top of the list in this entry of the history. */
  private depth(): number {
    const value: unknown = (history.state as { depth?: unknown } | null)?.depth;
    return typeof value === "number" ? value : 0;
  }

  open(sheet: Sheet): void {
    history.pushState({ depth: this.depth() + 1 }, "", address(this.state, sheet, this.host.lang));
    this.show(sheet);
  }

  /** Where the thing of the address is, for a link that names no point; null when it can't be told. */
  async point(): Promise<LonLat | null> {
    const sheet = this.fromAddress();
    if (sheet === null) return null;
    const signal = new AbortController().signal;
    try {
      if (sheet.kind === "place") return (await api.place(sheet.id, signal)).location;
      const coupon = await api.coupon(sheet.id, signal);
      return coupon.place?.location ?? coupon.places?.[0]?.location ?? null;
    } catch {
      // The sheet itself says what is wrong.
      return null;
    }
  }

  /** Shows the sheet that the address names, as after following a shared link. */
  restore(): void {
    const sheet = this.fromAddress();
    if (sheet !== null) this.show(sheet);
  }

  close(): void {
    const depth = this.depth();
    if (depth > 0) history.go(-depth);
    else {
      history.replaceState(null, "", address(this.state, null, this.host.lang));
      closeSheet();
    }
  }

  private popped(): void {
    const sheet = this.fromAddress();
    if (sheet === null) closeSheet();
    else this.show(sheet);
    const before = readState(location.search);
    if (address(before, null, null) !== address(this.state, null, null)) {
      Object.assign(this.state, before);
      this.host.restored();
    }
  }

  /** Links inside a sheet open the next sheet instead of another page. */
  private followed(event: MouseEvent): void {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    const link = (event.target as Element).closest<HTMLElement>("a[data-coupon], a[data-place], a[data-around]");
    if (link === null) return;
    event.preventDefault();
    const { coupon, place } = link.dataset;
    if (coupon !== undefined) this.open({ kind: "coupon", id: coupon });
    else if (place !== undefined) this.open({ kind: "place", id: place });
    else if (this.shown !== null) this.leaveFor(this.shown);
  }

  private shown: LonLat | null = null;

  private leaveFor(point: LonLat): void {
    const depth = this.depth();
    if (depth === 0) {
      this.close();
      this.host.around(point);
      return;
    }
    addEventListener("popstate", () => this.host.around(point), { once: true });
    history.go(-depth);
  }

  private show(sheet: Sheet): void {
    const load = sheet.kind === "place" ? this.loadPlace(sheet.id) : this.loadCoupon(sheet.id);
    void openSheet(load, this.depth() > 1);
  }

  private href(sheet: Sheet): string {
    return address(this.state, sheet, this.host.lang);
  }

  /** A shared link carries the thing's own position, never the reader's. */
  private shareLink(sheet: Sheet, point: LonLat | null, title: string): void {
    const neutral: PageState = { ...readState(""), tab: sheet.kind === "coupon" ? "deals" : "places", point };
    void share(address(neutral, sheet, null), title);
  }

  private loadPlace(id: string) {
    return async (signal: AbortSignal): Promise<SheetContent> => {
      const place = await api.place(id, signal);
      this.shown = place.location;
      const body = placeBody(place, {
        couponHref: (couponId) => this.href({ kind: "coupon", id: couponId }),
        from: this.state.point,
        credits: this.host.credits(place.city_id),
        aroundHref: address({ ...this.state, point: place.location }, null, this.host.lang),
      });
      const share = (): void => this.shareLink({ kind: "place", id: place.place_id }, place.location, place.name);
      return { title: place.name, titleLang: langTag(place.lang), body, share };
    };
  }

  private loadCoupon(id: string) {
    return async (signal: AbortSignal): Promise<SheetContent> => {
      const coupon = await api.coupon(id, signal);
      const body = couponBody(coupon, this.host.zone(coupon.city_id), {
        from: this.state.point,
        placeHref: (placeId) => this.href({ kind: "place", id: placeId }),
      });
      const point = coupon.places?.[0]?.location ?? coupon.place?.location ?? null;
      const share = (): void => this.shareLink({ kind: "coupon", id }, point, coupon.title);
      return { title: coupon.title, titleLang: langTag(coupon.lang), body, share };
    };
  }
}
