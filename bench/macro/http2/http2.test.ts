import { expect, test } from "bun:test";
import { machine } from "../../rig/mod.ts";
import { measureExchanges, renderExchanges } from "./exchanges.ts";
import { floods } from "./flood-client.ts";
import { measureFloods, renderFloods } from "./floods.ts";
import { measureGrpc, renderGrpc } from "./grpc.ts";

test("HTTP/2 in, HTTP/1.1 and HTTP/2 out, runs small through every gateway without an error", async () => {
  const options = { rounds: 1, seconds: 1, connections: 2, streams: 4, seed: 1 };
  const all = await measureExchanges(options, () => {});
  for (const [name, [round]] of all) {
    expect([name, round!.errors, round!.requests > 0]).toEqual([name, 0, true]);
  }
  expect(renderExchanges(all, machine(), options)).toContain("weir-multiplexed");
});

test("500 gRPC calls of every kind end as they have to", async () => {
  const findings = await measureGrpc(500, 50, () => {});
  expect([findings.examples, findings.cancelledAtServer]).toEqual([[], findings.cancelled]);
  expect(renderGrpc(findings)).toContain("0 errors, bar 0: met");
});

test("every flood is met by a gateway that stays small and goes on answering others", async () => {
  const options = { rounds: 1, seconds: 1, perSecond: 50, kinds: Object.keys(floods) };
  const findings = await measureFloods(options, () => {});
  for (const [name, rounds] of findings) {
    expect([name, ...rounds.map((round) => round.rssBytesMax < 200e6 && round.p99Us > 0)]).toEqual([name, true]);
  }
  expect(renderFloods(findings)).toContain("hpack bomb");
}, 300_000);
