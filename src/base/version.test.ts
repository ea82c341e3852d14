import { expect, test } from "bun:test";
import { version as packaged } from "../../package.json";
import { version } from "./version.ts";

test("the version is the package's", () => {
  expect(version).toBe(packaged);
});
