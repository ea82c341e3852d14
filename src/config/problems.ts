/** Turns what zod found into problems that say what would be right. */
import type { z } from "zod";
import { type LeafProblem, show } from "./leaf.ts";
import { messages } from "./messages.ts";
import { nearest } from "./nearest.ts";
import type { Path, Places, Problem } from "./places.ts";

type Issue = z.core.$ZodIssue;

export function schemaProblems(issues: readonly Issue[], raw: unknown, places: Places): Problem[] {
  return issues.flatMap((issue) => problemsOf(issue, issue.path as Path, raw, places));
}

function problemsOf(issue: Issue, path: Path, raw: unknown, places: Places): Problem[] {
  switch (issue.code) {
    case "custom":
      return [leafProblem(issue, path, places, false)];
    case "invalid_key":
      return issue.issues.flatMap((inner) => (inner.code === "custom" ? [leafProblem(inner, path, places, true)] : []));
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(key, issue.message.split(" "), path, places));
    case "invalid_union":
      return unionProblems(issue, path, raw, places);
    case "too_small":
    case "too_big":
      return [lengthProblem(issue, path, raw, places)];
    default:
      return [wrongTypeProblem(expectedOf(issue), path, raw, places)];
  }
}

function leafProblem(issue: Issue & { code: "custom" }, path: Path, places: Places, isKey: boolean): Problem {
  const { leaf } = issue.params as { leaf: LeafProblem };
  const code = leaf.problem === messages.missing ? "config.missing" : "config.value";
  return places.problemAt(path, code, leaf.problem, leaf.hint, { key: lastOf(path), ...leaf.values }, isKey);
}

function unknownKey(key: string, known: readonly string[], path: Path, places: Places): Problem {
  const guess = nearest(key, known);
  const hint = guess === null ? messages.knownKeys : messages.didYouMean;
  const values = { key, guess: guess ?? "", keys: known.join(", ") };
  return places.problemAt([...path, key], "config.unknown-key", messages.unknownKey, hint, values, true);
}

/** A union is `off` or a section: the branch that looked inside the value knows more than the one that did not. */
function unionProblems(issue: Issue & { code: "invalid_union" }, path: Path, raw: unknown, places: Places): Problem[] {
  const isAbout = (inner: Issue): boolean =>
    inner.path.length > 0 || (inner.code !== "invalid_value" && inner.code !== "invalid_type");
  const branch = issue.errors.find((errors) => errors.every(isAbout));
  if (branch === undefined) return [wrongTypeProblem("off or settings", path, raw, places)];
  return branch.flatMap((inner) => problemsOf(inner, [...path, ...(inner.path as Path)], raw, places));
}

function lengthProblem(
  issue: Issue & { code: "too_small" | "too_big" },
  path: Path,
  raw: unknown,
  places: Places,
): Problem {
  const bound = issue.code === "too_small" ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
  const found = valueAt(raw, path);
  const count = Array.isArray(found) ? `${found.length}` : show(found);
  return places.problemAt(path, "config.value", messages.wrongType, null, {
    expected: `${bound} entries`,
    found: count,
  });
}

function expectedOf(issue: Issue): string {
  const expected = issue.code === "invalid_type" ? issue.expected : "";
  return expected === "array"
    ? "a list"
    : expected === "object" || expected === "record"
      ? "a map of settings"
      : "another value";
}

function wrongTypeProblem(expected: string, path: Path, raw: unknown, places: Places): Problem {
  const found = valueAt(raw, path);
  if (found === undefined)
    return places.problemAt(path, "config.missing", messages.missing, null, { expected, key: lastOf(path) });
  return places.problemAt(path, "config.value", messages.wrongType, null, { expected, found: show(found) });
}

function lastOf(path: Path): string {
  return String(path[path.length - 1] ?? "");
}

function valueAt(raw: unknown, path: Path): unknown {
  let value = raw;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
