/**
 * Faults of processes: stand still (SIGSTOP, then SIGCONT), and end. A process is known by its number and the time it
 * started, so that a number given to another program meanwhile is never signalled; the command itself, its parents and
 * process 1 are refused. A pause always ends with SIGCONT, also when the command is interrupted.
 */
import { readFileSync } from "node:fs";
import { say, WeirError } from "../base/mod.ts";
import { messages } from "./messages.ts";

export interface ProcessTarget {
  readonly pid: number;
  readonly command: string;
  /** In clock ticks since the machine's start. */
  readonly startedTicks: string;
}

/** Throws `WeirError` `chaos.pid` for what is no process, or none that should be disturbed. */
export function processTarget(text: string): ProcessTarget {
  const pid = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
  const found = pid === 0 ? null : readProcess(pid);
  if (found === null) throw refused(text, say(messages.pidNone));
  if (pid === 1 || ownLine().includes(pid)) throw refused(text, say(messages.pidSelf));
  return found;
}

/** Sends a signal; nothing is sent when the process has ended. Returns whether it was there. */
export function killProcess(target: ProcessTarget, signal: NodeJS.Signals): boolean {
  if (!isAlive(target)) return false;
  try {
    process.kill(target.pid, signal);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "ESRCH") return false;
    throw refused(String(target.pid), say(messages.pidDenied));
  }
}

/** Stops the process for so long, or until `signal` fires. Resolves with whether it lived to go on. */
export async function pauseProcess(target: ProcessTarget, forMs: number, signal: AbortSignal): Promise<boolean> {
  if (!killProcess(target, "SIGSTOP")) return false;
  try {
    if (!signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, forMs);
      signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
      clearTimeout(timer);
    }
  } finally {
    killProcess(target, "SIGCONT");
  }
  return isAlive(target);
}

function isAlive(target: ProcessTarget): boolean {
  return readProcess(target.pid)?.startedTicks === target.startedTicks;
}

/** Null when there is none, or only its remains. */
function readProcess(pid: number): ProcessTarget | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name stands in brackets and may hold anything; fields count from behind it (proc(5): state is field 3).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return null;
    const command = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
    return { pid, command, startedTicks: fields[19] ?? "" };
  } catch {
    // No such file: no such process. That is what was asked.
    return null;
  }
}

/** This process and its parents. */
function ownLine(): number[] {
  const line: number[] = [];
  for (let pid = process.pid; pid > 1 && line.length < 100; ) {
    line.push(pid);
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    pid = Number(status.match(/^PPid:\s+(\d+)/m)?.[1] ?? 0);
  }
  return line;
}

function refused(text: string, reason: string): WeirError {
  return new WeirError("chaos.pid", say(messages.pid, { text }), { hint: say(messages.pidHint, { reason }) });
}
