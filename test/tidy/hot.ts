/**
 * What a file whose first comment says `@hot` may not do within a function that runs per request: allocate, or leave it to
 * the runtime to. Constructors and what stands at module level run once and are free; a function whose comment says `@cold`
 * is one that does not run per request.
 */
import type { Rule } from "./rules.ts";
import { type Breach, type FunctionSpan, functionsOf, type SourceFile, sources } from "./source.ts";

/** Each pattern is tried on a line of code without comments and without the insides of strings. */
const forbidden: readonly (readonly [RegExp, string])[] = [
  [/(?:[=(,?[]|: |\breturn|=>|&&|\|\||\?\?)\s*\{(?!$)/, "an object literal"],
  [/(?:[=(,?[]|\breturn|=>|&&|\|\||\?\?)\s*\{$/, "an object literal"],
  [/(?:[=(,?:{]|\breturn|=>|&&|\|\||\?\?)\s*\[/, "an array literal"],
  [/\b(?:const|let)\s*\[/, "destructuring by iterator"],
  [/=>|\bfunction\b/, "a closure"],
  [/\.\.\./, "spread"],
  [/`/, "a template string"],
  [/\.(?:slice|subarray)\(/, "slice or subarray"],
  [/\basync\b|\bawait\b|\bnew Promise\b/, "a promise"],
  [/\bfor\b.*\bof\b|\.(?:entries|values|keys|forEach|map|filter|reduce)\(/, "an iterator or a callback"],
  [/\bJSON\./, "JSON"],
  [/\b\d+n\b|\bBigInt\b/, "bigint"],
];

function isHot({ text }: SourceFile): boolean {
  const end = text.indexOf("*/");
  return end > 0 && text.slice(0, end).includes("@hot");
}

/** Functions at module level and methods, without constructors and cold ones. */
function hotFunctions(file: SourceFile): FunctionSpan[] {
  return functionsOf(file).filter(
    ({ name, indentation, comment }) => indentation <= 2 && name !== "constructor" && !comment.includes("@cold"),
  );
}

export function hotBreaches(file: SourceFile): Breach[] {
  if (!isHot(file)) return [];
  const found: Breach[] = [];
  for (const { name, bodyLine, endLine } of hotFunctions(file)) {
    // A closing line can only end the body: what stands on the opening line belongs to the signature.
    for (let line = bodyLine + 1; line < endLine; line++) {
      const code = file.codeLines[line - 1]!;
      if (/^\s*(?:case\b.*|default): \{$/.test(code) || /\bassert\(|\bthrow\b/.test(code)) continue;
      const broken = forbidden.find(([pattern]) => pattern.test(code));
      if (broken !== undefined) found.push({ path: file.path, line, why: `${broken[1]} in ${name}, which is @hot` });
    }
  }
  return found;
}

export const hotRules: readonly Rule[] = [
  {
    name: "what runs per request allocates nothing in files marked @hot",
    advice:
      "use records of the pool, offsets and loops; mark a function that does not run per request @cold, and say why",
    find: () => sources.filter(({ path }) => path.startsWith("src/")).flatMap(hotBreaches),
  },
];
