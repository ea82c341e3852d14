/** Holds the table of settings against a machine. */
import type { Message } from "../base/mod.ts";
import type { Machine } from "./machine.ts";
import { type Scope, type Setting, type State, settings } from "./settings.ts";

export interface TuneRow {
  readonly id: string;
  readonly scope: Scope;
  /** From the root; null where the machine has none. */
  readonly place: string | null;
  readonly current: string;
  readonly wanted: string;
  readonly state: State;
  readonly why: Message;
  readonly risk: Message;
  readonly command: string;
  readonly workload: Setting["workload"];
}

export function inspect(machine: Machine): TuneRow[] {
  return settings.flatMap((setting) => rowsOf(setting, machine));
}

function rowsOf(setting: Setting, machine: Machine): TuneRow[] {
  const { id, scope, workload, why, risk } = setting;
  const base = { id, scope, workload, why, risk };
  const rows = setting.places(machine).flatMap((place): TuneRow[] => {
    const text = machine.read(place);
    const finding = text === null ? null : setting.judge(text, machine, place);
    if (finding === null) return [];
    return [{ ...base, place, ...finding, command: commandOf(setting, finding.wanted, place) }];
  });
  if (rows.length > 0) return rows;
  return [{ ...base, place: null, current: "", wanted: "", state: "absent", command: "" }];
}

function commandOf(setting: Setting, wanted: string, place: string): string {
  if (setting.command !== undefined) return setting.command(wanted, place);
  if (place.startsWith("proc/sys/")) return `sysctl -w ${place.slice(9).replaceAll("/", ".")}=${quoted(wanted)}`;
  return `echo ${quoted(wanted)} > /${place}`;
}

function quoted(value: string): string {
  return value.includes(" ") ? `'${value}'` : value;
}
