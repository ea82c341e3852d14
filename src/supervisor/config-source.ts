/**
 * Where the supervisor gets its configuration: a file, read again at each reload and restart, or the built-in default.
 *
 * A reload may meet a file that an editor is still writing, and half a file can be a valid one with fewer routes. So a file
 * that changed within the last moment is looked at again until it rests. Limit: a writer that pauses longer than that.
 * A large file is loaded in a process of its own: checking ten thousand routes takes seconds.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { assert, type Clock, say, WeirError } from "../base/mod.ts";
import { defaultConfig, type LoadResult, loadConfig } from "../config/mod.ts";
import { messages } from "./messages.ts";

/** An editor writes a file within milliseconds. */
const restingMs = 200;
const waitMsMax = 5000;
/** A few hundred routes, which take a tenth of a second to check: what is larger is loaded beside. */
const besideBytesMin = 32 * 1024;

export interface ConfigSource {
  /** For people; null for the built-in default. */
  readonly file: string | null;
  load(): Promise<LoadResult>;
}

/**
 * @param file null for the built-in default
 * @param exampleAddress where the default's upstream listens, when not at the usual address
 */
export function configSource(file: string | null, clock: Clock, exampleAddress: string | null = null): ConfigSource {
  if (file === null) return { file, load: async () => ({ config: defaultConfig(exampleAddress ?? undefined) }) };
  return {
    file,
    load: async () => {
      await untilResting(file, clock);
      const bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
      return bytes < besideBytesMin ? loadConfig(file) : loadBeside(file);
    },
  };
}

/** Loads in a process of its own, so that the supervisor replaces crashed workers and answers scrapes meanwhile. */
async function loadBeside(file: string): Promise<LoadResult> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "config-loader.ts"), file], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const text = await new Response(child.stdout).text();
  assert((await child.exited) === 0, "loading a configuration reports problems and never fails");
  return JSON.parse(text) as LoadResult;
}

async function untilResting(file: string, clock: Clock): Promise<void> {
  const beganMs = clock.monotonicMs();
  let last = fingerprint(file);
  // A time stamp from the future (a copied file, a stepped clock) says nothing about when the file was written.
  const ageMs = clock.wallMs() - last.modifiedMs;
  if (ageMs < 0 || ageMs >= restingMs) return;
  for (;;) {
    await Bun.sleep(restingMs);
    const now = fingerprint(file);
    if (now.text === last.text) return;
    last = now;
    if (clock.monotonicMs() - beganMs < waitMsMax) continue;
    throw new WeirError("config.being-written", say(messages.beingWritten, { file, seconds: waitMsMax / 1000 }), {
      hint: say(messages.beingWrittenHint),
    });
  }
}

function fingerprint(file: string): { text: string; modifiedMs: number } {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return { text: "none", modifiedMs: 0 };
  return { text: `${found.ino} ${found.size} ${found.mtimeMs}`, modifiedMs: found.mtimeMs };
}
