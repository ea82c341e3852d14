/** What an experiment is: a name, a method in plain words, a guess of its time, and a run that returns figures. */
import type { Context } from "../context.ts";
import type { Measured } from "../measure.ts";
import type { Profile } from "../profile.ts";
import type { HeatPlot, Outcome } from "../result.ts";
import { plainText, type Text, textOf } from "../text.ts";
import { common } from "./messages.ts";

export interface Experiment {
  readonly name: string;
  readonly title: Text;
  readonly method: Text;
  /** `weir`: restarts, kills or reads metrics, which only a gateway that we started allows. */
  readonly needs: "any" | "weir";
  estimateSeconds(profile: Profile): number;
  run(context: Context): Promise<Outcome>;
}

/** Milliseconds from the microseconds that load results have. */
export function msOf(us: number): number {
  return us / 1000;
}

/** Why a run proves nothing, or null. */
export function voidReason({ isVoid, load }: Measured): Text | null {
  if (!isVoid) return null;
  return textOf(common.voided, { reasons: plainText(load.verdict.reasons.join("; ")) });
}

/** Latency over time of a run, warm-up included. */
export function heatOf({ load }: Measured, title: Text): HeatPlot {
  const { secondsPerPoint, points } = load.series;
  const cells = points.flatMap((point) => {
    const column: [number, number, number][] = [];
    for (let at = 0; at < point.column.length; at += 2) {
      column.push([point.second, point.column[at]!, point.column[at + 1]!]);
    }
    return column;
  });
  const scale = secondsPerPoint > 1 ? ` / ${secondsPerPoint} s` : "";
  return { kind: "heat", title, x: { title: plainText(`s${scale}`) }, cells: thinned(cells) };
}

/** A heat map of an hour has more cells than anybody sees; equal latencies within a tenth are joined. */
function thinned(cells: readonly (readonly [number, number, number])[]): [number, number, number][] {
  const joined = new Map<string, [number, number, number]>();
  for (const [second, us, count] of cells) {
    const row = Math.floor(Math.log2(Math.max(1, us)) * 6);
    const key = `${second} ${row}`;
    const cell = joined.get(key);
    if (cell === undefined) joined.set(key, [second, Math.round(2 ** (row / 6)), count]);
    else cell[2] += count;
  }
  return [...joined.values()];
}

/** Errors by kind as people read them, `timeout 3, reset 1`. */
export function errorsText(errors: Readonly<Record<string, number>>): string {
  const kinds = Object.entries(errors).filter(([kind, count]) => kind !== "total" && count > 0);
  return kinds.length === 0 ? "0" : kinds.map(([kind, count]) => `${kind} ${count}`).join(", ");
}
