// Elements from data: text goes in as text nodes only, never as markup.

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined>;

function apply(node: Element, attributes: Attributes, children: Child[]): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child);
  }
}

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  apply(node, attributes, children);
  return node;
}

/** The nodes that are there. */
export const present = (...nodes: (Node | null | false)[]): Node[] => nodes.filter((node): node is Node => node instanceof Node);

export function button(attributes: Attributes, onClick: () => void, ...children: Child[]): HTMLButtonElement {
  const node = el("button", { type: "button", ...attributes }, ...children);
  node.addEventListener("click", onClick);
  return node;
}

const paths = {
  share: "M12 15V4M8 7.5L12 4l4 3.5M6 11H5v9h14v-9h-1",
  pin: "M12 21s6.5-6 6.5-11a6.5 6.5 0 10-13 0c0 5 6.5 11 6.5 11zM12 12.2a2.2 2.2 0 100-4.4 2.2 2.2 0 000 4.4z",
  phone: "M6.5 4h3l1.5 4-2 1.5a11 11 0 005.5 5.5L16 13l4 1.5v3A2.5 2.5 0 0117.5 20C10.5 19.5 4.5 13.5 4 6.5A2.5 2.5 0 016.5 4z",
  web: "M12 3.5a8.5 8.5 0 100 17 8.5 8.5 0 000-17zM3.5 12h17M12 3.5c5 5 5 12 0 17M12 3.5c-5 5-5 12 0 17",
  region: "M4 6.5l5-2 6 2 5-2v13l-5 2-6-2-5 2zM9 4.5v13M15 6.5v13",
  route: "M12 3l9 9-9 9-9-9zM9 14.5V12h5M12.2 9.8L14.5 12l-2.3 2.2",
  store: "M5 10v9h14v-9M4 10l1.5-5h13L20 10M4 10a2.6 2.6 0 005.3 0 2.6 2.6 0 005.4 0A2.6 2.6 0 0020 10",
  source: "M6 3.5h8l4 4v13H6zM14 3.5v4h4M9 12h6M9 16h6",
} as const;

export type IconName = keyof typeof paths;

export function icon(name: IconName): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  apply(svg, { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" }, []);
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", paths[name]);
  svg.append(path);
  return svg;
}

/** A demo says where its codes and passwords are. */
export const isDemo = document.documentElement.dataset["demo"] !== undefined;

/** A language tag fit for the `lang` attribute; null for marks like "local". */
export function langTag(tag: string | null | undefined): string | null {
  return tag && /^[a-z]{2,3}(-[A-Za-z0-9]{1,8})*$/.test(tag) ? tag : null;
}

/** The element with this id; a missing one is a fault of the template. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const node = document.getElementById(id);
  if (node === null) throw new Error(`the template has no #${id}`);
  return node as T;
}
