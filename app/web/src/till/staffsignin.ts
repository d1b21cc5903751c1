// Sign-in of staff and owners, and the choice of the place that this till stands in.
import { el, isDemo } from "../dom";
import { field, form } from "../form";
import { t } from "../i18n";
import { refusalWords } from "../problems";
import { ApiProblem } from "../request";
import * as api from "./tillapi";
import type { TillPlace } from "./tilltypes";

const ROLES = ["staff", "owner"];

export function staffSignIn(done: () => Promise<void>): Node[] {
  const login = field("login", t("till.login"), { type: "text", autocomplete: "username", autocapitalize: "none", spellcheck: "false", maxlength: 100 });
  const password = field("password", t("till.password"), { type: "password", autocomplete: "current-password", maxlength: 256 });
  const submit = async (): Promise<void> => {
    login.fault(null);
    password.fault(null);
    if (login.input.value.trim() === "" || password.input.value === "") {
      (login.input.value.trim() === "" ? login : password).fault(t("till.fill_in"));
      return;
    }
    try {
      await api.staff.signIn({ grant_type: "password", login: login.input.value.trim(), password: password.input.value });
    } catch (error) {
      password.fault(error instanceof ApiProblem && error.code === "invalid-grant" ? t("till.no_match") : refusalWords(error));
      return;
    }
    if (!ROLES.includes(api.staff.role)) {
      await api.staff.signOut();
      login.fault(t("till.wrong_role"));
      return;
    }
    await done();
  };
  setTimeout(() => login.input.focus(), 0);
  const demo = isDemo && el("p", { class: "field-hint" }, t("till.demo_login"));
  return [
    el("p", { class: "summary" }, t("till.sign_in_why")),
    form({ class: "stack" }, t("signin.title"), submit, login.node, password.node, demo),
  ];
}

export function placeChoice(places: TillPlace[], chosen: (place: TillPlace) => void): Node[] {
  const items = places.map((place) => {
    const node = el("button", { type: "button", class: "till-place", "data-place": place.place_id }, place.name);
    node.addEventListener("click", () => chosen(place));
    return el("li", {}, node);
  });
  return [el("ul", { class: "till-places" }, ...items)];
}
