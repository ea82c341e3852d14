/** Reads what a configuration only points to. Secrets are never part of `Config`, of messages or of logs. */
import { readFileSync } from "node:fs";
import { say, WeirError } from "../base/mod.ts";
import { messages } from "./messages.ts";
import type { Secret } from "./names.ts";

/** Longer than any token or key; larger files are the wrong file. */
const secretBytesMax = 1024 * 1024;

/** The secret, without the line end that editors add. Throws a WeirError that names its place and never its value. */
export function readSecret(secret: Secret): string {
  const value = secret.kind === "env" ? process.env[secret.name] : readFile(secret.path);
  const place = secret.kind === "env" ? secret.name : secret.path;
  const trimmed = (value ?? "").replace(/\r?\n$/, "");
  if (trimmed !== "" && trimmed.length <= secretBytesMax) return trimmed;
  const problem = secret.kind === "env" ? messages.secretEnvMissing : messages.secretFileEmpty;
  throw new WeirError("config.secret", say(problem, { place }), { hint: say(messages.secretSetHint, { place }) });
}

function readFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new WeirError("config.secret", say(messages.unreadable, { file: path, reason }), {
      hint: say(messages.unreadableHint),
      cause: error,
    });
  }
}
