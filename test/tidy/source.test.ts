import { expect, test } from "bun:test";
import { hotBreaches } from "./hot.ts";
import { whyNot } from "./layers.ts";
import { blank, functionsOf, type SourceFile } from "./source.ts";

function fileOf(text: string): SourceFile {
  const code = blank(text);
  return { path: "src/x/y.ts", text, lines: text.split("\n"), code, codeLines: code.split("\n") };
}

test("comments and the insides of strings, templates and patterns are blanked, code stays where it was", () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the template is what is scanned.
  const text = 'a("x{y") // {\nb(`p ${c({ d })} q`); /* } */ const r = /[/"]{2}/g; e / f;';
  const code = blank(text);
  expect(code.length).toBe(text.length);
  expect(code.replaceAll(/ +/g, " ")).toBe('a(" ") \nb(` {c({ d })} `); const r = / /g; e / f;');
});

test("a function is found with its body and its comment", () => {
  const text =
    "/** @cold */\nexport function one(\n  a: number,\n): void {\n  if (a) {\n  }\n}\nclass C {\n  two(): void {\n  }\n}\n";
  const spans = functionsOf(fileOf(text)).map(({ name, line, bodyLine, endLine, comment }) => ({
    name,
    line,
    bodyLine,
    endLine,
    comment,
  }));
  expect(spans).toEqual([
    { name: "one", line: 2, bodyLine: 4, endLine: 7, comment: "/** @cold */" },
    { name: "two", line: 9, bodyLine: 9, endLine: 10, comment: "" },
  ]);
});

test("what allocates is found in hot functions, and not in cold ones, constructors and at module level", () => {
  const text = `/** @hot */
const table = [1, 2];
class C {
  constructor() {
    this.list = [];
  }
  hot(): void {
    const a = { b: 1 };
    this.each((x) => x);
    switch (a) {
      case 1: {
      }
    }
    const { c } = this;
    d[0] = e[1];
  }
  /** Runs once. @cold */
  cold(): void {
    return [...table];
  }
}
`;
  expect(hotBreaches(fileOf(text)).map(({ line }) => line)).toEqual([8, 9]);
});

test("layers: down is allowed, up and sideways are not, proof and product never meet", () => {
  const asked = [
    "gateway>upstream",
    "upstream>gateway",
    "upstream>lanes",
    "load>gateway",
    "gateway>load",
    "cli>load",
    "prove>load",
  ];
  const allowed = asked.filter((pair) => {
    const [from, to] = pair.split(">");
    return whyNot(from!, to!) === "";
  });
  expect(allowed).toEqual(["gateway>upstream", "cli>load", "prove>load"]);
});
