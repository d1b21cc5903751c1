// "My coupons": what can be used now first, then what was used, then what is over.
import * as claims from "./claims";
import { act } from "./form";
import { button, el, langTag } from "./dom";
import * as format from "./format";
import { maybe, t } from "./i18n";
import { refusalWords } from "./problems";
import { section } from "./rows";
import type { Listing } from "./types";

interface WalletLinks {
  claimHref(id: string): string;
  signedOut(): void;
  dealsHref: string;
}

const groups = ["usable", "used", "ended"] as const;

function claimCard(claim: claims.Claim, href: string): HTMLElement {
  const usable = claim.state === "active";
  const stub = usable ? (maybe(`coupon.kind.${claim.kind}`) ?? claim.kind) : t(`claim.state.${claim.state}`);
  const facts = [
    usable ? t("claim.use_until", { time: format.deadline(claim.valid_until, claim.time_zone) }) : null,
    claim.state === "pending_payment" && claim.pay_until !== null ? t("pay.until", { time: format.moment(claim.pay_until, format.ownZone) }) : null,
    claim.units > 1 ? t("claim.units_of", { left: claim.units_left, all: claim.units }) : null,
    t("claim.tail", { tail: claim.code_tail }),
  ];
  return el(
    "a",
    { class: `card ticket ticket-brief claim-${claim.state}`, href, "data-claim": claim.claim_id },
    el("div", { class: "ticket-stub" }, el("b", { class: "small" }, stub)),
    el(
      "div",
      { class: "card-text" },
      el("h4", { lang: langTag(claim.lang) }, claim.title),
      claim.merchant && el("p", { class: "merchant" }, claim.merchant.name),
      el("p", { class: "ticket-facts" }, ...facts.map((fact) => fact !== null && el("span", {}, fact))),
    ),
  );
}

function listed(group: claims.ClaimGroup, first: Listing<claims.Claim>, links: WalletLinks, signal: AbortSignal): HTMLElement {
  const cards = el("div", { class: "wallet-cards" });
  const more = el("div", { class: "wallet-more" });
  const add = (page: Listing<claims.Claim>): void => {
    cards.append(...page.items.map((claim) => claimCard(claim, links.claimHref(claim.claim_id))));
    const cursor = page.next_cursor;
    if (cursor === null) more.replaceChildren();
    else more.replaceChildren(act(t("list.more"), () => next(cursor), "act act-second"));
  };
  const next = async (cursor: string): Promise<void> => {
    try {
      add(await claims.claimsOf(group, cursor, signal));
    } catch (error) {
      more.append(el("p", { class: "field-fault", role: "alert" }, refusalWords(error)));
    }
  };
  add(first);
  return section(t(`wallet.group.${group}`), cards, more);
}

function nothing(dealsHref: string): HTMLElement {
  return el(
    "div",
    { class: "message" },
    el("h2", {}, t("wallet.empty")),
    el("p", {}, t("wallet.empty_hint")),
    el("div", { class: "remedies" }, el("a", { class: "remedy", href: dealsHref }, t("wallet.find"))),
  );
}

/** The three lists; the server is asked for all of them at once. */
export async function walletBody(links: WalletLinks, signal: AbortSignal): Promise<Node[]> {
  const pages = await Promise.all(groups.map((group) => claims.claimsOf(group, null, signal)));
  const lists = groups.flatMap((group, at) => {
    const page = pages[at];
    return page === undefined || page.items.length === 0 ? [] : [listed(group, page, links, signal)];
  });
  const out = button({ class: "quiet" }, () => void signOut(links), t("signin.out"));
  return [...(lists.length > 0 ? lists : [nothing(links.dealsHref)]), el("p", { class: "wallet-out" }, out)];
}

async function signOut(links: WalletLinks): Promise<void> {
  claims.begun.endAll();
  await claims.member.signOut();
  links.signedOut();
}
