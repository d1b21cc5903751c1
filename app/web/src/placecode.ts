// The digits that a place's till shows, for members whose position is not good enough to claim there.
import { el } from "./dom";
import { field, form } from "./form";
import { t } from "./i18n";

export interface PlaceCode {
  place_id: string;
  code: string;
}

interface Named {
  place_id: string;
  name: string;
}

/** A form that asks for the six digits, and for the place where there are several; `send` gets both. */
export function placeCodeForm(places: Named[], send: (given: PlaceCode) => Promise<void>): HTMLElement {
  const digits = field(
    "place-code",
    t("claim.till_code.label"),
    { type: "text", inputmode: "numeric", autocomplete: "off", maxlength: 6, required: true, class: "digits" },
    t("claim.till_code.hint"),
  );
  const choice = el("select", { id: "place-of-code", autocomplete: "off" }, ...places.map((place) => el("option", { value: place.place_id }, place.name)));
  const where = places.length > 1 && el("div", { class: "field" }, el("label", { for: "place-of-code" }, t("claim.till_code.place")), choice);
  const submit = async (): Promise<void> => {
    digits.fault(null);
    const code = digits.input.value.trim();
    if (!/^\d{6}$/.test(code)) {
      digits.fault(t("claim.till_code.six"));
      return;
    }
    await send({ place_id: choice.value, code });
  };
  setTimeout(() => digits.input.focus(), 0);
  return form({ class: "stack" }, t("claim.till_code.send"), submit, where || null, digits.node);
}
