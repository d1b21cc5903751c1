// The form of a coupon's terms: sections, which fields a kind has, what is sent and where faults are shown.
import { el } from "../dom";
import { t, type Word } from "../i18n";
import type { BodyFault } from "../request";
import * as input from "./inputs";
import { Wrong, type Input } from "./inputs";
import type { Business, Terms } from "./shoptypes";
import { instantOf, midnight } from "./zonetime";

export type Body = Record<string, unknown>;

const KINDS = ["amount_off", "percent_off", "voucher", "package", "gift"];
/** Which kinds have a field; those not named have it always. */
const OF_KINDS: Record<string, string[]> = {
  face_value_minor: ["amount_off", "voucher"],
  percent_off_bp: ["percent_off"],
  cap_minor: ["percent_off"],
  price_minor: ["voucher", "package"],
  list_price_minor: ["package", "gift"],
  min_spend_minor: ["amount_off", "percent_off", "voucher"],
};

/** Terms to begin a new coupon with. */
export function freshTerms(shop: Business): Terms {
  const zone = shop.time_zone;
  const at = (days: number): string => instantOf(midnight(days, zone), zone) ?? "";
  return {
    kind: "amount_off", titles: {}, summaries: {}, currency: shop.currency, time_zone: zone,
    price_minor: 0, list_price_minor: null, face_value_minor: null, percent_off_bp: null, cap_minor: null, min_spend_minor: 0,
    claim_from: at(0), claim_until: at(31), use_from: null, use_until: null, valid_days_after_claim: 30,
    blackout_dates: [], use_hours: null, scope_kind: "all_places", scope_ids: [], claim_within_m: null, fulfilment: "in_store",
    party_min: null, party_max: null, quota: 100, per_day: null, per_member: 1, per_member_day: null, per_device: null, units: 1,
    group_price_minor: null, group_target: null, group_seats: null, group_deadline_s: null,
    stacking: "exclusive", stack_group: null, reversal_window_s: 3600, refund_policy: "none",
    budget_minor: null, platform_share_bp: 0, code_source: "generated",
  };
}

export class TermsForm {
  readonly node: HTMLElement;
  private readonly inputs: Input[] = [];
  private readonly kind;
  private readonly scope;
  private readonly stacking;

  /** `published`: what claims rely on can't be changed any more. */
  constructor(
    private readonly terms: Terms,
    private readonly shop: Business,
    published: boolean,
    changed: () => void,
  ) {
    const { currency, time_zone: zone } = terms;
    const options = (keys: string[], words: (key: string) => string): [string, string][] => keys.map((key) => [key, words(key)]);
    this.kind = input.choice("kind", t("merchant.kind"), options(KINDS, (key) => t(`coupon.kind.${key}` as Word)), terms.kind, published ? t("merchant.kind_fixed") : null);
    this.scope = input.choice("scope_kind", t("merchant.scope"), options(this.scopes(), (key) => t(`merchant.scope.${key}` as Word)), terms.scope_kind);
    this.stacking = input.choice("stacking", t("merchant.stacking"), options(["exclusive", "with_others", "within_group"], (key) => t(`merchant.stacking.${key}` as Word)), terms.stacking);
    const source = input.choice("code_source", t("merchant.codes"), options(["generated", "merchant"], (key) => t(`merchant.codes.${key}` as Word)), terms.code_source, published ? t("merchant.kind_fixed") : null);
    if (published) for (const each of [this.kind, source]) each.node.querySelector("select")?.setAttribute("disabled", "");
    const add = <T extends Input>(one: T): T => {
      this.inputs.push(one);
      return one;
    };
    const section = (title: string, ...fields: Input[]): HTMLElement =>
      el("fieldset", { class: "shop-section" }, el("legend", {}, title), el("div", { class: "shop-fields" }, ...fields.map((each) => add(each).node)));
    const places = shop.places.map(({ place_id, name }): [string, string] => [place_id, name]);
    this.node = el(
      "div",
      { class: "shop-form" },
      section(
        t("merchant.section.what"),
        this.kind,
        input.words("titles", "en", t("merchant.title_en"), terms.titles["en"] ?? "", 80),
        input.words("titles", "zh-Hans", t("merchant.title_zh"), terms.titles["zh-Hans"] ?? "", 80),
        input.money("face_value_minor", t("merchant.face_value"), currency, terms.face_value_minor),
        input.percent("percent_off_bp", t("merchant.percent_off"), terms.percent_off_bp),
        input.money("cap_minor", t("merchant.cap"), currency, terms.cap_minor, t("merchant.optional")),
        input.money("price_minor", t("merchant.price"), currency, terms.price_minor, null, 0),
        input.money("list_price_minor", t("merchant.list_price"), currency, terms.list_price_minor),
        input.money("min_spend_minor", t("merchant.min_spend"), currency, terms.min_spend_minor, t("merchant.optional"), 0),
        input.words("summaries", "en", t("merchant.summary_en"), terms.summaries["en"] ?? "", 500),
        input.words("summaries", "zh-Hans", t("merchant.summary_zh"), terms.summaries["zh-Hans"] ?? "", 500),
      ),
      section(
        t("merchant.section.when", { zone }),
        input.moment("claim_from", t("merchant.claim_from"), zone, terms.claim_from),
        input.moment("claim_until", t("merchant.claim_until"), zone, terms.claim_until),
        input.moment("use_from", t("merchant.use_from"), zone, terms.use_from, t("merchant.optional")),
        input.moment("use_until", t("merchant.use_until"), zone, terms.use_until, t("merchant.use_until_hint")),
        input.whole("valid_days_after_claim", t("merchant.valid_days"), terms.valid_days_after_claim),
        input.text("use_hours", t("merchant.use_hours"), terms.use_hours, t("merchant.use_hours_hint")),
      ),
      section(
        t("merchant.section.where"),
        this.scope,
        input.choice("fulfilment", t("coupon.fulfilment"), options(["in_store", "pickup", "delivery", "pre_order"], (key) => t(`coupon.fulfilment.${key}` as Word)), terms.fulfilment),
        input.ticks("scope_ids", t("merchant.some_places"), places, terms.scope_ids, () => this.scope.value() === "places"),
        input.lines("scope_ids", "scope_areas", t("merchant.area_ids"), terms.scope_kind === "places" ? [] : terms.scope_ids, t("merchant.area_ids_hint"), () =>
          ["service_areas", "regions"].includes(this.scope.value()),
        ),
      ),
      section(
        t("merchant.section.many"),
        input.whole("quota", t("merchant.quota"), terms.quota, null, 0),
        input.whole("per_member", t("terms.per_member"), terms.per_member, null, 1),
        input.whole("per_day", t("terms.per_day"), terms.per_day, t("merchant.optional")),
        input.whole("units", t("terms.units"), terms.units, null, 1),
        source,
      ),
      section(
        t("merchant.section.money"),
        input.money("budget_minor", t("merchant.budget"), currency, terms.budget_minor, t("merchant.budget_hint")),
        input.percent("platform_share_bp", t("merchant.share"), terms.platform_share_bp, t("merchant.share_hint"), 0),
        input.choice("refund_policy", t("terms.refund_policy"), options(["none", "unused", "unused_and_expired"], (key) => t(`terms.refund.${key}` as Word)), terms.refund_policy),
        this.stacking,
        input.text("stack_group", t("merchant.stack_group"), terms.stack_group, t("merchant.stack_group_hint"), { maxlength: 60 }),
      ),
    );
    const follow = (): void => {
      this.fit();
      changed();
    };
    this.node.addEventListener("input", follow);
    this.node.addEventListener("change", follow);
    this.fit();
  }

  private scopes(): string[] {
    return this.terms.scope_kind === "regions" ? ["all_places", "places", "service_areas", "regions"] : ["all_places", "places", "service_areas"];
  }

  /** Shows the fields that the chosen kind, scope and stacking have. */
  private fit(): void {
    for (const each of this.inputs) {
      const [name] = each.names;
      const kinds = name === undefined ? undefined : OF_KINDS[name];
      if (kinds !== undefined) each.show(kinds.includes(this.kind.value()));
      if (name === "scope_ids") each.show(this.scope.value() === "places");
      if (name === undefined) each.show(["service_areas", "regions"].includes(this.scope.value()));
      if (name === "stack_group") each.show(this.stacking.value() === "within_group");
    }
  }

  /** What the form says, as a PATCH takes it; null when a field holds what is no value, which it shows. */
  read(quietly = false): Body | null {
    const body: Body = { titles: { ...this.terms.titles }, summaries: { ...this.terms.summaries }, scope_ids: [] };
    let first: Input | null = null;
    for (const each of this.inputs) {
      if (!quietly) each.fault(null);
      try {
        if (!each.node.hidden) each.read(body);
        else this.leaveOut(each, body);
      } catch (error) {
        if (!(error instanceof Wrong)) throw error;
        if (!quietly) each.fault(error.message);
        first ??= each;
      }
    }
    if (first !== null && !quietly) first.focus();
    return first === null ? body : null;
  }

  /** A field that is not shown has its neutral value. */
  private leaveOut(hidden: Input, body: Body): void {
    for (const name of hidden.names) {
      if (name === "price_minor" || name === "min_spend_minor") body[name] = 0;
      else if (name !== "scope_ids") body[name] = null;
    }
  }

  /** Shows faults of the server at their fields; those without one are returned. */
  place(faults: BodyFault[]): BodyFault[] {
    const rest: BodyFault[] = [];
    let first: Input | null = null;
    for (const fault of faults) {
      const where = (fault.pointer ?? "").replace(/^\//, "");
      const own = this.inputs.find((each) => !each.node.hidden && each.names.some((name) => where === name || where.startsWith(`${name}/`) || name.startsWith(`${where}/`)));
      if (own === undefined) {
        rest.push(fault);
        continue;
      }
      own.fault(fault.detail);
      first ??= own;
    }
    first?.focus();
    return rest;
  }

  /** The terms as they would be with what the form says. */
  shown(): Terms {
    return { ...this.terms, ...(this.read(true) ?? {}) } as Terms;
  }

  get business(): Business {
    return this.shop;
  }
}
