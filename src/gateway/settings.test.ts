import { expect, test } from "bun:test";
import { parseConfig } from "../config/mod.ts";
import { defaultHttp2Limits, defaultWebSocketLimits } from "../protocols/mod.ts";
import { http2Limits } from "./settings.ts";

test("the defaults of the configuration are those the codecs are tested and measured with", () => {
  const loaded = parseConfig("workers: 1\n", "test.yaml");
  if (!("config" in loaded)) throw new Error("the smallest configuration is wrong");
  const { fieldsMax, ...limits } = http2Limits(loaded.config);
  // The pseudo-fields come on top.
  expect({ ...limits, fieldsMax: fieldsMax - 4 }).toEqual(defaultHttp2Limits);
  expect(loaded.config.limits.webSocket).toEqual(defaultWebSocketLimits);
});
