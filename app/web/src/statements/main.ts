// The statements of a merchant: the list, one of them, its lines, and the file.
import "./statements.css";
import { byId, el, present } from "../dom";
import { act, note } from "../form";
import * as format from "../format";
import { counted, t } from "../i18n";
import { passwordForm } from "../passwordform";
import { refusalWords } from "../problems";
import { busy } from "../ready";
import { wasAborted } from "../request";
import { SignedOut } from "../session";
import type { Listing } from "../types";
import * as api from "./api";
import { amountsBill, asides, lineNode, outcomeBill, signed } from "./bills";

let left = new AbortController();

/** Replaces what is shown; what the former view was waiting for is given up. */
function show(title: string, content: Node[], inside: boolean, oneOf = false): AbortSignal {
  left.abort();
  left = new AbortController();
  byId("bar").hidden = !inside;
  byId("back").hidden = !oneOf;
  const heading = byId("heading");
  heading.textContent = title;
  byId("view").replaceChildren(...content);
  document.title = `${title} · ${t("statements.title")}`;
  scrollTo({ top: 0 });
  if (byId("view").querySelector("input") === null) heading.focus();
  return left.signal;
}

function signIn(): void {
  const { node } = passwordForm({ people: api.owner, roles: ["owner"], wrongRole: t("statements.wrong_role"), done: list });
  show(t("statements.sign_in"), [el("p", { class: "summary" }, t("statements.sign_in_why")), node], false);
}

function failed(error: unknown, again: () => Promise<void>): void {
  if (wasAborted(error)) return;
  if (error instanceof SignedOut) {
    signIn();
    return;
  }
  const actions = [{ label: t("error.retry"), run: () => void again() }];
  show(t("statements.failed"), [note("bad", t("statements.failed"), [refusalWords(error)], actions)], true, true);
}

/** A list that grows by pages. */
async function paged<T>(target: HTMLElement, first: Listing<T>, node: (item: T) => Node, next: (cursor: string) => Promise<Listing<T>>): Promise<void> {
  target.append(...first.items.map(node));
  const cursor = first.next_cursor;
  if (cursor === null) return;
  const more = act(t("statements.more"), async () => {
    try {
      const page = await next(cursor);
      more.remove();
      await paged(target, page, node, next);
    } catch (error) {
      failed(error, list);
    }
  }, "act act-second");
  target.after(more);
}

const calendar = new Intl.DateTimeFormat("en-CA", { timeZone: format.ownZone, dateStyle: "short" });
const day = (at: string, before = 0): string => format.day(calendar.format(Date.parse(at) - before));

// Periods are half-open: for people the last day is the one that ends there.
const period = (found: api.Statement): string => t("statements.period", { from: day(found.period_from), to: day(found.period_to, 1) });

function entry(found: api.Statement): HTMLElement {
  const sum = found.carried.amount_minor !== 0 ? found.carried : found.payout;
  const node = el(
    "button",
    { type: "button", class: "statement", "data-number": found.number },
    el("b", {}, t("statements.number", { n: found.number })),
    el("span", {}, period(found)),
    el("span", {}, t(`statements.state.${found.state}`)),
    el("span", { class: "sum" }, signed(sum)),
  );
  node.addEventListener("click", () => void one(found));
  return el("li", {}, node);
}

async function list(): Promise<void> {
  const signal = show(t("statements.opening_page"), [], true);
  const done = busy();
  try {
    const first = await api.statements(null, signal);
    if (first.items.length === 0) {
      show(t("statements.none"), [el("p", {}, t("statements.none_hint"))], true);
      return;
    }
    const items = el("ul", { class: "statements" });
    const shown = show(t("statements.list"), [items], true);
    await paged(items, first, entry, (cursor) => api.statements(cursor, shown));
  } catch (error) {
    failed(error, list);
  } finally {
    done();
  }
}

const section = (title: string, ...content: Node[]): HTMLElement => el("section", { class: "section" }, el("h3", {}, title), ...content);

async function one(found: api.Statement): Promise<void> {
  const items = el("ul", { class: "lines" });
  const paid = found.paid_at !== null && found.payout_ref !== null;
  const words = paid ? t("statements.paid_as", { day: day(found.paid_at ?? ""), ref: found.payout_ref ?? "" }) : t(`statements.state.${found.state}`);
  const file = found.file;
  const rows = counted("statements.count", found.line_count, format.count(found.line_count));
  const signal = show(
    t("statements.number", { n: found.number }),
    present(
      el("p", { class: "summary" }, period(found)),
      el("p", { class: "summary" }, words),
      section(t("statements.what_comes"), outcomeBill(found)),
      section(t("statements.who"), amountsBill(found.amounts), asides(found.amounts)),
      section(
        t("statements.all_lines"),
        act(t("statements.download"), () => download(found), "act act-second"),
        ...present(file !== null && el("p", { class: "aside" }, `${t("statements.file", { lines: rows })} `, el("code", { class: "hash" }, file.sha256))),
        items,
      ),
    ),
    true,
    true,
  );
  const done = busy();
  try {
    const next = (cursor: string | null): Promise<Listing<api.Line>> => api.lines(found.settlement_id, cursor, signal);
    await paged(items, await next(null), lineNode, next);
  } catch (error) {
    failed(error, () => one(found));
  } finally {
    done();
  }
}

/** The file goes through the page, since the API wants a token; its bytes are those whose hash is shown. */
async function download(found: api.Statement): Promise<void> {
  try {
    const content = await api.file(found.settlement_id);
    const address = URL.createObjectURL(new Blob([content], { type: "text/csv;charset=utf-8" }));
    const link = el("a", { href: address, download: `settlement-${found.period_to.slice(0, 10)}-${found.number}.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  } catch (error) {
    failed(error, () => one(found));
  }
}

byId("back").addEventListener("click", () => void list());
byId("out").addEventListener("click", () => void api.owner.signOut().then(signIn));
const begun = busy();
if (api.owner.role === "owner") void list();
else signIn();
begun();
