import { expect, test } from "bun:test";
import { systemClock } from "../base/mod.ts";
import { Method } from "../protocols/mod.ts";
import type { ConnectionSettings } from "./endpoint.ts";
import type { UpstreamExchange, UpstreamLink } from "./exchange.ts";
import type { Upstream } from "./upstream.ts";
import { upstreamFor } from "./upstream-fixture.ts";

const openingMax = 3;

function upstreamAt(port: number, some: Partial<ConnectionSettings> = { openingMax }): Upstream {
  const upstream = upstreamFor(systemClock, 1, some);
  upstream.setAddresses([{ address: { kind: "ip", host: "127.0.0.1", port }, weight: 1 }]);
  return upstream;
}

/** A request that takes a connection and keeps it. */
class Holder implements UpstreamExchange {
  readonly methodId = Method.get;
  readonly mayPipeline: boolean;
  readonly balanceHash = 0;
  readonly firstByteTimeoutMs = 0;
  readonly answerIdleTimeoutMs = 0;
  queuePlace = -1;
  private readonly onSettled: (what: string) => void;

  constructor(onSettled: (what: string) => void, mayPipeline = false) {
    this.mayPipeline = mayPipeline;
    this.onSettled = onSettled;
  }
  onUpstreamReady(_connection: UpstreamLink): void {
    this.onSettled("ready");
  }
  onUpstreamFailed(): void {
    this.onSettled("failed");
  }
  onUpstreamInterim(): void {}
  onUpstreamUpgrade(): boolean {
    return false;
  }
  onUpstreamHead(): void {}
  onUpstreamBody(): void {}
  onUpstreamEnd(): void {}
  onUpstreamWritable(): void {}
  onUpstreamPause(): void {}
}

/** Lets 40 requests come at once; how each was settled, and the most connections that were opening at once. */
async function rush(upstream: Upstream, mayPipeline = false): Promise<{ settled: string[]; openingMost: number }> {
  const endpoint = upstream.all[0]!;
  const settled: string[] = [];
  let openingMost = 0;
  await new Promise<void>((resolve) => {
    const note = (what: string): void => {
      settled.push(what);
      openingMost = Math.max(openingMost, endpoint.connectingCount);
      if (settled.length === 40) resolve();
    };
    for (let request = 0; request < 40; request++) {
      upstream.acquire(new Holder(note, mayPipeline));
      openingMost = Math.max(openingMost, endpoint.connectingCount);
    }
  });
  return { settled, openingMost };
}

test("a rush opens connections a few at a time, and every request gets one in the end", async () => {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const upstream = upstreamAt(server.port);
  expect(await rush(upstream)).toEqual({ settled: Array.from({ length: 40 }, () => "ready"), openingMost: openingMax });
  upstream.retire();
  server.stop(true);
});

test("a rush over full pipelined connections opens more of them, one at a time, and half stays for others", async () => {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const some = {
    mode: "pipelined",
    pipelineDepthMax: 8,
    pipelinedConnectionsPerEndpoint: 2,
    maxPerEndpoint: 10,
  } as const;
  const upstream = upstreamAt(server.port, some);
  const [endpoint] = upstream.all;
  const { settled, openingMost } = await rush(upstream, true);
  expect([settled.length, openingMost, endpoint!.pipelined.length]).toEqual([40, 1, 5]);
  // All are full, and no more may be opened: what can share waits for room, and an order behind it does not.
  for (let late = 0; late < 3; late++) upstream.acquire(new Holder((what) => settled.push(what), true));
  for (let order = 0; order < 2; order++) {
    await new Promise<void>((resolve) => upstream.acquire(new Holder(() => resolve())));
  }
  expect([settled.length, endpoint!.pipelined.length, endpoint!.openCount]).toEqual([40, 5, 7]);
  expect(upstream.waitingCount).toBe(3);
  upstream.retire();
  server.stop(true);
});

test("where nobody listens every request of a rush learns of it", async () => {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = server;
  server.stop(true);
  const { settled } = await rush(upstreamAt(port));
  expect(settled).toEqual(Array.from({ length: 40 }, () => "failed"));
});
