// Sign-in by one-time code, in two steps: the phone's number, then the six digits that it got.
import { member } from "./claims";
import { button, el, isDemo } from "./dom";
import { field, form, note, type Field } from "./form";
import { lang, t } from "./i18n";
import { refusalWords } from "./problems";
import { ApiProblem, ask } from "./request";

interface OtpAnswer {
  resend_after_s: number;
}

const E164 = /^\+[1-9]\d{6,14}$/;

/** A number as people write it in E.164; null when it can't be one. Chinese readers may leave the country out. */
function phoneOf(text: string): string | null {
  const digits = text.replace(/[\s().\-\u2010-\u2015]/g, "").replace(/^00/, "+");
  const full = lang === "zh-CN" && /^1[3-9]\d{9}$/.test(digits) ? `+86${digits}` : digits;
  return E164.test(full) ? full : null;
}

/** The form; `done` is called once the member is signed in. */
export function signIn(why: string, done: () => void): HTMLElement {
  const place = el("div", { class: "signin" });
  const show = (...content: Node[]): void => place.replaceChildren(...content);
  const start = (): void => show(...phoneStep(why, (phone, answer) => show(...codeStep(phone, answer, done, start))));
  start();
  return place;
}

type Sent = (phone: string, answer: OtpAnswer) => void;

async function sendCode(phone: string): Promise<OtpAnswer> {
  return (await ask<OtpAnswer>("/v1/auth/otp", { method: "POST", body: { phone } })).value;
}

function phoneStep(why: string, sent: Sent): Node[] {
  const phone = field(
    "phone",
    t("signin.phone"),
    { type: "tel", autocomplete: "tel", inputmode: "tel", maxlength: 30, required: true },
    t("signin.phone_hint"),
  );
  const submit = async (): Promise<void> => {
    phone.fault(null);
    const number = phoneOf(phone.input.value);
    if (number === null) {
      phone.fault(t("signin.phone_wrong"));
      return;
    }
    try {
      sent(number, await sendCode(number));
    } catch (error) {
      phone.fault(refusalWords(error));
    }
  };
  // Once it stands in the page; the sheet is filled after this returns.
  setTimeout(() => phone.input.focus(), 0);
  return [el("p", { class: "summary" }, why), form({ class: "stack" }, t("signin.send"), submit, phone.node)];
}

function codeStep(phone: string, answer: OtpAnswer, done: () => void, otherPhone: () => void): Node[] {
  const code = field("otp", t("signin.code"), {
    type: "text",
    inputmode: "numeric",
    autocomplete: "one-time-code",
    maxlength: 6,
    required: true,
    class: "digits",
  });
  const submit = (): Promise<void> => checkCode(code, phone, done);
  const sheet = form({ class: "stack" }, t("signin.check"), submit, code.node);
  code.input.addEventListener("input", () => {
    if (/^\d{6}$/.test(code.input.value.trim())) sheet.requestSubmit();
  });
  setTimeout(() => code.input.focus(), 0);
  return [
    el("p", { class: "summary" }, t("signin.sent", { phone })),
    ...(isDemo ? [note("wait", t("signin.demo"))] : []),
    sheet,
    el(
      "div",
      { class: "note-actions" },
      resend(phone, answer.resend_after_s, code),
      button({ class: "quiet" }, otherPhone, t("signin.other_phone")),
    ),
  ];
}

async function checkCode(code: Field, phone: string, done: () => void): Promise<void> {
  code.fault(null);
  const digits = code.input.value.trim();
  if (!/^\d{6}$/.test(digits)) {
    code.fault(t("signin.code_wrong"));
    return;
  }
  try {
    await member.signIn({ grant_type: "otp", phone, code: digits });
  } catch (error) {
    code.input.value = "";
    code.fault(error instanceof ApiProblem && error.code === "invalid-grant" ? t("signin.no_match") : refusalWords(error));
    return;
  }
  done();
}

/** "Send again", which waits until the server would. */
function resend(phone: string, after_s: number, code: Field): HTMLButtonElement {
  const node: HTMLButtonElement = button({ class: "quiet", disabled: true }, () => void again(), "");
  const wait = (left_s: number): void => {
    node.disabled = left_s > 0;
    node.textContent = left_s > 0 ? t("signin.again_in", { n: left_s }) : t("signin.again");
    if (left_s > 0) setTimeout(() => wait(left_s - 1), 1000);
  };
  const again = async (): Promise<void> => {
    node.disabled = true;
    try {
      wait((await sendCode(phone)).resend_after_s);
    } catch (error) {
      code.fault(refusalWords(error));
      wait(error instanceof ApiProblem ? (error.retryAfterS ?? 5) : 5);
    }
  };
  wait(after_s);
  return node;
}
