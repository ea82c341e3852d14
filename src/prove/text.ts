/**
 * What experiments say, kept in both languages until somebody reads it: one run can then be reported in either, and a stored
 * result be shown again in the other.
 */
import type { Message } from "../base/mod.ts";

export { sayBoth as textOf } from "../base/mod.ts";

export type Text = Message;

/** Text that is the same in every language: names, figures, code. */
export function plainText(text: string): Text {
  return { en: text, zh: text };
}

export function joinTexts(texts: readonly Text[]): Text {
  return { en: texts.map(({ en }) => en).join("; "), zh: texts.map(({ zh }) => zh).join("；") };
}
