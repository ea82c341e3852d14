/**
 * Writes the documents that are made from the program:
 *
 *     bun docs/generate.ts
 *
 * `configuration.md` and `weir.schema.json` from the schema, `outcomes.md` from the table of outcomes. The last column of
 * `outcomes.md`, what to do, is written by hand there and kept; a test fails where it is missing or anything is stale.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type OutcomeRow, outcomeRows } from "../src/base/mod.ts";
import { configurationReference, defaultConfigText, jsonSchema } from "../src/config/mod.ts";

const root = join(import.meta.dir, "..");

/** Every generated file by its path from the root, with the text it must have. */
export function generatedFiles(): Map<string, string> {
  const outcomesFile = join(root, "docs/outcomes.md");
  const outcomes = existsSync(outcomesFile) ? readFileSync(outcomesFile, "utf8") : "";
  return new Map([
    ["docs/configuration.md", configurationReference()],
    ["docs/weir.schema.json", `${JSON.stringify(jsonSchema(), null, 2)}\n`],
    ["docs/outcomes.md", outcomesDocument(outcomes)],
    ["examples/default.yaml", defaultConfigText],
  ]);
}

/** What each row of `outcomes.md` says under "what to do", by code. */
export function adviceOf(document: string): Map<number, string> {
  const rows = document.split("\n").filter((line) => /^\| \d+ \|/.test(line));
  const cells = rows.map((line) => line.split("|").map((cell) => cell.trim()));
  return new Map(cells.map((row) => [Number(row[1]), row[7] ?? ""]));
}

const outcomesIntroduction = `# Outcomes

Every way a request can end. The code is the \`outcome\` label in metrics and the access log, the name is the \`code\` of the
gateway's own problem answers (RFC 9457); neither is ever reused. Rows are generated from \`src/base/outcomes.ts\` by
\`bun docs/generate.ts\`; the last column is written here.

*Status* is that of the gateway's own answer; where there is none, the connection just ends or the upstream's answer was
passed on. *Retry*: \`safe\`, nothing was sent upstream, so repeat at will; \`never\`, something may have been sent, so repeat
only what is idempotent; \`done\`, there is nothing to repeat.

| code | name | status | origin | retry | meaning | what to do |
| --- | --- | --- | --- | --- | --- | --- |
`;

function outcomesDocument(existing: string): string {
  const advice = adviceOf(existing);
  const rows = outcomeRows.map((row) => outcomeLine(row, advice.get(row.code) ?? ""));
  return `${outcomesIntroduction}${rows.join("\n")}\n`;
}

function outcomeLine({ code, name, status, origin, retry, title }: OutcomeRow, advice: string): string {
  return `| ${code} | \`${name}\` | ${status === 0 ? "" : status} | ${origin} | ${retry} | ${title} | ${advice} |`;
}

if (import.meta.main) {
  for (const [path, text] of generatedFiles()) {
    writeFileSync(join(root, path), text);
    console.log(`wrote ${path}`);
  }
  const missing = [...adviceOf(readFileSync(join(root, "docs/outcomes.md"), "utf8"))].filter(([, text]) => text === "");
  for (const [code] of missing) console.log(`docs/outcomes.md: write what to do about outcome ${code}`);
}
