// What waits for a decision about a city's places: both sides, where they lie, and what can be decided.
import { el } from "../dom";
import { act, note } from "../form";
import * as format from "../format";
import { announce } from "../notice";
import { wasAborted } from "../request";
import { SignedOut } from "../session";
import { address, type Desk } from "./desk";
import { FactMap, type Spot } from "./factmap";
import { asText, learnCategories } from "./factwords";
import * as api from "./operatorapi";
import { at, facts, smallButton } from "./parts";
import type { Territory } from "./regionaltypes";
import type { Decision, Review, ReviewKind, ReviewPlace } from "./reviewtypes";
import { select } from "./uploadform";
import { faultLines, maybe, refused, t, why } from "./words";

const DECISIONS: Record<ReviewKind, Decision[]> = {
  duplicate: ["merge", "apart"],
  overlay_conflict: ["keep_overlay", "take_import"],
  report: ["accept", "dismiss"],
};
const KINDS: ReviewKind[] = ["duplicate", "overlay_conflict", "report"];
// What a place is held side by side with; everything else stands in its own page.
const SIDES = ["name", "category", "address", "phone", "website", "opening_hours", "source_key"];

export async function reviewsView(desk: Desk, territory: Territory): Promise<void> {
  const list = el("div", { class: "reviews" });
  const more = el("div", { class: "narrow" });
  const kind = select("review-kind", t("operator.review_kind"), [["", t("operator.all")], ...KINDS.map((each): [string, string] => [each, t(`operator.review.${each}`)])], "");
  const state = select("review-state", t("operator.review_state"), [["open", t("operator.review_open")], ["planned", t("operator.review_planned")], ["done", t("operator.review_done")]], "open");
  const map = new FactMap(territory.centre, territory.zoom, t("operator.map_reviews"), () => undefined);
  const filters = el("div", { class: "fields no-print" }, kind.node, state.node);
  const signal = desk.show({
    title: t("operator.reviews_of", { city: territory.name }),
    crumbs: [[t("operator.territories"), address()], [territory.name, address(territory.city)]],
    content: [el("div", { class: "two" }, el("div", { class: "two-left" }, filters, list, more), el("aside", { class: "two-map", "aria-label": t("operator.map_reviews") }, map.node))],
    map,
  });
  const load = async (cursor: string | null): Promise<void> => {
    try {
      const asked = api.reviews(territory.city, state.control.value, kind.control.value === "" ? null : kind.control.value, cursor, signal);
      const [found] = await Promise.all([asked, learnCategories()]);
      if (cursor === null) list.replaceChildren();
      const cards = found.items.map((each) => reviewCard(desk, territory, map, each));
      list.append(...cards.map(({ card }) => card));
      if (cursor === null) cards[0]?.show();
      if (list.childElementCount === 0) list.replaceChildren(note("good", t("operator.nothing_waits")));
      more.replaceChildren(...(found.next_cursor === null ? [] : [act(t("operator.more"), () => load(found.next_cursor), "act act-second")]));
    } catch (error) {
      if (error instanceof SignedOut) desk.failed(error);
      else if (!wasAborted(error)) list.replaceChildren(note("bad", refused(error), faultLines(error), [{ label: t("error.retry"), run: () => void load(null) }]));
    }
  };
  for (const { control } of [kind, state]) control.addEventListener("change", () => void load(null));
  await load(null);
}

function spotsOf({ place, other }: Review): Spot[] {
  const spot = (key: "one" | "two", which: ReviewPlace | null): Spot[] =>
    which?.location == null ? [] : [{ key, tone: key, label: which.name, ...which.location }];
  return [...spot("one", place), ...spot("two", other)];
}

function side(title: string, place: ReviewPlace | null, tone: string): HTMLElement | false {
  if (place === null) return false;
  const shown = SIDES.filter((name) => name in place).map((name): [string, string | null] => [maybe(`operator.fact.${name}`) ?? maybe(`operator.property.${name}`) ?? name, asText(place[name], name)]);
  return el("div", { class: `side side-${tone}` }, el("h4", {}, el("i", { class: `swatch swatch-${tone}`, "aria-hidden": "true" }), title), facts(shown));
}

/** A card that is drawn anew with each decision, and how to show its places on the map. */
function reviewCard(desk: Desk, territory: Territory, map: FactMap, first: Review): { card: HTMLElement; show(): void } {
  const card = el("article", { class: "review", "data-review": first.review_id });
  let shown = (): void => undefined;
  const draw = (review: Review): void => {
    const spots = spotsOf(review);
    const show = (): void => {
      for (const each of document.querySelectorAll(".review.chosen")) each.classList.remove("chosen");
      card.classList.add("chosen");
      map.show(spots);
      map.fit();
    };
    shown = show;
    const said = el("div", {});
    const decide = async (decision: Decision): Promise<void> => {
      try {
        draw(await api.decide(review.review_id, decision, noteBox.value.trim()));
        announce(t("operator.decided"));
      } catch (error) {
        if (error instanceof SignedOut) desk.failed(error);
        else if (!wasAborted(error)) said.replaceChildren(note("bad", refused(error), faultLines(error)));
      }
    };
    const id = `note-${review.review_id}`;
    const noteBox = el("input", { id, type: "text", maxlength: 500, autocomplete: "off" });
    const done = review.state === "done";
    const choices = review.decisions ?? (done ? (["undo"] as Decision[]) : DECISIONS[review.kind]);
    const names = [review.place, review.other].map((each) => each?.name).filter((each) => each !== undefined);
    card.replaceChildren(
      el("h3", {}, `${t(`operator.review.${review.kind}`)}: ${names.join(" / ")}`),
      el("p", { class: "summary" }, [at(review.created_at, territory.time_zone), review.score == null ? null : t("operator.score", { n: format.percent(Math.round(review.score * 10_000)) })].filter((each) => each !== null).join(" · ")),
      el("div", { class: "sides" }, side(t(review.kind === "duplicate" ? "operator.side.one" : "operator.side.place"), review.place, "one"), side(t("operator.side.two"), review.other, "two")),
      ...evidencePart(review),
      ...(done ? [note("good", t("operator.decided_as", { what: maybe(`operator.decision.${review.decision ?? ""}`) ?? review.decision ?? "" }), review.note === null ? [] : [review.note])] : []),
      choices.length > 0 ? el("div", { class: "field no-print" }, el("label", { for: id }, t("operator.note_optional")), noteBox) : said,
      said,
      el(
        "div",
        { class: "actions no-print" },
        ...choices.map((each, number) => act(t(`operator.do.${each}`), () => decide(each), number === 0 && !done ? "act" : "act act-second")),
        spots.length > 0 && smallButton(t("operator.show"), show, { "aria-label": t("operator.show_what", { what: names.join(" / ") }) }),
      ),
    );
  };
  draw(first);
  return { card, show: () => shown() };
}

function evidencePart(review: Review): HTMLElement[] {
  const named = (name: string): string => maybe(`operator.evidence.${name}`) ?? maybe(`operator.property.${name}`) ?? name;
  const { overlay } = review;
  const corrected: [string, string | null][] =
    overlay == null
      ? []
      : [
          [t("operator.corrected", { what: maybe(`operator.property.${overlay.field}`) ?? overlay.field }), asText(overlay.value, overlay.field)],
          [t("operator.evidence.reason"), overlay.reason === null ? null : why(overlay.reason)],
          [t("operator.evidence.evidence"), overlay.evidence],
        ];
  // What they say says nothing without what they say it of.
  const about: [string, string | null][] = review.kind === "report" && review.field != null ? [[t("operator.evidence.field"), maybe(`operator.property.${review.field}`) ?? review.field]] : [];
  const shown = ([name, value]: [string, unknown]): [string, string | null] =>
    name === "reasons" && Array.isArray(value) ? [named(name), asText(value.map(String).map(why))] : [named(name), asText(value, review.field ?? "")];
  const rows = [...about, ...corrected, ...Object.entries(review.evidence ?? {}).map(shown)];
  return rows.length === 0 ? [] : [el("div", { class: "evidence" }, facts(rows))];
}
