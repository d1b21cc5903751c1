// Codes as people type them: twelve digits, the last one a check digit after Damm, so that a slip costs no question.
import { decimalsOf } from "../format";

// The totally anti-symmetric quasigroup of order 10 of H. M. Damm, 2004.
const table = [
  [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
  [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
  [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
  [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
  [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
  [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
  [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
  [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
  [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
  [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

export const CODE_DIGITS = 12;

/** True when the last digit is the check digit of those before it. */
export function checks(digits: string): boolean {
  let interim = 0;
  for (const digit of digits) interim = table[interim]?.[Number(digit)] ?? -1;
  return interim === 0;
}

/** Only the digits of what was typed or pasted; full-width ones count. */
export function digitsOf(text: string): string {
  const narrow = text.replace(/[０-９]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0));
  return narrow.replace(/\D/g, "").slice(0, CODE_DIGITS);
}

/** "1234 5678 9012", also while it is being typed. */
export const grouped = (digits: string): string => digits.replace(/(\d{4})(?=\d)/g, "$1 ");

/** Minor units of an amount as people type it, "88", "88.5" or "88,50"; null when it is none of this currency. */
export function minorOf(text: string, currency: string): number | null {
  const decimals = decimalsOf(currency);
  const found = /^(\d{1,8})(?:[.,](\d+))?$/.exec(text.trim());
  const fraction = found?.[2] ?? "";
  if (found === null || fraction.length > decimals) return null;
  return Number(found[1]) * 10 ** decimals + Number(fraction.padEnd(decimals, "0") || 0);
}
