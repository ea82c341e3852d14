/** What becomes of requests, and of the counters, when a side of an HTTP/2 connection floods or breaks the rules. */
import { afterAll, beforeEach, expect, test } from "bun:test";
import { Outcome } from "../../src/base/mod.ts";
import { answered, Code } from "../conformance/http2/case.ts";
import { data, headers, open, ping, repeat, rst, settings } from "../conformance/http2/raw.ts";
import { LocalGateway } from "../support/local-gateway.ts";
import { runCase } from "./raw-client.ts";
import { startUpstream } from "./upstream.ts";

/** What the next connection to the upstream that speaks HTTP/2 is answered, instead of its request. */
let answer: Buffer = Buffer.alloc(0);
const rude = Bun.listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: { data: (socket) => void socket.write(Buffer.concat([settings(), answer])) },
});
const polite = await startUpstream();
const gateway = new LocalGateway(`
upstreams:
  polite: { endpoints: ["127.0.0.1:${polite.port}"] }
  rude: { endpoints: ["127.0.0.1:${rude.port}"], connections: { mode: multiplexed } }
routes:
  - { name: rude, match: { path: /rude }, upstream: rude, retry: { attemptsMax: 1 } }
  - { name: all, upstream: polite }
`);
afterAll(async () => {
  await gateway.close();
  rude.stop(true);
  polite.server.closeAllConnections();
  polite.server.close();
});
beforeEach(() => {
  polite.requests.length = 0;
});

const path = (name: string, method = "GET") =>
  [
    [":method", method],
    [":scheme", "http"],
    [":authority", "a.example"],
    [":path", name],
  ] as const;

test("a request that is reset in the read that brought it never reaches its upstream, and those beside it do", async () => {
  const bytes = Buffer.concat([
    open(1, path("/one", "POST")),
    open(3, path("/two", "POST")),
    headers(5, path("/three")),
    rst(3),
    rst(5),
    headers(7, path("/four")),
    open(9, path("/five", "POST")),
  ]);
  const steps = [bytes, answered(1), answered(7), answered(9), data(1), data(9)];
  const expected = { answers: { 1: { status: 200 }, 7: { status: 200 }, 9: { status: 200 } } };
  expect(await runCase({ name: "resets", steps, expect: expected }, gateway.port)).toBe("");
  expect(polite.requests.toSorted()).toEqual(["GET /four", "POST /five", "POST /one"]);
});

test("of a flood that one read brings nothing reaches the upstream", async () => {
  const flood = repeat(300, (i) => Buffer.concat([headers(1 + 2 * i, path("/flood")), rst(1 + 2 * i)]));
  const before = gateway.refusals(Outcome.http2Flood);
  expect(await runCase({ name: "flood", steps: [flood], expect: { connection: [Code.calm] } }, gateway.port)).toBe("");
  expect([polite.requests, gateway.refusals(Outcome.http2Flood) - before]).toEqual([[], 1]);
});

test.each([
  ["breaks the rules", data(0, "a"), Outcome.upstreamHttp2Violation],
  ["floods its connection", repeat(1000, () => ping()), Outcome.upstreamHttp2Flood],
] as const)("an upstream that %s is counted, and its request is answered 502", async (_what, bytes, outcome) => {
  answer = bytes;
  const before = gateway.refusals(outcome);
  const steps = [headers(1, path("/rude"))];
  const expected = { answers: { 1: { status: 502 } } };
  expect(await runCase({ name: "rude", steps, expect: expected }, gateway.port)).toBe("");
  expect(gateway.refusals(outcome) - before).toBe(1);
});
