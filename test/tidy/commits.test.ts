import { expect, test } from "bun:test";
import { commitSubjects } from "./source.ts";

const SUBJECT_LENGTH_MAX = 72;
/** From before the rule had a test. */
const known = new Set([
  "gateway: a drain closes idle connections late, after a notice could reach them",
  "gateway: 405 names the methods, busy polling is set, two idle settings go",
  "gateway: a wait for a connection ends the wait, not the request's own limit",
  "config: weir check, generated references, examples, every problem at once",
]);

test("every commit's subject is `area: what changed`, in at most 72 characters", () => {
  const wrong = commitSubjects.filter(
    (subject) =>
      !known.has(subject) && (subject.length > SUBJECT_LENGTH_MAX || !/^[a-z][a-z0-9/, .-]*: \S/i.test(subject)),
  );
  expect(wrong).toEqual([]);
});
