import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WeirError } from "../base/mod.ts";
import { type ListenerConfig, parseConfig } from "../config/mod.ts";
import { ListeningSockets } from "./listening-sockets.ts";

const sockets = new ListeningSockets();
afterEach(() => sockets.closeAll());

function listeners(text: string): readonly ListenerConfig[] {
  const result = parseConfig(`listeners: ${text}`, "test.yaml");
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  return result.config.listeners;
}

const shape = (plan: ReturnType<ListeningSockets["open"]>): string[][] =>
  plan.map((worker) => worker.map(({ name, descriptor }) => `${name} ${index(descriptor)}`));
let known: number[] = [];
const index = (descriptor: number): number => {
  if (!known.includes(descriptor)) known.push(descriptor);
  return known.indexOf(descriptor);
};

test("workers get a queue each; when they become fewer, every queue still has somebody", () => {
  known = [];
  const config = listeners('{ public: { address: "127.0.0.1:0" } }');
  expect(shape(sockets.open(config, 3))).toEqual([["public 0"], ["public 1"], ["public 2"]]);
  sockets.adopt(config, 3);
  const [open] = sockets.describe(config);
  expect(shape(sockets.open(config, 2))).toEqual([["public 0", "public 2"], ["public 1"]]);
  sockets.adopt(config, 2);
  expect(shape(sockets.open(config, 4))).toEqual([["public 0"], ["public 1"], ["public 2"], ["public 3"]]);
  sockets.giveUp();
  sockets.adopt(config, 2);
  expect(sockets.describe(config)).toEqual([open!]);
});

test("a listener's own workers serve it alone, and queues move with them when their number changes", () => {
  known = [];
  const all = (orders: string): readonly ListenerConfig[] =>
    listeners(`
  market: { address: "127.0.0.1:0" }
  orders: { address: "127.0.0.1:0"${orders} }
  drops: { address: "127.0.0.1:0", workers: 1, reusePort: off }`);
  const own = all(", workers: 2");
  expect(shape(sockets.open(own, 5))).toEqual([["orders 0"], ["orders 1"], ["drops 2"], ["market 3"], ["market 4"]]);
  sockets.adopt(own, 5);
  const fewer = all(", workers: 1");
  expect(shape(sockets.open(fewer, 3))).toEqual([["orders 0", "orders 1"], ["drops 2"], ["market 3", "market 4"]]);
  sockets.adopt(fewer, 3);
  const common = all("");
  expect(shape(sockets.open(common, 3))).toEqual([["drops 2"], ["market 3", "orders 0"], ["market 4", "orders 1"]]);
  sockets.adopt(common, 3);
});

test("a common queue is shared by all workers, also when there were several before", () => {
  known = [];
  const own = listeners('{ public: { address: "127.0.0.1:0" } }');
  const common = listeners('{ public: { address: "127.0.0.1:0", reusePort: off } }');
  expect(shape(sockets.open(common, 2))).toEqual([["public 0"], ["public 0"]]);
  sockets.adopt(common, 2);
  expect(shape(sockets.open(own, 2))).toEqual([["public 0"], ["public 1"]]);
  sockets.adopt(own, 2);
  expect(shape(sockets.open(common, 2))).toEqual([
    ["public 0", "public 1"],
    ["public 0", "public 1"],
  ]);
  sockets.adopt(common, 2);
});

test("listeners come and go, and what cannot be opened leaves the rest as it was", () => {
  const path = join(mkdtempSync(join(tmpdir(), "weir-sockets-")), "gateway.sock");
  const first = listeners('{ public: { address: "127.0.0.1:0" } }');
  sockets.open(first, 1);
  sockets.adopt(first, 1);
  const before = sockets.describe(first);
  const wrong = listeners('{ a: { address: "127.0.0.1:0" }, b: { address: "192.0.2.1:80" } }');
  expect(() => sockets.open(wrong, 1)).toThrow(WeirError);
  const both = listeners(`{ public: { address: "127.0.0.1:0" }, local: { address: "unix:${path}" } }`);
  sockets.open(both, 1);
  sockets.adopt(both, 1);
  expect(sockets.describe(both)).toEqual([
    ...before,
    { name: "local", address: `unix:${path}`, isSecure: false, socketsCount: 1 },
  ]);
  sockets.open(first, 1);
  sockets.adopt(first, 1);
  expect([sockets.describe(both), existsSync(path)]).toEqual([before, false]);
});

test("a listener that moves from one address to all of them meets only its own port", () => {
  const narrow = listeners('{ public: { address: "127.0.0.1:0" } }');
  sockets.open(narrow, 2);
  sockets.adopt(narrow, 2);
  const port = sockets.describe(narrow)[0]!.address.split(":")[1]!;
  const wide = listeners(`{ public: { address: "0.0.0.0:${port}" } }`);
  sockets.open(wide, 2);
  sockets.adopt(wide, 2);
  expect(sockets.describe(wide)).toEqual([
    { name: "public", address: `0.0.0.0:${port}`, isSecure: false, socketsCount: 2 },
  ]);
});
