import { expect, test } from "bun:test";
import { judge } from "./judge.ts";
import { rules } from "./rules.ts";

for (const { name, advice, find } of rules) {
  test(name, () => {
    expect(judge(name, advice, find())).toEqual([]);
  });
}
