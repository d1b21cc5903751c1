// Sign-in of staff and owners, and the choice of the place that this till stands in.
import { el } from "../dom";
import { t } from "../i18n";
import { passwordForm } from "../passwordform";
import * as api from "./tillapi";
import type { TillPlace } from "./tilltypes";

export function staffSignIn(done: () => Promise<void>): Node[] {
  const { node, focus } = passwordForm({ people: api.staff, roles: ["staff", "owner"], wrongRole: t("till.wrong_role"), done });
  setTimeout(focus, 0);
  return [el("p", { class: "summary" }, t("till.sign_in_why")), node];
}

export function placeChoice(places: TillPlace[], chosen: (place: TillPlace) => void): Node[] {
  const items = places.map((place) => {
    const node = el("button", { type: "button", class: "till-place", "data-place": place.place_id }, place.name);
    node.addEventListener("click", () => chosen(place));
    return el("li", {}, node);
  });
  return [el("ul", { class: "till-places" }, ...items)];
}
