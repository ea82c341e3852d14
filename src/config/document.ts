/**
 * Other YAML files of Weir (load scenarios) under the same discipline as the configuration: a schema made of the blocks of
 * leaf.ts and names.ts, every problem at once, each with its file, line and column.
 */
import { LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { messages } from "./messages.ts";
import { Places, type Problem } from "./places.ts";
import { schemaProblems } from "./problems.ts";

/** @param file the name used in problems */
export function parseDocumentWith<T>(
  schema: z.ZodType<T, unknown>,
  text: string,
  file: string,
): { readonly value: T } | { readonly problems: readonly Problem[] } {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, version: "1.2", uniqueKeys: true, merge: true });
  const places = new Places(text, file, document, lineCounter);
  // What follows the first broken place is an echo of it.
  const [broken] = document.errors;
  if (broken !== undefined) return { problems: [places.yamlProblem(broken)] };
  const raw: unknown = document.toJS({ maxAliasCount: 1000 });
  if (raw === null || raw === undefined) {
    return { problems: [places.problemAt([], "config.empty", messages.empty, messages.emptyHint, {})] };
  }
  const result = schema.safeParse(raw);
  if (result.success) return { value: result.data };
  return { problems: places.inOrder(schemaProblems(result.error.issues, raw, places)) };
}
