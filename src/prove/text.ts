/**
 * What experiments say, kept in both languages until somebody reads it: one run can then be reported in either, and a stored
 * result be shown again in the other.
 */
import { type Message, say } from "../base/mod.ts";

export type Text = Message;

type Value = string | number | Text;

/** A message with its placeholders filled, in both languages. */
export function textOf(message: Message, values: Readonly<Record<string, Value>> = {}): Text {
  const fill = (to: "en" | "zh"): string => {
    const plain = Object.entries(values).map(([name, value]) => [name, typeof value === "object" ? value[to] : value]);
    return say(message, Object.fromEntries(plain) as Record<string, string | number>, to);
  };
  return { en: fill("en"), zh: fill("zh") };
}

/** Text that is the same in every language: names, figures, code. */
export function plainText(text: string): Text {
  return { en: text, zh: text };
}

export function joinTexts(texts: readonly Text[]): Text {
  return { en: texts.map(({ en }) => en).join("; "), zh: texts.map(({ zh }) => zh).join("；") };
}
