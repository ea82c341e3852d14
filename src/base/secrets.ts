/** Reads what a configuration only points to. Secrets are never part of `Config`, of messages or of logs. */
import { readFileSync } from "node:fs";
import { WeirError } from "./errors.ts";
import { defineMessages, say } from "./language.ts";

/** Where a secret is kept; never the secret itself. */
export type Secret = { readonly kind: "env"; readonly name: string } | { readonly kind: "file"; readonly path: string };

const messages = defineMessages({
  envMissing: { en: "the environment variable {place} is not set", zh: "未设置环境变量 {place}" },
  fileEmpty: {
    en: "the file {place} is empty or too large to be a secret",
    zh: "文件 {place} 为空，或过大而不像机密",
  },
  setHint: { en: "put the secret there before starting the gateway", zh: "请在启动网关前将机密放在该处" },
  unreadable: { en: "cannot read {file}: {reason}", zh: "无法读取 {file}：{reason}" },
  unreadableHint: { en: "check the path and its permissions", zh: "请检查路径与权限" },
});

/** Longer than any token or key; larger files are the wrong file. */
const secretBytesMax = 1024 * 1024;

/** The secret, without the line end that editors add. Throws a WeirError that names its place and never its value. */
export function readSecret(secret: Secret): string {
  const value = secret.kind === "env" ? process.env[secret.name] : readFile(secret.path);
  const place = secret.kind === "env" ? secret.name : secret.path;
  const trimmed = (value ?? "").replace(/\r?\n$/, "");
  if (trimmed !== "" && trimmed.length <= secretBytesMax) return trimmed;
  const problem = secret.kind === "env" ? messages.envMissing : messages.fileEmpty;
  throw new WeirError("config.secret", say(problem, { place }), { hint: say(messages.setHint, { place }) });
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
