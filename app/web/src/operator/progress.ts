// How far something is: a bar, and the same in words.
import { el } from "../dom";

export interface Bar {
  node: HTMLElement;
  /** Without a whole it only says that something goes on. */
  set(done: number | null, of: number | null, words: string): void;
  name(text: string): void;
}

export function progressBar(title: string): Bar {
  const label = el("b", { id: "bar-label" }, title);
  const bar = el("progress", { "aria-labelledby": "bar-label", max: 1 });
  const said = el("span", { class: "bar-words" });
  return {
    node: el("div", { class: "bar" }, label, bar, said),
    set(done, of, words) {
      if (done !== null && of !== null && of > 0) bar.value = Math.min(1, done / of);
      else bar.removeAttribute("value");
      said.textContent = words;
    },
    name(text) {
      label.textContent = text;
    },
  };
}
