// Time that runs out in sight.
import { el } from "../dom";

/** "4:59", "1:02:03". */
function clockText(seconds: number): string {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (value: number): string => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** A time element that counts down to `until`; `over` is called once, unless `signal` gave up before. */
export function countdown(until: string, over: () => void, signal: AbortSignal): HTMLElement {
  const node = el("time", { class: "countdown", datetime: until });
  const tick = (): void => {
    if (signal.aborted) return;
    const left_s = Math.max(0, Math.ceil((Date.parse(until) - Date.now()) / 1000));
    node.textContent = clockText(left_s);
    if (left_s > 0) setTimeout(tick, 1000);
    else over();
  };
  tick();
  return node;
}
