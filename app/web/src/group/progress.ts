// How far a group is: a bar, its seats as dots, and the time that is left.
import { el } from "../dom";
import * as format from "../format";
import { counted, t } from "../i18n";
import type { Group } from "./groupapi";

/** "2 days 3 h", "3 h 12 min", "4 min 9 s". */
function leftWords(seconds: number): string {
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600), Math.floor(seconds / 60)];
  if (days > 0) return counted("group.days", days, format.count(days)).replace("{h}", String(hours % 24));
  if (hours > 0) return t("group.hours", { h: hours, m: minutes % 60 });
  return t("group.minutes", { m: minutes, s: seconds % 60 });
}

/** Counts down to the deadline while it is in the page; `over` is called once. */
function timeLeft(deadline: string, over: () => void): HTMLElement {
  const node = el("time", { class: "group-left", datetime: deadline });
  const tick = (): void => {
    const left_s = Math.max(0, Math.ceil((Date.parse(deadline) - Date.now()) / 1000));
    node.textContent = t("group.left", { time: leftWords(left_s) });
    if (left_s === 0) over();
    else setTimeout(() => node.isConnected && tick(), 1000);
  };
  tick();
  return node;
}

function dots(group: Group): HTMLElement | false {
  if (group.seats > 12) return false;
  const seats = Array.from({ length: group.seats }, (_, at) => {
    const kind = at < group.joined ? "paid" : at < group.seats - group.seats_left ? "kept" : "free";
    return el("i", { class: `seat seat-${kind}${at === group.target - 1 ? " seat-target" : ""}` });
  });
  return el("div", { class: "group-seats", "aria-hidden": "true" }, ...seats);
}

export function progress(group: Group, over: () => void): HTMLElement {
  const said = t("group.progress", { joined: format.count(group.joined), target: format.count(group.target) });
  const ahead = group.state === "open" && Date.parse(group.deadline) > Date.now();
  const seats = group.seats_left === 0 ? t("group.no_seats") : counted("group.seats_left", group.seats_left, format.count(group.seats_left));
  const live = ahead || group.next_actions.includes("join");
  return el(
    "section",
    { class: "group-progress", "aria-label": t("group.title") },
    el("progress", { max: group.target, value: Math.min(group.joined, group.target), "aria-label": said }),
    dots(group),
    el("p", { class: "group-said" }, said),
    group.missing > 0 && ahead && el("p", { class: "group-missing" }, counted("group.missing", group.missing, format.count(group.missing))),
    live && el("p", { class: "group-time" }, timeLeft(group.deadline, over), el("span", {}, t("group.until", { time: format.moment(group.deadline, group.time_zone) })), el("span", {}, seats)),
  );
}
