/** Limits of HTTP/2 are settings: what the file says is in force from the next connection on. */
import { afterAll, expect, test } from "bun:test";
import { type Case, Code } from "../conformance/http2/case.ts";
import { headers, ping } from "../conformance/http2/raw.ts";
import { LocalGateway } from "../support/local-gateway.ts";
import { runCase } from "./raw-client.ts";

/** Takes requests and never answers. */
const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
const routes = `upstreams: { app: { endpoints: ["127.0.0.1:${silent.port}"] } }\nroutes: [{ upstream: app }]\n`;
const gateway = new LocalGateway(routes);
afterAll(async () => {
  silent.stop(true);
  await gateway.close();
});

const tenPings = Array.from({ length: 10 }, () => ping("12345678"));
const threeStreams = [headers(1), headers(3), headers(5)];
const hears = (name: string, steps: Case["steps"], expected: Case["expect"]): Promise<string> =>
  runCase({ name, steps, expect: expected }, gateway.port);

test("a reload puts other limits in force for the connections that come", async () => {
  expect(await hears("ten pings", tenPings, { alive: true })).toBe("");
  gateway.reload(`${routes}limits: { http2: { streamsMax: 2, pings: { burst: 5, perSecond: 0 } } }\n`);
  expect(await hears("ten pings", tenPings, { connection: [Code.calm] })).toBe("");
  expect(await hears("three streams", threeStreams, { reset: 5, codes: [Code.refused] })).toBe("");
  gateway.reload(routes);
  expect(await hears("ten pings", tenPings, { alive: true })).toBe("");
});
