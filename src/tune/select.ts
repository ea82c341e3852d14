/** Which settings can be measured here, and why the others cannot. */
import type { Message } from "../base/mod.ts";
import type { TuneRow } from "./inspect.ts";
import type { Machine } from "./machine.ts";
import { messages } from "./messages.ts";

export interface Selection {
  readonly rows: readonly TuneRow[];
  readonly left: readonly { readonly row: TuneRow; readonly reason: Message }[];
}

/** @param withMachine also what concerns the whole machine, changed for seconds and restored */
export function selectMeasurable(
  all: readonly TuneRow[],
  machine: Machine,
  named: readonly string[],
  withMachine: boolean,
): Selection {
  const asked = named.length === 0 ? all : all.filter(({ id }) => named.includes(id));
  const judged = asked.map((row) => ({ row, reason: reasonAgainst(row, machine, withMachine) }));
  return {
    rows: judged.flatMap(({ row, reason }) => (reason === null ? [row] : [])),
    left: judged.flatMap(({ row, reason }) => (reason === null ? [] : [{ row, reason }])),
  };
}

function reasonAgainst(row: TuneRow, machine: Machine, withMachine: boolean): Message | null {
  if (row.place === null) return messages.noPlace;
  if (row.workload === null) return row.scope === "process" ? messages.ofProcesses : messages.noLoopback;
  if (row.wanted === row.current) return messages.alreadySo;
  if (row.scope === "machine" && !withMachine) return messages.machineWide;
  // The value of now changes nothing, and shows whether it may be written.
  return machine.write(row.place, row.current) === null ? null : messages.notWritable;
}
