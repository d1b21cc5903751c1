// What a refusal means for the person who reads it: the page's own words by code, else the server's.
import { note } from "./form";
import { maybe, t, type Word } from "./i18n";
import { isUndecided, type Trouble } from "./intents";
import { ApiProblem, Unreachable } from "./request";
import { SignedOut } from "./session";

/** Why there was no answer. */
export function troubleWords(error: unknown): string {
  if (error instanceof Unreachable) {
    const word: Word =
      error.why === "offline" ? "trouble.offline" : error.why === "timeout" ? "error.timeout" : "error.unreachable";
    return t(word);
  }
  if (error instanceof ApiProblem) {
    return error.retryAfterS === null ? t("trouble.server") : t("error.wait_s", { n: error.retryAfterS });
  }
  return t("error.unexpected");
}

/** Says that there is no answer yet, why, and that it is asked again; at once by a button. */
export function troubleNote({ error, hurry }: Trouble, title: Word, ...more: Word[]): HTMLElement {
  const again = { label: t("trouble.check_now"), run: hurry };
  return note("wait", t(title), [troubleWords(error), ...more.map((word) => t(word))], [again]);
}

/** A refusal in one or two sentences; `families` are tried in order before the server's own detail. */
export function refusalWords(error: unknown, families: string[] = ["problem"]): string {
  if (error instanceof SignedOut) return t("problem.signed_out");
  if (error instanceof ApiProblem) {
    for (const family of families) {
      const words = maybe(`${family}.${error.code}`);
      if (words !== null) return words;
    }
    return isUndecided(error) ? troubleWords(error) : error.detail;
  }
  return troubleWords(error);
}
