import { expect, test } from "bun:test";
import { Random } from "../base/mod.ts";
import { noChecks, type PlanClass } from "./plan.ts";
import { RequestTemplate, templateProblem } from "./template.ts";

function render(changes: Partial<PlanClass>, count = 1, process = 0, keepsAlive = true): string[] {
  const plan: PlanClass = {
    name: "a",
    weight: 1,
    method: "GET",
    path: "/",
    headers: [],
    body: null,
    checks: noChecks,
    ...changes,
  };
  const source = { random: new Random(5), counterStart: process, counterStep: 3 };
  const template = new RequestTemplate(plan, { authority: "h:8080", keepsAlive }, source);
  return Array.from({ length: count }, () => {
    template.render();
    return Buffer.from(template.bytes).toString("utf8", 0, template.length);
  });
}

test("a plain request is what a client sends by hand", () => {
  expect(render({})).toEqual(["GET / HTTP/1.1\r\nHost: h:8080\r\n\r\n"]);
  expect(render({ method: "POST", body: "hé" })).toEqual([
    "POST / HTTP/1.1\r\nHost: h:8080\r\nContent-Length: 3\r\n\r\nhé",
  ]);
  expect(
    render(
      {
        headers: [
          ["Host", "other"],
          ["A", "b"],
        ],
      },
      1,
      0,
      false,
    ),
  ).toEqual(["GET / HTTP/1.1\r\nHost: other\r\nA: b\r\nConnection: close\r\n\r\n"]);
});

test("counters of several processes never give the same number", () => {
  const all = [0, 1, 2].flatMap((process) => render({ path: "/{{counter}}" }, 4, process));
  const numbers = all.map((text) => Number(/\/(\d+) /.exec(text)![1])).sort((a, b) => a - b);
  expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
});

test("random values stay in their bounds and repeat with the seed", () => {
  const texts = render({ path: "/{{random:8:11}}/{{hex:5}}/{{choice:BUY|SELL}}" }, 200);
  for (const text of texts) expect(text).toMatch(/^GET \/(8|9|10|11)\/[0-9a-f]{5}\/(BUY|SELL) /);
  expect(new Set(texts).size).toBeGreaterThan(100);
  expect(render({ path: "/{{random:8:11}}/{{hex:5}}/{{choice:BUY|SELL}}" }, 200)).toEqual(texts);
});

test("the length of a templated body is that of what was filled in", () => {
  for (const text of render({ body: "{{random:1:100000}}-{{uuid}}" }, 50)) {
    const [head, body] = text.split("\r\n\r\n") as [string, string];
    expect(head).toEndWith(`Content-Length: ${body.length}`);
  }
});

test("wrong placeholders are told", () => {
  const wrong = ["{{nope}}", "{{random:5}}", "{{random:5:1}}", "{{hex:0}}", "{{choice:}}", "{{counter:x}}", "a {{uuid"];
  expect(wrong.filter((text) => templateProblem(text) === null)).toEqual([]);
  expect(templateProblem('{"a":{"b":1}} {{uuid}}')).toBeNull();
});
