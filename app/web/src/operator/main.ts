// The operator's page put together: sign in, then what the address after # names.
import "./operator.css";
import { HashDesk, missing } from "../desk";
import { busy } from "../ready";
import { changesView } from "./changesview";
import { correctionsView } from "./correctionsview";
import type { Desk } from "./desk";
import type { FactMap } from "./factmap";
import { kindView, territoriesView, territoryView } from "./listviews";
import * as api from "./operatorapi";
import type { Territory } from "./regionaltypes";
import { reportView } from "./reportview";
import { reviewsView } from "./reviewsview";
import { versionView } from "./versionview";
import { faultLines, refused, t } from "./words";

class OperatorDesk extends HashDesk<FactMap> implements Desk {
  private known: Territory[] | null = null;

  constructor() {
    const words = {
      page: t("operator.title"),
      signIn: t("operator.sign_in"),
      signInWhy: t("operator.sign_in_why"),
      signedOut: t("operator.signed_out"),
      looking: t("operator.looking"),
      missing: t("operator.missing"),
      missingHint: t("operator.missing_hint"),
      trouble: t("operator.trouble"),
      outermost: t("operator.territories"),
    };
    super(words, { people: api.people, roles: api.ROLES, wrongRole: t("operator.wrong_role"), demo: t("operator.demo_login"), look: "stack narrow" }, 600);
  }

  override start(): Promise<void> {
    addEventListener("beforeprint", () => {
      for (const each of document.querySelectorAll("details")) each.open = true;
      this.map?.paper(true);
    });
    addEventListener("afterprint", () => this.map?.paper(false));
    return super.start();
  }

  protected forget(): void {
    this.known = null;
  }

  protected refusal(error: unknown): { title: string; lines: string[] } {
    return { title: refused(error), lines: faultLines(error) };
  }

  private async territory(city: string, signal: AbortSignal): Promise<Territory> {
    const found = (await this.territories(signal)).find((each) => each.city === city);
    if (found === undefined) throw missing();
    return found;
  }

  /** Whose territories these are is asked anew whenever the list is looked at. */
  private async territories(signal: AbortSignal, anew = false): Promise<Territory[]> {
    if (this.known === null || anew) this.known = await api.territories(signal);
    return this.known;
  }

  protected async view(parts: string[], signal: AbortSignal): Promise<void> {
    const [city, kind, version, what] = parts.filter((each) => each !== "");
    if (city === undefined) {
      territoriesView(this, await this.territories(signal, true));
      return;
    }
    // What readers see changes with each activation: a territory's own page asks again.
    if (kind === undefined) await this.territories(signal, true);
    const territory = await this.territory(city, signal);
    if (kind === undefined) territoryView(this, territory);
    else if (kind === "reviews") await reviewsView(this, territory);
    else if (kind === "corrections") await correctionsView(this, territory);
    else if (version === undefined) await kindView(this, territory, kind, signal);
    else await this.versionPage(territory, { city, kind }, Number(version), what, signal);
  }

  private async versionPage(territory: Territory, where: api.Where, version: number, what: string | undefined, signal: AbortSignal): Promise<void> {
    if (!Number.isSafeInteger(version) || version < 1) throw missing();
    if (what === "report") await reportView(this, territory, where, version, signal);
    else if (what === "changes") await changesView(this, territory, where, version, signal);
    else await versionView(this, territory, where, version, signal);
  }
}

void new OperatorDesk().start().finally(busy());
