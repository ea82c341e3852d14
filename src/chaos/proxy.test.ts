/** Every fault in every direction over real sockets: a client, the proxy, and a server that records and answers. */
import { afterEach, expect, test } from "bun:test";
import type { Socket } from "bun";
import { systemClock } from "../base/mod.ts";
import { parseFault } from "./fault.ts";
import { FaultProxy } from "./proxy.ts";

/** One end of a connection, with what happened to it. */
class End {
  socket: Socket<End> | null = null;
  readonly reads: { readonly text: string; readonly atMs: number }[] = [];
  bytes = 0;
  ending: "open" | "end" | "reset" = "open";
  isPaused = false;
  private waiting: (() => void)[] = [];

  get text(): string {
    return this.reads.map(({ text }) => text).join("");
  }

  read(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    this.reads.push({
      text: chunk.length < 10_000 ? Buffer.from(chunk).toString("latin1") : "",
      atMs: systemClock.monotonicMs(),
    });
    this.changed();
  }

  ended(how: "end" | "reset"): void {
    if (this.ending === "open") this.ending = how;
    this.changed();
  }

  async until(isSo: () => boolean, limitMs = 5000): Promise<void> {
    const endMs = systemClock.monotonicMs() + limitMs;
    while (!isSo()) {
      if (systemClock.monotonicMs() > endMs) throw new Error(`not in time: ${this.bytes} bytes, ${this.ending}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.waiting.push(resolve);
      await Promise.race([promise, Bun.sleep(2)]);
    }
  }

  changed(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

const handlers = {
  data: (socket: Socket<End>, chunk: Uint8Array) => socket.data.read(chunk),
  end: (socket: Socket<End>) => socket.data.ended("end"),
  close: (socket: Socket<End>, error?: Error) => socket.data.ended(error === undefined ? "end" : "reset"),
  drain: (socket: Socket<End>) => socket.data.changed(),
  error: () => {},
};

/** The upstream: its ends in the order of their connections. */
let ends: End[] = [];
let server: Bun.TCPSocketListener<End> | null = null;
let proxy: FaultProxy | null = null;
let clients: End[] = [];

function start(fault?: string, options: { seed?: number; queueBytesMax?: number } = {}): FaultProxy {
  server = Bun.listen<End>({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    socket: {
      ...handlers,
      open(socket) {
        socket.data = new End();
        socket.data.socket = socket;
        ends.push(socket.data);
      },
    },
  });
  proxy = new FaultProxy({
    listen: { kind: "ip", host: "127.0.0.1", port: 0 },
    upstream: { kind: "ip", host: "127.0.0.1", port: server.port },
    ...options,
  });
  if (fault !== undefined) proxy.set("it", fault);
  return proxy;
}

async function connect(): Promise<End> {
  const end = new End();
  clients.push(end);
  end.socket = await Bun.connect<End>({
    hostname: "127.0.0.1",
    port: proxy!.port,
    allowHalfOpen: true,
    data: end,
    socket: handlers,
  });
  return end;
}

/** A client and the upstream's end of its connection. */
async function pair(): Promise<{ client: End; upstream: End }> {
  const count = ends.length;
  const client = await connect();
  await client.until(() => ends.length > count);
  return { client, upstream: ends[count]! };
}

afterEach(() => {
  for (const { socket } of clients) socket?.terminate();
  proxy?.stop();
  server?.stop(true);
  clients = [];
  ends = [];
  proxy = null;
  server = null;
});

const directions = ["up", "down"] as const;

/** Who sends and who receives in a direction. */
function along(direction: "up" | "down", { client, upstream }: { client: End; upstream: End }): { from: End; to: End } {
  return direction === "up" ? { from: client, to: upstream } : { from: upstream, to: client };
}

function against(direction: "up" | "down"): "up" | "down" {
  return direction === "up" ? "down" : "up";
}

async function timeToArrive(from: End, to: End, text: string): Promise<number> {
  const before = to.bytes;
  const beganMs = systemClock.monotonicMs();
  from.socket!.write(text);
  await to.until(() => to.bytes >= before + text.length);
  return systemClock.monotonicMs() - beganMs;
}

test("without faults bytes and ends pass in both directions", async () => {
  const faultless = start();
  const { client, upstream } = await pair();
  client.socket!.write("order");
  await upstream.until(() => upstream.text === "order");
  upstream.socket!.write("accepted");
  await client.until(() => client.text === "accepted");
  client.socket!.shutdown();
  await upstream.until(() => upstream.ending === "end");
  upstream.socket!.write(" and more");
  await client.until(() => client.text === "accepted and more");
  upstream.socket!.shutdown();
  await client.until(() => client.ending === "end");
  await client.until(() => faultless.snapshot().connections.open === 0);
  const { connections, bytes } = faultless.snapshot();
  expect([connections, bytes]).toEqual([
    { open: 0, total: 1, reset: 0 },
    { up: 5, down: 17, lost: 0, waiting: 0 },
  ]);
});

test("a reset on one side is a reset on the other", async () => {
  start();
  const first = await pair();
  first.upstream.socket!.terminate();
  await first.client.until(() => first.client.ending === "reset");
  const second = await pair();
  second.client.socket!.terminate();
  await second.upstream.until(() => second.upstream.ending === "reset");
});

test("an upstream that cannot be reached is a reset", async () => {
  start();
  server!.stop(true);
  const client = await connect();
  await client.until(() => client.ending === "reset");
});

for (const direction of directions) {
  test(`latency ${direction} delays that direction alone, in order, and at once when it changes`, async () => {
    const { client, upstream } = await startPair(`latency delay=120ms jitter=30ms direction=${direction}`);
    const { from, to } = along(direction, { client, upstream });
    for (const digit of "12345") from.socket!.write(digit);
    const took = await timeToArrive(from, to, "6");
    expect(took).toBeGreaterThanOrEqual(89);
    expect(to.text).toBe("123456");
    const back = along(against(direction), { client, upstream });
    expect(await timeToArrive(back.from, back.to, "x")).toBeLessThan(80);
    proxy!.set("it", "latency delay=300ms");
    expect(await timeToArrive(from, to, "7")).toBeGreaterThanOrEqual(299);
    proxy!.clear("it");
    expect(await timeToArrive(from, to, "8")).toBeLessThan(200);
  });

  test(`bandwidth ${direction} holds its rate`, async () => {
    const { client, upstream } = await startPair(`bandwidth rate=200KB/s direction=${direction}`);
    const { from, to } = along(direction, { client, upstream });
    const took = await timeToArrive(from, to, "b".repeat(60_000));
    expect(took).toBeGreaterThan(250);
    expect(took).toBeLessThan(1500);
    const back = along(against(direction), { client, upstream });
    expect(await timeToArrive(back.from, back.to, "b".repeat(60_000))).toBeLessThan(200);
  });

  test(`loss ${direction} lets bytes vanish, and ends with a reset`, async () => {
    const { client, upstream } = await startPair(`loss direction=${direction}`);
    const { from, to } = along(direction, { client, upstream });
    from.socket!.write("gone");
    await from.until(() => proxy!.snapshot().bytes.lost === 4);
    const back = along(against(direction), { client, upstream });
    await timeToArrive(back.from, back.to, "still here");
    expect(to.bytes).toBe(0);
    proxy!.clear();
    await client.until(() => client.ending === "reset");
    await upstream.until(() => upstream.ending === "reset");
  });

  test(`a partition ${direction} holds bytes and new connections until it ends`, async () => {
    const { client, upstream } = await startPair();
    const { from, to } = along(direction, { client, upstream });
    proxy!.set("cut", `partition direction=${direction}`);
    from.socket!.write("held");
    const other = await connect();
    other.socket!.write("new");
    await other.until(() => proxy!.snapshot().connections.open === 2);
    // Both wait in the proxy: their bytes, and more than the overhead of one piece.
    await other.until(() => proxy!.snapshot().bytes.waiting > "heldnew".length + 128);
    expect([to.bytes, ends.length]).toEqual([0, 1]);
    const back = along(against(direction), { client, upstream });
    await timeToArrive(back.from, back.to, "passes");
    proxy!.clear("cut");
    await to.until(() => to.text === "held");
    await other.until(() => ends[1]?.text === "new");
  });

  test(`reset ${direction} resets that side, and ends the other in order`, async () => {
    const { client, upstream } = await startPair();
    const { from, to } = along(direction, { client, upstream });
    await timeToArrive(from, to, "before");
    proxy!.set("cut", `reset after=60ms direction=${direction}`);
    await to.until(() => to.ending !== "open");
    await from.until(() => from.ending !== "open");
    expect([to.ending, from.ending]).toEqual(["reset", "end"]);
    expect(proxy!.snapshot().connections).toEqual({ open: 0, total: 1, reset: 1 });
  });

  test(`slow close ${direction} delays the end, not the bytes`, async () => {
    const { client, upstream } = await startPair(`slow-close delay=200ms direction=${direction}`);
    const { from, to } = along(direction, { client, upstream });
    expect(await timeToArrive(from, to, "last")).toBeLessThan(150);
    const beganMs = systemClock.monotonicMs();
    from.socket!.shutdown();
    await to.until(() => to.ending === "end");
    expect(systemClock.monotonicMs() - beganMs).toBeGreaterThanOrEqual(195);
  });

  test(`slice ${direction} cuts bytes into pieces with pauses`, async () => {
    const { client, upstream } = await startPair(`slice size=10B variation=3B delay=5ms direction=${direction}`);
    const { from, to } = along(direction, { client, upstream });
    const text = "0123456789".repeat(10);
    const took = await timeToArrive(from, to, text);
    expect(to.text).toBe(text);
    expect(took).toBeGreaterThan(30);
    expect(to.reads.length).toBeGreaterThan(5);
  });

  test(`limit ${direction} passes so many bytes and closes`, async () => {
    const { client, upstream } = await startPair(`limit bytes=10B direction=${direction}`);
    const { from, to } = along(direction, { client, upstream });
    from.socket!.write("0123456789ABC");
    await to.until(() => to.ending !== "open");
    expect(to.text).toBe("0123456789");
    await from.until(() => from.ending !== "open");
  });
}

async function startPair(fault?: string): Promise<{ client: End; upstream: End }> {
  start(fault, { seed: 1 });
  return pair();
}

test("probability strikes that share of the connections, the same ones for the same seed", async () => {
  const struck = async (seed: number): Promise<boolean[]> => {
    start("loss probability=0.3", { seed });
    const connections: End[] = [];
    for (let index = 0; index < 60; index++) connections.push((await pair()).client);
    connections.forEach((client, index) => {
      client.socket!.write(`${index}`);
    });
    const arrived = (): number => ends.reduce((sum, end) => sum + end.bytes, 0);
    await connections[0]!.until(() => proxy!.snapshot().bytes.lost + arrived() === 60 + 50);
    const result = ends.map((end) => end.bytes === 0);
    for (const { socket } of clients) socket?.terminate();
    proxy!.stop();
    server!.stop(true);
    ends = [];
    clients = [];
    return result;
  };
  const one = await struck(7);
  const count = one.filter(Boolean).length;
  expect(count).toBeGreaterThan(8);
  expect(count).toBeLessThan(30);
  expect(await struck(7)).toEqual(one);
  expect(await struck(8)).not.toEqual(one);
});

test("memory is bounded: a reader that stops slows its sender down, and gets every byte later", async () => {
  const bounded = start(undefined, { queueBytesMax: 64 * 1024 });
  const { client, upstream } = await pair();
  client.socket!.pause();
  const chunk = new Uint8Array(64 * 1024);
  const total = 32 * 1024 * 1024;
  let sent = 0;
  let atMost = 0;
  const send = (): void => {
    while (sent < total) {
      const taken = upstream.socket!.write(chunk, 0, Math.min(chunk.length, total - sent));
      sent += Math.max(0, taken);
      if (taken < chunk.length) return;
    }
  };
  // The sender is stuck when nothing has moved for a while.
  for (let last = -1, still = 0; still < 10; await Bun.sleep(10)) {
    send();
    atMost = Math.max(atMost, bounded.snapshot().bytes.waiting);
    still = sent === last ? still + 1 : 0;
    last = sent;
  }
  expect(sent).toBeLessThan(total);
  expect(atMost).toBeLessThan(1024 * 1024);
  client.socket!.resume();
  while (sent < total) {
    send();
    await Bun.sleep(1);
  }
  await client.until(() => client.bytes === total);
});

test("bytes that wait for a partition to end are bounded too", async () => {
  const bounded = start("partition direction=up", { queueBytesMax: 64 * 1024 });
  const client = await connect();
  const chunk = new Uint8Array(1024 * 1024);
  for (let still = 0, last = -1, sent = 0; still < 10; await Bun.sleep(10)) {
    sent += Math.max(0, client.socket!.write(chunk));
    still = sent === last ? still + 1 : 0;
    last = sent;
  }
  expect(bounded.snapshot().bytes.waiting).toBeLessThan(1024 * 1024);
});

test("a fault can be given as a record as well", () => {
  start().set("slow", parseFault("latency delay=5ms"));
  expect(proxy!.snapshot().faults).toEqual([{ name: "slow", fault: "latency delay=5ms" }]);
  expect(() => proxy!.clear("fast")).toThrow('no fault is named "fast"');
});
