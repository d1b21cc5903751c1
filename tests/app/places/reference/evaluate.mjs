// Answers each text with the states that opening_hours.js sees at a fixed list of instants. JSON lines.
//
// First line:  {"place": {...}, "at": [ms, ...], "horizon": ms}
//              where all texts hold (as Nominatim tells it), the instants, and how far to look for changes (0: not)
// Then:        "Mo 10:00-12:00"                   a text
// Answered by: {"states": "ocu", "changes": [ms]} open, closed or unknown at each instant, and the next change of that
//          or: {"error": "..."}                   the text can't be read
//
// The library reckons in the time zone of its process: start it with TZ set.
import { createInterface } from "node:readline";
import opening_hours from "opening_hours";

console.log = console.warn = console.error = () => {}; // the library tells its doubts there
let given = null;

const letter = (iterator) => (iterator.getState() ? "o" : iterator.getUnknown() ? "u" : "c");

function nextChange(hours, at) {
  const end = new Date(at.getTime() + given.horizon);
  const iterator = hours.getIterator(at);
  const state = letter(iterator);
  while (iterator.advance(end)) if (letter(iterator) !== state) return iterator.getDate().getTime();
  return null;
}

function answer(text) {
  try {
    const hours = new opening_hours(text, given.place, { mode: 0, locale: "en" });
    const states = given.at.map((at) => letter(hours.getIterator(at))).join("");
    return { states, changes: given.horizon ? given.at.map((at) => nextChange(hours, at)) : [] };
  } catch (error) {
    return { error: String(error).split("\n")[0].slice(0, 200) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  if (given) process.stdout.write(JSON.stringify(answer(asked)) + "\n");
  else given = { ...asked, at: asked.at.map((ms) => new Date(ms)) };
}
