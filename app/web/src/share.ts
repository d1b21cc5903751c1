// Sharing a link: the system's sheet where there is one, else the clipboard.
import { t } from "./i18n";
import { say } from "./notice";

export async function share(path: string, title: string): Promise<void> {
  const url = new URL(path, location.origin).href;
  if (typeof navigator.share === "function") {
    try {
      await navigator.share({ title, url });
      return;
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
    }
  }
  try {
    await navigator.clipboard.writeText(url);
    say(t("share.copied"));
  } catch {
    say(t("share.failed"));
  }
}
