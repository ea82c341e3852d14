import { expect, test } from "bun:test";
import { measureBodies } from "./bodies.ts";

test("a body that its reader takes slowly is not gathered in the gateway", async () => {
  const bytes = 48 << 20;
  const options = { peer: "weir-exclusive", bytes, perSecond: 16_000_000, areBothAtOnce: false };
  const growths = await measureBodies(options);
  // The bar, 8 MB, is for a machine at rest; gathering the body would cost six times as much.
  for (const { what, growthBytes } of growths)
    expect({ what, isBounded: growthBytes < 24e6 }).toEqual({ what, isBounded: true });
});
