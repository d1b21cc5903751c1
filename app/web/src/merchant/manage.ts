// One coupon as its merchant runs it: its state, what can be done with it, its stock, its own codes.
import { el } from "../dom";
import { act, field, form, note } from "../form";
import * as format from "../format";
import { maybe, t } from "../i18n";
import { terms as termList, type Facts } from "../rows";
import * as api from "./shopapi";
import type { OwnCoupon, Seen, Uploaded } from "./shoptypes";

export interface Doing {
  /** Shows the coupon as it is after `run`; a refusal is told in place. */
  change(run: () => Promise<Seen>): Promise<void>;
  edit(): void;
  back(): void;
  gone(): void;
}

export const stateMark = (state: string): HTMLElement => el("span", { class: `state state-${state}` }, maybe(`merchant.state.${state}`) ?? state);

function facts(coupon: OwnCoupon): Facts {
  const { stock, budget, codes } = coupon;
  const terms = coupon.terms ?? coupon.draft;
  const currency = terms?.currency ?? "";
  const money = (minor: number): string => format.money({ amount_minor: minor, currency });
  return [
    [t("merchant.version"), coupon.version === null ? null : format.count(coupon.version)],
    [t("merchant.taken"), stock && t("merchant.taken_of", { taken: format.count(stock.taken), quota: format.count(stock.quota) })],
    [t("merchant.left"), stock && format.count(stock.left)],
    [t("merchant.bounded"), stock && stock.bounded_by !== "quota" ? (maybe(`merchant.bounded.${stock.bounded_by}`) ?? null) : null],
    [t("merchant.budget"), budget && t("merchant.reserved_of", { reserved: money(budget.reserved_minor), budget: money(budget.budget_minor) })],
    [t("merchant.codes.merchant"), codes && t("merchant.codes_left", { left: format.count(codes.left), uploaded: format.count(codes.uploaded) })],
  ];
}

/** What the platform has still to agree to; null when nothing. */
function consent(coupon: OwnCoupon): HTMLElement | null {
  const { draft } = coupon;
  if (draft === null || draft.platform_share_bp === 0) return null;
  const share = format.percent(draft.platform_share_bp);
  return draft.agreed === null
    ? note("wait", t("merchant.not_agreed", { share }), [t("merchant.not_agreed_more")])
    : note("good", t("merchant.agreed", { share }));
}

export function manageView(seen: Seen, doing: Doing): Node[] {
  const { coupon } = seen;
  const can = (what: string): boolean => coupon.next_actions.includes(what) && api.people.role === "owner";
  const step = (what: "publish" | "pause" | "resume" | "end", second = true): HTMLElement | false =>
    can(what) && act(t(`merchant.do.${what}`), () => doing.change(() => api.act(seen, what)), second ? "act act-second" : "act");
  const discard = (): HTMLElement =>
    act(t("merchant.do.discard"), async () => {
      if (!confirm(t("merchant.discard_sure"))) return;
      await api.discard(seen);
      doing.gone();
    }, "act act-second");
  const ending = (): HTMLElement =>
    act(t("merchant.do.end"), async () => {
      if (confirm(t("merchant.end_sure"))) await doing.change(() => api.act(seen, "end"));
    }, "act act-second");
  return [
    el("p", { class: "shop-state" }, stateMark(coupon.state), coupon.draft !== null && coupon.state !== "draft" && el("span", { class: "state state-draft" }, t("merchant.has_draft"))),
    ...(coupon.stock === null && coupon.codes === null ? [] : [termList(facts(coupon))]),
    ...[consent(coupon)].filter((each) => each !== null),
    el(
      "div",
      { class: "shop-actions" },
      step("publish", false),
      step("resume", false),
      can("edit") && act(t("merchant.do.edit"), () => doing.edit(), "act act-second"),
      step("pause"),
      can("discard") && discard(),
      can("end") && ending(),
    ),
    ...(can("stock") ? [stockForm(seen, doing)] : []),
    ...(coupon.codes !== null && coupon.state !== "ended" && api.people.role === "owner" ? [codesForm(coupon, doing)] : []),
    el("p", {}, act(t("merchant.back"), () => doing.back(), "act act-second")),
  ];
}

function stockForm(seen: Seen, doing: Doing): HTMLElement {
  const quota = field("stock", t("merchant.quota_now"), { type: "text", inputmode: "numeric", maxlength: 8, autocomplete: "off", value: String(seen.coupon.stock?.quota ?? 0) }, t("merchant.quota_hint"));
  const submit = async (): Promise<void> => {
    if (!/^\d{1,8}$/.test(quota.input.value.trim())) {
      quota.fault(t("merchant.whole"));
      return;
    }
    quota.fault(null);
    await doing.change(() => api.give(seen, Number(quota.input.value.trim())));
  };
  return el("section", { class: "shop-part" }, el("h3", {}, t("merchant.stock")), form({ class: "stack", id: "stock-form" }, t("merchant.do.stock"), submit, quota.node));
}

function report({ accepted, refused_count, refused }: Uploaded): HTMLElement {
  const lines = refused.slice(0, 20).map(({ line, reason }) => t("merchant.row", { line, reason }));
  if (refused_count > lines.length) lines.push(t("merchant.more_rows", { n: format.count(refused_count - lines.length) }));
  return note(refused_count === 0 ? "good" : "bad", t("merchant.uploaded", { accepted: format.count(accepted), refused: format.count(refused_count) }), lines);
}

function codesForm(coupon: OwnCoupon, doing: Doing): HTMLElement {
  const said = el("div", {});
  const file = field("codes", t("merchant.codes_file"), { type: "file", accept: ".csv,.txt,text/csv,text/plain" }, t("merchant.codes_hint"));
  const submit = async (): Promise<void> => {
    const chosen = file.input.files?.[0];
    if (chosen === undefined) {
      file.fault(t("merchant.choose_file"));
      return;
    }
    file.fault(null);
    let found: Uploaded | null = null;
    await doing.change(async () => {
      found = await api.upload(coupon.coupon_id, chosen);
      return api.look(coupon.coupon_id);
    });
    if (found !== null) document.getElementById("codes-said")?.replaceChildren(report(found));
  };
  said.id = "codes-said";
  return el("section", { class: "shop-part" }, el("h3", {}, t("merchant.codes.merchant")), said, form({ class: "stack", id: "codes-form" }, t("merchant.do.upload"), submit, file.node));
}
