import { expect, test } from "bun:test";
import { measureRoutes } from "./routes.ts";

test("the benchmark of routes runs against real gateways", async () => {
  const cases = [
    { routes: 10, asked: 10 },
    { routes: 200, asked: 200 },
  ];
  const figures = await measureRoutes(cases, 1, 1);
  expect(figures.every((us) => us > 0)).toBeTrue();
});
