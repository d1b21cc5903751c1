// Which sheet is open, kept in step with the browser's history: opening pushes, back closes.
import * as api from "./api";
import { ClaimPanel } from "./claimpanel";
import { member, oneClaim } from "./claims";
import { ClaimView } from "./claimsheet";
import { couponBody } from "./couponsheet";
import { byId, langTag } from "./dom";
import { t } from "./i18n";
import { placeBody } from "./placesheet";
import { SignedOut } from "./session";
import { share } from "./share";
import { closeSheet, listenToSheet, openSheet, type SheetContent } from "./sheet";
import { signIn } from "./signin";
import { address, readSheet, readState, type PageState, type Sheet } from "./state";
import type { LonLat } from "./types";
import { walletBody } from "./walletsheet";

/** The one wallet that a reader can open. */
export const MINE = "mine";

type Load = (signal: AbortSignal) => Promise<SheetContent>;

interface SheetHost {
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

  /** True when Back leads to another sheet. */
  private stacked(): boolean {
    return (history.state as { stacked?: unknown } | null)?.stacked === true;
  }

  open(sheet: Sheet): void {
    const entry = { depth: this.depth() + 1, stacked: this.fromAddress() !== null };
    history.pushState(entry, "", address(this.state, sheet, this.host.lang));
    this.show(sheet);
  }

  /** Where the thing of the address is, for a link that names no point; null when it can't be told. */
  async point(): Promise<LonLat | null> {
    const sheet = this.fromAddress();
    if (sheet === null) return null;
    const signal = new AbortController().signal;
    try {
      if (sheet.kind === "place") return (await api.place(sheet.id, signal)).location;
      if (sheet.kind !== "coupon") return null;
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
    if (depth === 0) this.leave();
    else {
      this.closing = true;
      history.go(-depth);
    }
  }

  /** Closes the sheet that the page was opened with: its entry of the history becomes the list. */
  private leave(): void {
    history.replaceState(null, "", address(this.state, null, this.host.lang));
    closeSheet();
  }

  private popped(): void {
    const sheet = this.fromAddress();
    const { closing } = this;
    this.closing = false;
    if (sheet === null) closeSheet();
    else if (closing) this.leave();
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
    const link = (event.target as Element).closest<HTMLElement>("a[data-coupon], a[data-place], a[data-claim], a[data-around]");
    if (link === null) return;
    event.preventDefault();
    const { claim, coupon, place } = link.dataset;
    if (coupon !== undefined) this.open({ kind: "coupon", id: coupon });
    else if (place !== undefined) this.open({ kind: "place", id: place });
    else if (claim !== undefined) this.open({ kind: "claim", id: claim });
    else if (this.shown !== null) this.leaveFor(this.shown);
  }

  private shown: LonLat | null = null;
  /** The reader asked for the list itself, not for the sheet below. */
  private closing = false;
  /** The coupon that its reader signed in for. */
  private wanted: string | null = null;

  private leaveFor(point: LonLat): void {
    const pops = this.depth() > 0;
    if (pops) addEventListener("popstate", () => this.host.around(point), { once: true });
    this.close();
    if (!pops) this.host.around(point);
  }

  private show(sheet: Sheet): void {
    const loads = {
      place: (id: string) => this.loadPlace(id),
      coupon: (id: string) => this.loadCoupon(id),
      claim: (id: string) => this.forMember(sheet, this.loadClaim(id)),
      wallet: () => this.forMember(sheet, this.loadWallet()),
      signin: (id: string) => this.loadSignIn(id),
    };
    void openSheet(loads[sheet.kind](sheet.id), this.stacked());
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
      const zone = this.host.zone(coupon.city_id);
      const panel = new ClaimPanel(coupon, zone, signal, {
        signInNeeded: () => this.open({ kind: "signin", id }),
        claimed: (claim) => this.open({ kind: "claim", id: claim.claim_id }),
        walletAsked: () => this.open({ kind: "wallet", id: MINE }),
      });
      const body = couponBody(coupon, zone, {
        from: this.state.point,
        placeHref: (placeId) => this.href({ kind: "place", id: placeId }),
        claim: panel.node,
      });
      const wanted = this.wanted === id;
      this.wanted = null;
      queueMicrotask(() => panel.resume(wanted));
      const point = coupon.places?.[0]?.location ?? coupon.place?.location ?? null;
      const share = (): void => this.shareLink({ kind: "coupon", id }, point, coupon.title);
      return { title: coupon.title, titleLang: langTag(coupon.lang), body, share };
    };
  }

  /** What only a member can see; everyone else meets the sign-in in its place. */
  private forMember(sheet: Sheet, load: Load): Load {
    const instead = (): SheetContent => ({
      title: t("signin.title"),
      titleLang: null,
      body: [signIn(t("signin.why_wallet"), () => this.show(sheet))],
    });
    return async (signal) => {
      if (!member.signedIn) return instead();
      try {
        return await load(signal);
      } catch (error) {
        if (error instanceof SignedOut) return instead();
        throw error;
      }
    };
  }

  private loadClaim(id: string): Load {
    return async (signal) => {
      const claim = await oneClaim(id, signal);
      const view = new ClaimView(claim, {
        placeHref: (placeId) => this.href({ kind: "place", id: placeId }),
        from: this.state.point,
        signInNeeded: () => this.show({ kind: "claim", id }),
      }, signal);
      return { title: claim.title, titleLang: langTag(claim.lang), body: view.body };
    };
  }

  private loadWallet(): Load {
    return async (signal) => {
      const links = {
        claimHref: (id: string) => this.href({ kind: "claim", id }),
        dealsHref: address({ ...this.state, tab: "deals" }, null, this.host.lang),
        signedOut: () => this.show({ kind: "wallet", id: MINE }),
      };
      return { title: t("wallet.title"), titleLang: null, body: await walletBody(links, signal) };
    };
  }

  /** Signing in on the way to a claim: afterwards the coupon is there again and the claim goes on. */
  private loadSignIn(id: string): Load {
    const done = (): void => {
      this.wanted = id;
      if (this.stacked()) {
        history.back();
        return;
      }
      const coupon: Sheet = { kind: "coupon", id };
      history.replaceState(history.state, "", this.href(coupon));
      this.show(coupon);
    };
    return async () => ({ title: t("signin.title"), titleLang: null, body: [signIn(t("signin.why_claim"), done)] });
  }
}
