// The two lists: which microphone, which language.

import { microphones } from "./microphone.js";
import { remembered } from "./preferences.js";
import { element } from "./view.js";

/** Fill the list of microphones; their names are known once one was allowed. */
export async function offerMicrophones() {
  const choices = (await microphones()).map(({ id, name }) => ({ value: id, name }));
  offer(element("microphone"), choices, remembered("microphone"));
}

/**
 * Fill the list of languages by the codes of those the model knows; of a single one nothing is to be chosen.
 * @param {string[]} codes
 */
export function offerLanguages(codes) {
  const select = element("language");
  const names = new Intl.DisplayNames(["en"], { type: "language" });
  const choices = codes.map((code) => ({ value: code, name: names.of(code) ?? code }));
  choices.sort((one, other) => one.name.localeCompare(other.name));
  offer(select, choices, codes.length === 1 ? codes[0] : remembered("language"));
  select.disabled = codes.length === 1;
}

/** The code of the language that is asked for; "" is heard.  One that this model does not know is not asked for. */
export function chosenLanguage() {
  const select = element("language");
  if (select.options.length === 1) return remembered("language"); // nobody told yet which there are
  return select.disabled ? "" : select.value;
}

/**
 * Offer choices in a select; the first one, of no value, stays.
 * @param {HTMLSelectElement} select
 * @param {{value: string, name: string}[]} choices
 * @param {string} chosen
 */
function offer(select, choices, chosen) {
  const options = choices.map(({ value, name }) => new Option(name, value, false, value === chosen));
  select.replaceChildren(select.options[0], ...options);
  if (!choices.some(({ value }) => value === chosen)) select.value = "";
}
