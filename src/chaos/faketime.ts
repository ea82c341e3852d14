/**
 * A wall clock that is off, for one program and what it starts: libfaketime is loaded into it and reads the offset from a
 * file at every look at the clock, so that writing the file steps the clock while the program runs. The monotonic clock stays
 * true, as it does on a machine whose clock is stepped; nothing else on the machine is touched.
 *
 * Each look at the wall clock opens the file: microseconds, so a program under it is slower and no speed is measured there.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { say, WeirError } from "../base/mod.ts";
import { parseDurationMs } from "../config/mod.ts";
import { messages } from "./messages.ts";

/** Where distributions put the library. `MT` is built for programs with threads, which runtimes are. */
const libraryPlaces = [
  ...["x86_64-linux-gnu", "aarch64-linux-gnu"].flatMap((arch) => [`/usr/lib/${arch}/faketime`]),
  "/usr/lib/faketime",
  "/usr/lib64/faketime",
  "/usr/local/lib/faketime",
].flatMap((folder) => [`${folder}/libfaketimeMT.so.1`, `${folder}/libfaketime.so.1`]);

export class ClockFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Steps the clock of every program that reads the file. */
  set(offsetMs: number): void {
    // A reader never sees half of it: the new file takes the old one's place in one step.
    const next = `${this.path}.next`;
    writeFileSync(next, `${offsetMs < 0 ? "-" : "+"}${(Math.abs(offsetMs) / 1000).toFixed(3)}\n`);
    renameSync(next, this.path);
  }

  get offsetMs(): number {
    return Number(readFileSync(this.path, "utf8").trim()) * 1000;
  }

  remove(): void {
    rmSync(this.path, { force: true });
    rmSync(`${this.path}.next`, { force: true });
  }
}

/** A file of its own for this process, at no offset. @param path instead of the usual place */
export function newClockFile(path: string | null = null): ClockFile {
  if (path === null) mkdirSync(folder(), { recursive: true, mode: 0o700 });
  const file = new ClockFile(path ?? join(folder(), `${process.pid}.clock`));
  file.set(0);
  return file;
}

/** The file of the only program that runs under a clock of ours. */
export function findClockFile(path: string | null): ClockFile {
  if (path !== null && existsSync(path)) return new ClockFile(path);
  const found = path !== null || !existsSync(folder()) ? [] : readdirSync(folder()).filter(isInUse);
  const [only] = found;
  if (found.length === 1 && only !== undefined) return new ClockFile(join(folder(), only));
  const message = found.length === 0 ? say(messages.clockNone) : say(messages.clockSeveral, { count: found.length });
  const hint =
    found.length === 0
      ? say(messages.clockHint)
      : found.map((each) => `--file ${join(folder(), each)}`).join("\n      ");
  throw new WeirError("chaos.clock", message, { hint });
}

/** What a program's environment needs to run by that clock. */
export function clockEnvironment(file: ClockFile): Record<string, string> {
  const library = [process.env["WEIR_FAKETIME"] ?? "", ...libraryPlaces].find(
    (place) => place !== "" && existsSync(place),
  );
  if (library === undefined) {
    throw new WeirError("chaos.no-faketime", say(messages.noFaketime), { hint: say(messages.noFaketimeHint) });
  }
  const others = process.env["LD_PRELOAD"];
  return {
    LD_PRELOAD: others === undefined || others === "" ? library : `${library}:${others}`,
    FAKETIME_TIMESTAMP_FILE: file.path,
    FAKETIME_NO_CACHE: "1",
    DONT_FAKE_MONOTONIC: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    NO_FAKE_STAT: "1",
  };
}

/** Milliseconds, from `+500s`, `-5m`, `0`. Throws `WeirError` `chaos.offset`. */
export function parseOffset(text: string): number {
  const parts = /^([+-]?)(.+)$/.exec(text);
  const size = parts === null ? null : parts[2] === "0" ? 0 : parseDurationMs(parts[2]!);
  if (size === null)
    throw new WeirError("chaos.offset", say(messages.offset, { text }), { hint: say(messages.offsetHint) });
  return parts![1] === "-" ? 0 - size : size;
}

/** As people read it: `+500 s`. */
export function formatOffset(offsetMs: number): string {
  return `${offsetMs < 0 ? "-" : "+"}${Math.abs(offsetMs) / 1000} s`;
}

function folder(): string {
  return join(process.env["XDG_RUNTIME_DIR"] ?? tmpdir(), `weir-clock-${process.getuid?.() ?? 0}`);
}

/** Files are named by the process that made them; those of processes long gone are left out. */
function isInUse(name: string): boolean {
  const pid = /^(\d+)\.clock$/.exec(name)?.[1];
  return pid !== undefined && existsSync(`/proc/${pid}`);
}
