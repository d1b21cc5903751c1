// html[data-ready] says that nothing is loading and the map is drawn; tests and screenshots wait for it.
const root = document.documentElement;
let running = 0;
let settle: (then: () => void) => void = (then) => then();

/** How to wait for the map to be drawn; set once the map exists. */
export function settleWith(wait: (then: () => void) => void): void {
  settle = wait;
}

/** Marks the page as busy until the returned function is called. */
export function busy(): () => void {
  running += 1;
  root.removeAttribute("data-ready");
  let open = true;
  return () => {
    if (!open) return;
    open = false;
    running -= 1;
    // What follows an answer (drawing, the next request) starts in the microtasks after it.
    setTimeout(rest, 0);
  };
}

function rest(): void {
  if (running > 0) return;
  settle(() => {
    if (running === 0) root.setAttribute("data-ready", "");
  });
}
