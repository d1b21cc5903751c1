// A file on its way: sent as it is, told how far it is, given up when asked.
import { lang } from "../i18n";
import { busy } from "../ready";
import { problemFrom, secondsOf, Unreachable, Unreadable, type Reply } from "../request";

/** How many bytes of how many are sent. */
export type Sent = (bytes: number, of: number) => void;

/** Sends a file's bytes; XMLHttpRequest, since fetch does not tell how far an upload is. */
export function sendFile<T>(
  path: string,
  query: Record<string, string>,
  file: File,
  token: string,
  key: string,
  sent: Sent,
  signal: AbortSignal,
): Promise<Reply<T>> {
  const done = busy();
  return new Promise<Reply<T>>((resolve, reject) => {
    const request = new XMLHttpRequest();
    const quit = (): void => request.abort();
    const header = (name: string): string | null => request.getResponseHeader(name);
    signal.addEventListener("abort", quit);
    request.open("POST", `${path}?${new URLSearchParams(query).toString()}`);
    const headers = { Accept: "application/json", "Accept-Language": lang, Authorization: `Bearer ${token}`, "Idempotency-Key": key };
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", (event) => sent(event.loaded, file.size));
    request.addEventListener("error", () => reject(new Unreachable(navigator.onLine ? "unreachable" : "offline")));
    request.addEventListener("abort", () => reject(new DOMException("given up", "AbortError")));
    request.addEventListener("loadend", () => signal.removeEventListener("abort", quit));
    request.addEventListener("load", () => {
      let body: unknown;
      try {
        body = JSON.parse(request.responseText);
      } catch {
        body = null;
      }
      if (request.status >= 400) reject(problemFrom(request.status, body, header));
      else if (body === null) reject(new Unreadable());
      else resolve({ value: body as T, retryAfterS: secondsOf(header), etag: header("ETag") });
    });
    if (signal.aborted) quit();
    else request.send(file);
  }).finally(done);
}
