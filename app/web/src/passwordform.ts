// The sign-in of people who have a login and a password: staff, owners, operators.
import { el, isDemo } from "./dom";
import { field, form } from "./form";
import { t } from "./i18n";
import { refusalWords } from "./problems";
import { ApiProblem } from "./request";
import type { Session } from "./session";

export interface PasswordSignIn {
  people: Session;
  /** Whom the page is for; anybody else is signed out again and told `wrongRole`. */
  roles: readonly string[];
  wrongRole: string;
  /** What a demonstration tells of its logins. */
  demo?: string;
  look?: string;
  done(): Promise<void>;
}

/** The form, and the way to put the keyboard at it once it is shown. */
export function passwordForm({ people, roles, wrongRole, demo = t("till.demo_login"), look = "stack", done }: PasswordSignIn): { node: HTMLElement; focus(): void } {
  const login = field("login", t("till.login"), { type: "text", autocomplete: "username", autocapitalize: "none", spellcheck: "false", maxlength: 100 });
  const password = field("password", t("till.password"), { type: "password", autocomplete: "current-password", maxlength: 256 });
  const submit = async (): Promise<void> => {
    login.fault(null);
    password.fault(null);
    const name = login.input.value.trim();
    if (name === "" || password.input.value === "") {
      (name === "" ? login : password).fault(t("till.fill_in"));
      return;
    }
    try {
      await people.signIn({ grant_type: "password", login: name, password: password.input.value });
    } catch (error) {
      password.fault(error instanceof ApiProblem && error.code === "invalid-grant" ? t("till.no_match") : refusalWords(error));
      return;
    }
    if (!roles.includes(people.role)) {
      await people.signOut();
      login.fault(wrongRole);
      return;
    }
    await done();
  };
  const hint = isDemo && el("p", { class: "field-hint" }, demo);
  return { node: form({ class: look }, t("signin.title"), submit, login.node, password.node, hint), focus: () => login.input.focus() };
}
