/**
 * Judges a rule: every breach is a failure, except as many in a file as `exceptions.json` lists for it. Those are from
 * before the rule had a test; their counts may only fall. After mending some, `bun test/tidy/tighten.ts` writes the lower
 * counts; it never raises one.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Breach } from "./source.ts";

export type Exceptions = Record<string, Record<string, number>>;

const file = join(import.meta.dir, "exceptions.json");
const exceptions = JSON.parse(readFileSync(file, "utf8")) as Exceptions;

/** Lines that say what is wrong and where, or none: for a comparison with `[]`. */
export function judge(rule: string, advice: string, breaches: readonly Breach[]): string[] {
  const allowed = exceptions[rule] ?? {};
  const byPath = Map.groupBy(breaches, ({ path }) => path);
  const complaints: string[] = [];
  for (const [path, found] of byPath) {
    const most = allowed[path] ?? 0;
    if (found.length <= most) continue;
    if (most > 0) complaints.push(`${path}: ${found.length} where at most ${most} are left from before the rule`);
    for (const { line, why } of found) complaints.push(`${path}:${line} ${why}`);
  }
  if (complaints.length > 0) complaints.push(`what to do: ${advice}`);
  return complaints;
}

/** Lowers the listed counts to what is found; with `isFirst`, lists what is found for rules that have no list yet. */
export function tighten(found: ReadonlyMap<string, readonly Breach[]>, isFirst: boolean): void {
  const next: Exceptions = {};
  for (const [rule, breaches] of found) {
    const listed = exceptions[rule];
    if (listed === undefined && !isFirst) continue;
    const counts = Map.groupBy(breaches, ({ path }) => path);
    const entries = [...counts].map(([path, { length }]) => [
      path,
      Math.min(length, listed?.[path] ?? (listed ? 0 : length)),
    ]);
    const kept = entries.filter(([, count]) => Number(count) > 0);
    if (kept.length > 0) next[rule] = Object.fromEntries(kept.sort());
  }
  writeFileSync(file, `${JSON.stringify(next, null, 2)}\n`);
}
