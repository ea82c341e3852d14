/**
 * Writes settings, after the script that takes them back: whatever happens in between, there is a way back on the disk. Every
 * value is read again, because the kernel may take a value and keep another.
 */
import { writeFileSync } from "node:fs";
import { WeirError } from "../base/mod.ts";
import type { TuneRow } from "./inspect.ts";
import type { Machine } from "./machine.ts";
import { chosenWord } from "./settings.ts";

export interface Applied {
  readonly id: string;
  readonly place: string;
  readonly before: string;
  readonly after: string;
  /** Why it was not taken; null when it was. */
  readonly refused: string | null;
}

/** What `--apply` would write: what is to change, and optional settings that were named. */
export function changesOf(rows: readonly TuneRow[], named: readonly string[]): TuneRow[] {
  return rows.filter(
    ({ id, scope, state, place }) =>
      place !== null &&
      scope !== "process" &&
      (named.length === 0 ? state === "change" : named.includes(id) && (state === "change" || state === "optional")),
  );
}

/** What `--apply` leaves to the reader although it is to change: limits and timers that belong to processes. */
export function byHandOf(rows: readonly TuneRow[], named: readonly string[]): TuneRow[] {
  return rows.filter(
    ({ id, scope, state }) =>
      scope === "process" && (state === "change" || (state === "optional" && named.includes(id))),
  );
}

/** A shell script that writes the values of now. @param root in front of every path */
export function undoScript(changes: readonly TuneRow[], root: string, madeAt: string): string {
  const lines = changes.map(({ place, current }) => `echo '${current}' > '${root.replace(/\/$/, "")}/${place}'`);
  return `#!/bin/sh\n# Takes back what weir tune --apply wrote at ${madeAt}.\n${lines.join("\n")}\n`;
}

export function apply(machine: Machine, changes: readonly TuneRow[], undoFile: string, madeAt: string): Applied[] {
  try {
    writeFileSync(undoFile, undoScript(changes, machine.root, madeAt), { mode: 0o700, flag: "wx" });
  } catch (error) {
    throw new WeirError("tune.undo", `${undoFile}: ${(error as { code?: string }).code ?? String(error)}`, {
      hint: "--undo FILE",
      cause: error,
    });
  }
  return changes.map((row) => change(machine, row));
}

function change(machine: Machine, { id, place, current, wanted }: TuneRow): Applied {
  const where = place!;
  const failure = machine.write(where, wanted);
  const after = chosenWord(machine.read(where) ?? "");
  const isTaken = after === wanted || sameMask(after, wanted);
  return { id, place: where, before: current, after, refused: failure ?? (isTaken ? null : after) };
}

/** The kernel writes masks with leading zeros. */
function sameMask(left: string, right: string): boolean {
  const bare = (text: string): string => text.replaceAll(",", "").replace(/^0+(?=.)/, "");
  return /^[0-9a-f,]+$/.test(left) && bare(left) === bare(right);
}
