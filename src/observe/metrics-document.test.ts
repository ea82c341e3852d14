import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { allMetricRows } from "./metric-table.ts";
import { metricsDocument, metricsDocumentPath } from "./metrics-document.ts";

test("docs/metrics.md is what the tables say; `bun src/observe/metrics-document.ts` writes it anew", () => {
  expect(readFileSync(metricsDocumentPath, "utf8")).toBe(metricsDocument());
});

test("names carry the prefix and their units, and counters end in _total", () => {
  const odd = allMetricRows.filter(({ name, kind }) => {
    const isTotal = name.endsWith("_total");
    return !/^weir_[a-z0-9_]+$/.test(name) || isTotal !== (kind === "counter");
  });
  expect(odd).toEqual([]);
});
