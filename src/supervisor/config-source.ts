/**
 * Where the supervisor gets its configuration: a file, read again at each reload and restart, or the built-in default.
 *
 * A reload may meet a file that an editor is still writing, and half a file can be a valid one with fewer routes. So a file
 * that changed within the last moment is looked at again until it rests. Limit: a writer that pauses longer than that.
 */
import { statSync } from "node:fs";
import { type Clock, say, WeirError } from "../base/mod.ts";
import { defaultConfig, type LoadResult, loadConfig } from "../config/mod.ts";
import { messages } from "./messages.ts";

/** An editor writes a file within milliseconds. */
const restingMs = 200;
const waitMsMax = 5000;

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
      return loadConfig(file);
    },
  };
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
