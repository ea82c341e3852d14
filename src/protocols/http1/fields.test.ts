import { expect, test } from "bun:test";
import { FieldId, fieldIdOf, fieldNames } from "./mod.ts";

const idOf = (name: string): number => {
  const bytes = new Uint8Array(Buffer.from(`xx${name}yy`, "latin1"));
  return fieldIdOf(bytes, 2, 2 + name.length);
};

test("every known name is found in any case, and nothing else with one byte changed", () => {
  const wrong: string[] = [];
  fieldNames.forEach((name, id) => {
    if (id === FieldId.other) return;
    for (const spelled of [name, name.toUpperCase(), name.replace(/(^|-)./g, (start) => start.toUpperCase())]) {
      if (idOf(spelled) !== id) wrong.push(spelled);
    }
    for (let at = 0; at < name.length; at++) {
      for (const other of "!#$%&'*+-.^_`|~059az") {
        const changed = name.slice(0, at) + other + name.slice(at + 1);
        const wanted = Math.max(0, fieldNames.indexOf(changed));
        if (idOf(changed) !== wanted) wrong.push(changed);
      }
    }
    if (idOf(`${name}x`) !== 0 || idOf(name.slice(1)) !== Math.max(0, fieldNames.indexOf(name.slice(1))))
      wrong.push(name);
  });
  expect(wrong).toEqual([]);
});

test("an empty name and a very long one are unknown", () => {
  expect([idOf(""), idOf("a".repeat(10_000))]).toEqual([FieldId.other, FieldId.other]);
});

test("the names of the table are those of the specifications", () => {
  expect(
    [FieldId.te, FieldId.forwardedFor, FieldId.webSocketKey, FieldId.http2Settings].map((id) => fieldNames[id]),
  ).toEqual(["te", "x-forwarded-for", "sec-websocket-key", "http2-settings"]);
});
