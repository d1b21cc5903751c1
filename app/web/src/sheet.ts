// The bottom sheet: a modal dialog (focus stays inside, Esc closes) whose content is loaded when it opens.
import { wasAborted } from "./request";
import { button, byId, el, icon } from "./dom";
import { t } from "./i18n";
import { errorMessage, isGone } from "./list";
import { unsay } from "./notice";

export interface SheetContent {
  title: string;
  titleLang: string | null;
  /** Everything under the title. */
  body: Node[];
  /** Left out where there is nothing that others could open. */
  share?: () => void;
}

interface SheetEvents {
  /** The reader asked to close; the caller decides by the history. */
  closeAsked(): void;
  backAsked(): void;
}

const dialog = (): HTMLDialogElement => byId<HTMLDialogElement>("sheet");
let loading: AbortController | null = null;

export function listenToSheet(events: SheetEvents): void {
  const node = dialog();
  node.addEventListener("cancel", (event) => {
    event.preventDefault();
    events.closeAsked();
  });
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    events.closeAsked();
  });
  node.addEventListener("click", (event) => {
    if (event.target === node) events.closeAsked();
  });
  byId("sheet-close").addEventListener("click", () => events.closeAsked());
  byId("sheet-back").addEventListener("click", () => events.backAsked());
}

function fill(title: string, titleLang: string | null, body: Node[]): void {
  const heading = byId("sheet-title");
  heading.textContent = title;
  if (titleLang) heading.lang = titleLang;
  else heading.removeAttribute("lang");
  byId("sheet-body").replaceChildren(...body);
  byId("sheet-body").scrollTop = 0;
}

function skeleton(): Node[] {
  return [el("div", { class: "sheet-skeleton", "aria-hidden": "true" }, el("i", {}), el("i", {}), el("i", {}), el("i", {}))];
}

/** Opens the sheet and fills it with what `load` brings; errors show inside with a retry. */
export async function openSheet(load: (signal: AbortSignal) => Promise<SheetContent>, stacked: boolean): Promise<void> {
  loading?.abort();
  const mine = new AbortController();
  loading = mine;
  byId("sheet-back").hidden = !stacked;
  const shareButton = byId("sheet-share");
  shareButton.hidden = true;
  const wasOpen = dialog().open;
  const wait = setTimeout(() => fill(t("list.loading"), null, skeleton()), wasOpen ? 300 : 0);
  if (!wasOpen) dialog().showModal();
  try {
    const content = await load(mine.signal);
    clearTimeout(wait);
    if (mine.signal.aborted) return;
    fill(content.title, content.titleLang, content.body);
    document.title = `${content.title} · ${t("app.name")}`;
    if (content.share === undefined) return;
    shareButton.replaceChildren(button({ class: "round", "aria-label": t("share.action") }, content.share, icon("share")));
    shareButton.hidden = false;
  } catch (error) {
    clearTimeout(wait);
    if (wasAborted(error) || mine.signal.aborted) return;
    const retry = { label: t("error.retry"), run: () => void openSheet(load, stacked) };
    fill("", null, [errorMessage(error, isGone(error) ? [] : [retry])]);
    document.title = t("app.title");
  }
}

export function closeSheet(): void {
  loading?.abort();
  loading = null;
  unsay();
  document.title = t("app.title");
  if (dialog().open) dialog().close();
}
