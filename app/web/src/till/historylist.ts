// The last redemptions of this till: what was asked is remembered here, what became of it is read from the server.
import { button, el } from "../dom";
import * as format from "../format";
import { t } from "../i18n";
import { wasAborted } from "../request";
import { section } from "../rows";
import { forgetHistory, history, type HistoryLine } from "./journal";
import * as api from "./tillapi";
import type { Redemption } from "./tilltypes";

const AT_ONCE = 4;

export function historyList(zone: string | null, open: (redemption: Redemption) => void, signal: AbortSignal): HTMLElement | null {
  const lines = history();
  if (lines.length === 0) return null;
  const rows = lines.map((line) => ({ line, node: row(line, zone) }));
  void readAll(rows, open, signal);
  const clear = button({ class: "quiet" }, () => {
    forgetHistory();
    node.remove();
  }, t("till.history_clear"));
  const node = section(t("till.history"), el("ul", { class: "till-history" }, ...rows.map(({ node: each }) => each)), clear);
  return node;
}

function row(line: HistoryLine, zone: string | null): HTMLLIElement {
  return el("li", {}, el("button", { type: "button", disabled: true }, el("b", {}, line.title), el("span", {}, format.moment(line.at, zone))));
}

async function readAll(rows: { line: HistoryLine; node: HTMLLIElement }[], open: (redemption: Redemption) => void, signal: AbortSignal): Promise<void> {
  for (let at = 0; at < rows.length && !signal.aborted; at += AT_ONCE) {
    await Promise.all(rows.slice(at, at + AT_ONCE).map(({ line, node }) => readOne(line, node, open, signal)));
  }
}

async function readOne(line: HistoryLine, node: HTMLLIElement, open: (redemption: Redemption) => void, signal: AbortSignal): Promise<void> {
  const control = node.querySelector("button");
  const facts = node.querySelector("span");
  if (control === null || facts === null) return;
  try {
    const found = await api.byRequest(line.request_no, line.place_id, signal);
    facts.append(" · ", t(`till.state.${found.state}`));
    control.disabled = false;
    control.addEventListener("click", () => open(found));
  } catch (error) {
    if (!wasAborted(error)) facts.append(" · ", t("till.history_unknown"));
  }
}
