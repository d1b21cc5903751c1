// The till put together: sign in, stand somewhere, take a code, redeem it, know what came of it.
import "./till.css";
import { cities, providers, type Provider } from "../api";
import { button, byId, el } from "../dom";
import { act, note } from "../form";
import * as format from "../format";
import { t } from "../i18n";
import { isUndecided, type Trouble } from "../intents";
import { announce } from "../notice";
import { refusalWords, troubleNote, troubleWords } from "../problems";
import { busy } from "../ready";
import { ApiProblem, Unreadable, wasAborted } from "../request";
import { SignedOut } from "../session";
import { local } from "../storage";
import type { City } from "../types";
import { codeForm, scanView } from "./entryview";
import { historyList } from "./historylist";
import * as journal from "./journal";
import { lookupView, reasonWords, usedBefore } from "./lookupview";
import { presenceView } from "./presenceview";
import { RedemptionView } from "./redemptionview";
import { placeChoice, staffSignIn } from "./staffsignin";
import * as api from "./tillapi";
import type { Lookup, Order, Presented, Redemption, TillPlace } from "./tilltypes";

const PLACE = "fujin.till.place";

class Till {
  private places: TillPlace[] = [];
  private place: TillPlace | null = null;
  private currency = "";
  private cities: City[] = [];
  private ways: Provider[] = [];
  private left = new AbortController();

  /** The clock of the place; null without one. */
  get zone(): string | null {
    return this.place?.time_zone ?? null;
  }

  readonly placeName = (id: string): string | null => this.places.find((place) => place.place_id === id)?.name ?? null;

  /** Replaces what is shown; what the former view was waiting for is given up. */
  private show(title: string, content: (signal: AbortSignal) => Node[]): AbortSignal {
    this.left.abort();
    this.left = new AbortController();
    const { signal } = this.left;
    const heading = byId("till-heading");
    heading.textContent = title;
    byId("till-view").replaceChildren(...content(signal));
    document.title = `${title} · ${t("till.title")}`;
    scrollTo({ top: 0 });
    // A view that has a field takes the keyboard there; all others begin at their heading.
    if (byId("till-view").querySelector("input") === null) heading.focus();
    return signal;
  }

  async start(): Promise<void> {
    byId("till-out").addEventListener("click", () => void this.signOut());
    byId("till-place").addEventListener("click", () => this.choosePlace());
    if (api.staff.signedIn) await this.signedIn();
    else this.signIn();
  }

  private signIn(): void {
    this.place = null;
    byId("till-bar").hidden = true;
    this.show(t("till.sign_in"), () => staffSignIn(() => this.signedIn()));
  }

  private async signOut(): Promise<void> {
    await api.staff.signOut();
    this.signIn();
  }

  private async signedIn(): Promise<void> {
    const signal = this.show(t("till.opening"), () => []);
    const done = busy();
    try {
      const who = await api.me();
      const [places, found, ways] = await Promise.all([api.places(who, signal), cities(), providers(signal)]);
      this.places = places;
      this.cities = found.items;
      this.ways = ways;
    } catch (error) {
      this.failed(error, () => void this.signedIn());
      return;
    } finally {
      done();
    }
    byId("till-bar").hidden = false;
    const kept = local.read<string>(PLACE);
    const place = this.places.length === 1 ? this.places[0] : this.places.find((each) => each.place_id === kept);
    if (place === undefined) this.choosePlace();
    else await this.standAt(place);
  }

  private choosePlace(): void {
    if (this.places.length === 0) {
      this.show(t("till.no_place"), () => [el("p", {}, t("till.no_place_hint"))]);
      return;
    }
    this.show(t("till.which_place"), () => placeChoice(this.places, (place) => void this.standAt(place)));
  }

  private async standAt(place: TillPlace): Promise<void> {
    const city = this.cities.find((each) => each.city_id === place.city_id);
    if (city === undefined) {
      // Without its city nobody knows the currency that orders have here.
      this.failed(new Unreadable(), () => void this.signedIn());
      return;
    }
    this.place = place;
    this.currency = city.currency;
    local.write(PLACE, place.place_id);
    const name = byId<HTMLButtonElement>("till-place");
    name.textContent = place.name;
    name.disabled = this.places.length < 2;
    const open = journal.openRequest();
    if (open === null) this.next();
    else await this.settle(open, t("till.found_open"));
  }

  private next(): void {
    this.show(t("till.ready"), (signal) => {
      const past = historyList(this.zone, (redemption) => this.showRedemption(redemption), signal);
      return [
        codeForm((code) => this.look(code, null)),
        act(t("till.scan"), () => this.scan(), "act act-second"),
        el("p", {}, button({ class: "quiet", id: "presence" }, () => this.presence(), t("till.presence"))),
        ...(past === null ? [] : [past]),
      ];
    });
  }

  private presence(): void {
    const { place } = this;
    if (place !== null) this.show(t("till.presence"), (signal) => presenceView(place.place_id, () => this.next(), signal));
  }

  private scan(): void {
    this.show(t("till.scan"), (signal) => scanView((code) => void this.look(code, null), () => this.next(), signal));
  }

  private async look(code: Presented, order: Order | null): Promise<void> {
    if (this.place === null) return;
    const { signal } = this.left;
    try {
      this.showLookup(code, await api.lookup(code, this.place.place_id, order, signal), order);
    } catch (error) {
      this.failed(error, () => void this.look(code, order));
    }
  }

  private showLookup(code: Presented, found: Lookup, order: Order | null): void {
    const { currency, zone, placeName } = this;
    announce(found.usable ? t("till.good") : reasonWords(found.reason ?? "", found.detail));
    this.show(t("till.looked_up"), () =>
      lookupView(
        { found, order, currency, zone, placeName },
        {
          ordered: (given) => this.look(code, given),
          redeem: (mode, units) => this.redeem(code, found, order, mode, units),
          next: () => this.next(),
        },
      ),
    );
  }

  private async redeem(code: Presented, found: Lookup, order: Order | null, mode: "hold" | "redeem", units: number): Promise<void> {
    if (this.place === null) return;
    const request = journal.begin(
      { codes: [{ ...code, units }], place_id: this.place.place_id, mode, ...(order === null ? {} : { order }) },
      found.title,
    );
    await this.send(request);
  }

  /** Sends a request that is written down. Without an answer, the server is asked by its number what became of it. */
  private async send(request: journal.OpenRequest): Promise<void> {
    const { signal } = this.left;
    const done = busy();
    try {
      const answer = await api.redeem(request.body, request.key);
      journal.close(request, true);
      if (!signal.aborted) this.showRedemption(answer);
    } catch (error) {
      if (isUndecided(error)) await this.settle(request, troubleWords(error));
      else this.refused(request, error);
    } finally {
      done();
    }
  }

  private async settle(request: journal.OpenRequest, why: string): Promise<void> {
    const said = el("div", {}, note("wait", t("till.no_answer"), [why, t("till.no_answer_more")]));
    const signal = this.show(request.title, () => [said]);
    const troubled = (trouble: Trouble): void => said.replaceChildren(troubleNote(trouble, "till.no_answer", "till.no_answer_more"));
    try {
      const found = await journal.settled(request, troubled, signal);
      if (found === null) {
        this.neverArrived(request);
        return;
      }
      journal.close(request, true);
      this.showRedemption(found);
    } catch (error) {
      // A refusal to tell what became of it is no news of the request itself, which stays open.
      this.failed(error, null);
    }
  }

  /** The server knows nothing of it: the customer keeps the code, or it is sent again under the same number. */
  private neverArrived(request: journal.OpenRequest): void {
    this.show(request.title, () => [
      note("bad", t("till.never_arrived"), [t("till.never_arrived_more")]),
      act(t("till.send_again"), () => this.send(request)),
      act(t("till.drop"), () => {
        journal.close(request, false);
        this.next();
      }, "act act-second"),
    ]);
  }

  private refused(request: journal.OpenRequest, error: unknown): void {
    if (wasAborted(error)) return;
    if (!(error instanceof SignedOut)) journal.close(request, false);
    this.failed(error, null);
  }

  private showRedemption(redemption: Redemption): void {
    const place = this.places.find((each) => each.place_id === redemption.place_id) ?? this.place;
    if (place === null) return;
    this.show(t("till.redemption"), (signal) => {
      const events = { next: () => this.next(), signInNeeded: () => this.signIn() };
      return [new RedemptionView(redemption, { place, ways: this.ways }, signal, events).node];
    });
  }

  /** Until when, or since when, something is refused. */
  private more({ code, conflict, retryAfterS }: ApiProblem): string[] {
    if (code === "already-redeemed" && conflict !== null) return [usedBefore(conflict, this)];
    if (code !== "staff-locked" || retryAfterS === null) return [];
    const at = new Date(Date.now() + retryAfterS * 1000).toISOString();
    return [t("till.locked_until", { time: format.moment(at, this.zone) })];
  }

  /** A refusal in words, with a way on; `again` repeats what was tried when that may help. */
  private failed(error: unknown, again: (() => void) | null): void {
    if (wasAborted(error)) return;
    if (error instanceof SignedOut) {
      this.signIn();
      return;
    }
    const lines = error instanceof ApiProblem ? this.more(error) : [];
    const retry = again !== null && isUndecided(error) ? [{ label: t("error.retry"), run: again }] : [];
    this.show(t("till.refused"), () => [
      note("bad", refusalWords(error, ["till.reason", "problem"]), lines, retry),
      this.place === null ? act(t("signin.out"), () => this.signOut()) : act(t("till.next"), () => this.next()),
    ]);
  }
}

void new Till().start().finally(busy());
