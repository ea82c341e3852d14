/** Reading the file's own tree without trusting it. */

export type Raw = Readonly<Record<string, unknown>>;

/** The map, or an empty one when the value is something else. */
export function rawMap(value: unknown): Raw {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Raw) : {};
}

export function entriesOf(value: unknown): [string, unknown][] {
  return Object.entries(rawMap(value));
}
