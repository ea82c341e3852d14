/**
 * Durations and sizes as people write them: a number and its unit, always both. A bare number is refused, because "30" has
 * meant seconds, milliseconds and minutes in three gateways, and the mistake is only found in production.
 *
 * Durations: us, ms, s, m, h, d. Sizes: B, KB, MB, GB (powers of 1000) and KiB, MiB, GiB (powers of 1024).
 */

const durationUnitsMs: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const sizeUnitsBytes: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

export const durationPattern = "^[0-9]+(\\.[0-9]+)?(us|ms|s|m|h|d)$";
export const sizePattern = "^[0-9]+(\\.[0-9]+)?(B|KB|MB|GB|KiB|MiB|GiB)$";

/** Milliseconds, or null when the text is no duration. */
export function parseDurationMs(text: string): number | null {
  return parseUnit(text, durationUnitsMs, 1000);
}

/** Bytes, or null when the text is no size. */
export function parseSizeBytes(text: string): number | null {
  return parseUnit(text, sizeUnitsBytes, 1);
}

/** The shortest exact text of a duration: `formatDuration(600000)` is `10m`. */
export function formatDuration(ms: number): string {
  return formatUnit(ms, durationUnitsMs, ["d", "h", "m", "s", "ms", "us"]);
}

/** The shortest exact text of a size: `formatSize(65536)` is `64KiB`. */
export function formatSize(bytes: number): string {
  return formatUnit(bytes, sizeUnitsBytes, ["GiB", "GB", "MiB", "MB", "KiB", "KB", "B"]);
}

/** @param fractions how many parts of the base unit may be told apart: 1000 for microseconds under milliseconds */
function parseUnit(text: string, units: Readonly<Record<string, number>>, fractions: number): number | null {
  const parts = /^(\d{1,15}(?:\.\d{1,9})?)([A-Za-z]{1,3})$/.exec(text);
  if (parts === null || !Object.hasOwn(units, parts[2]!)) return null;
  const value = Math.round(Number(parts[1]) * units[parts[2]!]! * fractions) / fractions;
  return Number.isSafeInteger(Math.trunc(value)) ? value : null;
}

function formatUnit(value: number, units: Readonly<Record<string, number>>, order: readonly string[]): string {
  for (const unit of order) {
    const count = value / units[unit]!;
    if (count >= 1 && Number.isInteger(count)) return `${count}${unit}`;
  }
  const smallest = order[order.length - 1]!;
  return `${Math.round(value / units[smallest]!)}${smallest}`;
}
