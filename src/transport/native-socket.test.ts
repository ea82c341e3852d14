import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adopt, connectWire, type Listening, listenOn, openListeningSocket, Wire, type WireAddress } from "./mod.ts";

/** A wire that writes down what happens to it, and lets others wait for it. */
class Told extends Wire {
  readonly events: string[] = [];
  readonly parts: Buffer[] = [];
  onEvent: () => void = () => {};
  onData: (wire: Told) => void = () => {};

  private tell(event: string): void {
    this.events.push(event);
    this.onEvent();
  }
  get text(): string {
    return Buffer.concat(this.parts).toString();
  }
  onBytes(bytes: Uint8Array, from: number, to: number): void {
    this.parts.push(Buffer.from(Buffer.prototype.slice.call(bytes, from, to)));
    this.onData(this);
    this.onEvent();
  }
  onWritable(): void {
    this.tell("writable");
  }
  onPeerEnd(): void {
    this.tell("peer ended");
  }
  onClosed(error: string): void {
    this.tell(error === "" ? "closed" : `closed ${error}`);
  }
  onConnected(): void {
    this.tell("connected");
  }
  onConnectFailed(error: string): void {
    this.tell(error);
  }
  onTimer(): void {}
  /** Waits until the condition holds. */
  until(condition: (wire: Told) => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.onEvent = () => {
        if (condition(this)) resolve();
      };
      this.onEvent();
    });
  }
  has(event: string): Promise<void> {
    return this.until(({ events }) => events.includes(event));
  }
}

const folder = mkdtempSync(join(tmpdir(), "weir-sockets-"));
const wires: Told[] = [];
let onWire: (wire: Told) => void = () => {};
let listening: Listening;
let port = 0;

beforeAll(() => {
  const probe = createServer().listen(0, "127.0.0.1");
  port = (probe.address() as { port: number }).port;
  probe.close();
  const fd = openListeningSocket(
    { kind: "ip", host: "127.0.0.1", port },
    { backlog: 64, reusePort: false, isFirst: true },
  );
  listening = listenOn(fd, (socket) => {
    const wire = new Told();
    adopt(socket, wire);
    wires.push(wire);
    onWire(wire);
  });
});

afterAll(() => {
  for (const wire of wires) wire.destroy();
  listening.stop();
  rmSync(folder, { recursive: true });
});

/** A plain client of the listening socket, and the wire on the other side. */
async function pair(): Promise<{ client: Socket; wire: Told }> {
  const accepted = new Promise<Told>((resolve) => {
    onWire = resolve;
  });
  const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  client.on("error", () => {});
  return { client, wire: await accepted };
}

function collected(client: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  return new Promise((resolve) => {
    client.on("data", (part) => parts.push(part as Buffer));
    client.on("end", () => resolve(Buffer.concat(parts)));
  });
}

test("bytes arrive in order, and the end after them", async () => {
  const { client, wire } = await pair();
  client.write("one ");
  client.end("two");
  await wire.has("peer ended");
  expect([wire.text, wire.events]).toEqual(["one two", ["peer ended"]]);
  const rest = collected(client);
  wire.write(Buffer.from("answer"), 0, 6);
  wire.endWriting();
  expect((await rest).toString()).toBe("answer");
  await wire.has("closed");
});

test("what comes while reading is paused is read when it goes on, and so is the end behind it", async () => {
  const { client, wire } = await pair();
  client.write("first");
  await wire.until(({ text }) => text === "first");
  wire.pauseReading();
  client.end("second");
  // A round trip on another connection: what was sent before it is there by then.
  const other = await pair();
  other.client.end("x");
  await other.wire.has("peer ended");
  expect([wire.text, wire.events]).toEqual(["first", []]);
  wire.resumeReading();
  await wire.has("peer ended");
  expect(wire.text).toBe("firstsecond");
  wire.close();
  other.wire.close();
});

test("megabytes pass a reader that stops after every read, and a writer that waits for room", async () => {
  const { client, wire } = await pair();
  const sent = Buffer.alloc(6_000_000, "0123456789abcdef");
  wire.onData = () => {
    wire.pauseReading();
    queueMicrotask(() => wire.resumeReading());
  };
  client.write(sent);
  await wire.until(({ parts }) => parts.reduce((sum, part) => sum + part.length, 0) === sent.length);
  expect(Buffer.concat(wire.parts).equals(sent)).toBe(true);
  const back = collected(client);
  expect(wire.write(sent, 0, sent.length)).toBe(false);
  wire.endWriting();
  expect((await back).equals(sent)).toBe(true);
  client.end();
  await wire.has("closed");
});

test("a reset closes, whether reading is paused or not", async () => {
  for (const isPaused of [false, true]) {
    const { client, wire } = await pair();
    if (isPaused) wire.pauseReading();
    client.resetAndDestroy();
    await wire.has("closed ECONNRESET");
    expect(wire.isOpen).toBe(false);
  }
});

test("closing tells the wire at once, and destroying resets the peer", async () => {
  const { client, wire } = await pair();
  const error = new Promise((resolve) => client.on("error", (reason) => resolve((reason as { code?: string }).code)));
  wire.destroy();
  expect(wire.events).toEqual(["closed"]);
  expect(await error).toBe("ECONNRESET");
});

test("a write to a connection that the peer has reset ends it later, not within the write", async () => {
  const { client, wire } = await pair();
  wire.pauseReading();
  client.resetAndDestroy();
  // The kernel of this machine has taken the reset by the time the client's close event comes.
  await new Promise((resolve) => client.on("close", resolve));
  wire.onEvent = () => {};
  const before = wire.events.length;
  wire.write(Buffer.from("late"), 0, 4);
  expect(wire.events.length).toBe(before);
  await wire.until(({ isOpen }) => !isOpen);
});

test("calling out opens a connection to TCP and Unix sockets, and hears what the peer says first", async () => {
  const path = join(folder, "peer.sock");
  const servers: Server[] = [
    createServer((socket) => socket.end("hello")),
    createServer((socket) => socket.end("hello")),
  ];
  await new Promise<void>((resolve) => servers[0]!.listen(0, "::1", resolve));
  await new Promise<void>((resolve) => servers[1]!.listen(path, resolve));
  const tcp = servers[0]!.address() as { port: number };
  const addresses: WireAddress[] = [
    { kind: "ip", host: "::1", port: tcp.port },
    { kind: "unix", path },
  ];
  for (const address of addresses) {
    const wire = new Told();
    connectWire(wire, address);
    expect(wire.events).toEqual([]);
    await wire.has("peer ended");
    expect([wire.events, wire.text]).toEqual([["connected", "peer ended"], "hello"]);
    wire.close();
  }
  for (const server of servers) server.close();
});

test("a connection that cannot be made is told by its error, and one that is given up not at all", async () => {
  const probe = createServer().listen(0, "127.0.0.1");
  const { port: free } = probe.address() as { port: number };
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  const refused = new Told();
  connectWire(refused, { kind: "ip", host: "127.0.0.1", port: free });
  const missing = new Told();
  connectWire(missing, { kind: "unix", path: join(folder, "nobody.sock") });
  const dropped = new Told();
  connectWire(dropped, { kind: "ip", host: "127.0.0.1", port });
  dropped.destroy();
  await refused.has("ECONNREFUSED");
  await missing.has("ENOENT");
  expect([refused.events, missing.events, dropped.events]).toEqual([["ECONNREFUSED"], ["ENOENT"], []]);
});

test("a wire that takes the socket over gets what comes later", async () => {
  const { client, wire } = await pair();
  const heir = new Told();
  wires.push(heir);
  client.write("before");
  await wire.until(({ text }) => text === "before");
  wire.handOverTo(heir);
  client.end("after");
  await heir.has("peer ended");
  expect([wire.events, wire.text, heir.text]).toEqual([[], "before", "after"]);
});

test("gathered writes of a round leave together, in order", async () => {
  const { client, wire } = await pair();
  const all = collected(client);
  for (let index = 0; index < 100; index++) wire.gather(Buffer.from(`${index} `), 0, `${index} `.length);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  wire.endWriting();
  expect((await all).toString()).toBe(Array.from({ length: 100 }, (_, index) => `${index} `).join(""));
  client.end();
});
