import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { adviceOf, generatedFiles } from "../../docs/generate.ts";

const root = join(import.meta.dir, "../..");
const read = (path: string): string => (existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : "");

test("the generated documents are fresh (bun docs/generate.ts writes them anew)", () => {
  const stale = [...generatedFiles()].filter(([path, text]) => read(path) !== text).map(([path]) => path);
  expect(stale).toEqual([]);
});

test("every outcome says what to do, in the last column of docs/outcomes.md", () => {
  const missing = [...adviceOf(read("docs/outcomes.md"))].filter(([, advice]) => advice === "").map(([code]) => code);
  expect(missing).toEqual([]);
});
