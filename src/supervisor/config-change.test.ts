import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Config, parseConfig } from "../config/mod.ts";
import { filesFingerprint, needsProcesses } from "./config-change.ts";

function config(text: string): Config {
  const result = parseConfig(text, "test.yaml");
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

test("listeners, workers and the access log need new processes, everything else does not", () => {
  const present = config("workers: 2");
  const changed = [
    "workers: 3",
    "workers: 2\ncpuPinning: on",
    "workers: 2\naccessLog: {}",
    'workers: 2\nlisteners: { a: { address: "[::1]:1" } }',
  ];
  expect(changed.map((text) => needsProcesses(present, config(text)))).toEqual([true, true, true, true]);
  expect(needsProcesses(present, config("workers: 2\nroutes: [{ match: { path: / }, respond: {} }]"))).toBe(false);
});

test("a file that the configuration names changes its fingerprint", () => {
  const folder = mkdtempSync(join(tmpdir(), "weir-files-"));
  const file = join(folder, "token");
  const named = config(`admin: { token: { file: ${file} } }`);
  const without = filesFingerprint(named);
  writeFileSync(file, "one");
  const before = filesFingerprint(named);
  writeFileSync(file, "three");
  expect(new Set([without, before, filesFingerprint(named)]).size).toBe(3);
  expect(filesFingerprint(config("workers: 1"))).toBe("");
  rmSync(folder, { recursive: true });
});
