// Short messages: spoken by screen readers, and shown for a while where a sighted reader needs them.
import { button, byId, el } from "./dom";
import { t } from "./i18n";

let timer: ReturnType<typeof setTimeout> | undefined;

/** Speaks `text` without showing it. */
export function announce(text: string): void {
  byId("live").textContent = text;
}

/** Shows `text` in a toast and speaks it; `sticky` ones stay until dismissed. */
export function say(text: string, sticky = false): void {
  clearTimeout(timer);
  const toast = byId("toast");
  toast.replaceChildren(el("p", {}, text));
  if (sticky) toast.append(button({ class: "toast-dismiss" }, unsay, t("locate.dismiss")));
  toast.hidden = false;
  // A modal dialog hides what lies outside it, so the message moves into the open one.
  const dialog = document.querySelector("dialog[open]");
  (dialog ?? document.body).append(toast);
  if (!sticky) timer = setTimeout(unsay, 4000);
}

export function unsay(): void {
  clearTimeout(timer);
  const toast = byId("toast");
  toast.hidden = true;
  toast.replaceChildren();
}
