/**
 * Everything Weir says to people, in English and Chinese. Each folder keeps its own `messages.ts` made with
 * `defineMessages`; a message that lacks a language does not compile, and `{name}` placeholders are filled by name.
 */

export type Language = "en" | "zh";

export interface Message {
  readonly en: string;
  readonly zh: string;
}

let current: Language = "en";

/** Chooses the language of everything printed from now on (`--lang`). */
export function setLanguage(language: Language): void {
  current = language;
}

export function language(): Language {
  return current;
}

/** Checks at compile time that every message has both languages. */
export function defineMessages<const T extends Record<string, Message>>(table: T): T {
  return table;
}

/** The message in the chosen language with its `{name}` placeholders filled. */
export function say(message: Message, values: Readonly<Record<string, string | number>> = {}, to = current): string {
  return message[to].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** The same in both languages, for what is kept until somebody reads it; values may be messages themselves. */
export function sayBoth(message: Message, values: Readonly<Record<string, string | number | Message>> = {}): Message {
  const fill = (to: Language): string => {
    const plain = Object.entries(values).map(([name, value]) => [name, typeof value === "object" ? value[to] : value]);
    return say(message, Object.fromEntries(plain) as Record<string, string | number>, to);
  };
  return { en: fill("en"), zh: fill("zh") };
}
