import { expect, test } from "bun:test";
import { join } from "node:path";
import { paths, root } from "./source.ts";

const files = paths.filter((path) => /^src\/.*messages\.ts$/.test(path));
const placeholders = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort();

function isMessage(value: unknown): value is { en: string; zh: string } {
  return typeof value === "object" && value !== null && "en" in value && typeof value.en === "string";
}

function problemOf({ en, zh }: { en: string; zh: string }): string {
  if (en.trim() === "" || typeof zh !== "string" || zh.trim() === "") return "lacks a language";
  if (JSON.stringify([...new Set(placeholders(en))]) !== JSON.stringify([...new Set(placeholders(zh))])) {
    return `has other placeholders in Chinese: ${placeholders(en)} and ${placeholders(zh)}`;
  }
  return /[a-z]{3,} [a-z]{3,} [a-z]{3,}/.test(en) && !/\p{Script=Han}/u.test(zh) ? "is not translated" : "";
}

test("every message is there in English and Chinese, with the same placeholders", async () => {
  const wrong: string[] = [];
  let count = 0;
  for (const path of files) {
    const door = (await import(join(root, path))) as Record<string, unknown>;
    for (const table of Object.values(door)) {
      for (const [name, message] of Object.entries(table as object)) {
        if (!isMessage(message)) continue;
        count++;
        const problem = problemOf(message);
        if (problem !== "") wrong.push(`${path}: ${name} ${problem}`);
      }
    }
  }
  expect(count).toBeGreaterThan(50);
  expect(wrong).toEqual([]);
});
