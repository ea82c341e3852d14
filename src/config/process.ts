/** How many worker processes run and where. */
import { availableParallelism } from "node:os";
import { leaf, show } from "./leaf.ts";
import { messages } from "./messages.ts";

const workersMax = 256;

export const workers = leaf<number | "auto">(
  { type: "number or auto", range: `1 to ${workersMax}` },
  { anyOf: [{ type: "integer", minimum: 1, maximum: workersMax }, { const: "auto" }] },
  {
    default: "auto",
    why: "Worker processes. `auto` is one per core this process may use: a worker is one event loop and fills one core, so more only adds switching.",
  },
  (input) => {
    if (input === "auto") return { value: "auto" };
    if (typeof input === "number" && Number.isInteger(input) && input >= 1 && input <= workersMax)
      return { value: input };
    const values = { choices: `auto, 1 to ${workersMax}`, found: show(input) };
    return { problem: messages.oneOf, hint: null, values };
  },
);

export const cpuPinning = leaf<boolean | number[]>(
  { type: "on, off or a list of core numbers" },
  { anyOf: [{ enum: [true, false, "on", "off"] }, { type: "array", items: { type: "integer", minimum: 0 } }] },
  {
    default: "off",
    why: "Binds worker i to the i-th core (`on`) or to the i-th core of a list. Off by default: it helps only when the network card's interrupts are bound to the same cores, and hurts when other programs share them.",
  },
  (input) => {
    if (input === "on" || input === true) return { value: true };
    if (input === "off" || input === false) return { value: false };
    const isCore = (core: unknown): boolean => Number.isInteger(core) && Number(core) >= 0 && Number(core) < 1024;
    if (Array.isArray(input) && input.length > 0 && input.every(isCore)) return { value: input as number[] };
    return { problem: messages.oneOf, hint: null, values: { choices: "on, off, [0, 1, ...]", found: show(input) } };
  },
);

/** The number of workers that `auto` stands for on this machine. */
export function workersCount(configured: number | "auto"): number {
  return configured === "auto" ? Math.min(availableParallelism(), workersMax) : configured;
}
