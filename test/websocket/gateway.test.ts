/** WebSocket through a whole gateway: the conformance cases over a socket, real clients, HTTP/2, and slow readers. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Socket } from "bun";
import { type Case, webSocketCases } from "../conformance/websocket/cases.ts";
import { Transcript } from "../conformance/websocket/judge.ts";
import { close, ping, text } from "../conformance/websocket/raw.ts";
import { RunningWeir } from "../tls/running-weir.ts";

const folder = mkdtempSync(join(tmpdir(), "weir-websocket-"));
const patienceMs = 15_000;
const key = "dGhlIHNhbXBsZSBub25jZQ==";
let weir: RunningWeir;
let upstream: Bun.Server<{ isLoud: boolean }>;
const closed: number[] = [];

beforeAll(async () => {
  upstream = Bun.serve<{ isLoud: boolean }>({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, server) {
      const { pathname } = new URL(request.url);
      if (pathname === "/refused") return new Response("no", { status: 403 });
      if (pathname === "/plain") return new Response(request.headers.get("upgrade") ?? "none");
      const protocol = request.headers.get("sec-websocket-protocol");
      const headers = protocol === null ? undefined : { "sec-websocket-protocol": protocol.split(",")[0]!.trim() };
      const isLoud = pathname === "/loud";
      return server.upgrade(request, headers === undefined ? { data: { isLoud } } : { data: { isLoud }, headers })
        ? undefined
        : new Response("not a handshake", { status: 400 });
    },
    websocket: {
      perMessageDeflate: true,
      maxPayloadLength: 32 * 1024 * 1024,
      backpressureLimit: 64 * 1024 * 1024,
      open(socket) {
        if (!socket.data.isLoud) return;
        for (let index = 0; index < 400; index++) socket.send(Buffer.alloc(100_000, index));
      },
      message(socket, message) {
        socket.send(message);
      },
      close(_socket, code) {
        closed.push(code);
      },
    },
  });
  weir = await RunningWeir.start(
    folder,
    `
workers: 1
listeners: { main: { address: "127.0.0.1:0" } }
metrics: off
admin: { address: "unix:${folder}/admin.sock" }
timeouts: { drain: 2s }
upstreams:
  app: { endpoints: ["127.0.0.1:${upstream.port}"] }
  many: { endpoints: ["127.0.0.1:${upstream.port}"], connections: { mode: multiplexed } }
routes:
  - { name: many, match: { path: /many }, upstream: many }
  - { name: all, upstream: app }
`,
  );
});

afterAll(async () => {
  await weir?.stop();
  await upstream?.stop(true);
  rmSync(folder, { recursive: true, force: true });
});

/** A client that sends bytes as they are, and reads frames once the gateway has switched. */
class RawClient {
  readonly transcript = new Transcript();
  head = "";
  isClosed = false;
  bytes = 0;
  socket!: Socket;
  private wake: () => void = () => {};

  async open(path = "/", fields = "", early: Uint8Array = new Uint8Array(0)): Promise<void> {
    this.socket = await Bun.connect({
      hostname: "127.0.0.1",
      port: weir.port("main"),
      socket: {
        data: (_socket, bytes) => this.take(bytes),
        end: () => this.ended(),
        close: () => this.ended(),
        drain: () => this.wake(),
        error: () => {},
      },
    });
    const request = `GET ${path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n${fields}\r\n`;
    await this.send(Buffer.concat([Buffer.from(request), early]));
    await this.until(() => this.head.includes("\r\n\r\n"));
  }

  private ended(): void {
    this.isClosed = true;
    this.wake();
  }

  private take(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    if (this.head.includes("\r\n\r\n")) this.transcript.take(bytes);
    else {
      this.head += Buffer.from(bytes).toString("latin1");
      const end = this.head.indexOf("\r\n\r\n") + 4;
      if (end > 3) this.transcript.take(Buffer.from(this.head.slice(end), "latin1"));
    }
    this.wake();
  }

  async until(isSo: () => boolean): Promise<void> {
    const endMs = performance.now() + patienceMs;
    while (!isSo() && !this.isClosed && performance.now() < endMs) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, endMs - performance.now());
        this.wake = (): void => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async send(bytes: Uint8Array): Promise<void> {
    let from = 0;
    await this.until(() => {
      if (from < bytes.length) from += Math.max(0, this.socket.write(bytes.subarray(from)));
      return from >= bytes.length;
    });
  }
}

async function runCase(conformance: Case): Promise<string> {
  const client = new RawClient();
  await client.open();
  for (const step of [...conformance.steps, ping("the-last")]) await client.send(step);
  const { transcript } = client;
  await client.until(() => transcript.closeCode >= 0 || transcript.pongs.at(-1)?.toString() === "the-last");
  const count = conformance.expect.echoes?.length ?? 0;
  // A ping may overtake nothing, but messages before a close must all have come.
  await client.until(() => transcript.echoes.length >= count);
  client.socket.terminate();
  return transcript.judge(conformance);
}

test("every case through the gateway ends as the RFC says", async () => {
  const waiting = webSocketCases.filter(({ isPure }) => isPure !== true);
  const failed: string[][] = [];
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const wrong = await runCase(next);
      if (wrong !== "") failed.push([next.name, wrong]);
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  expect(failed).toEqual([]);
}, 60_000);

test("a handshake passes its protocols, its extensions and what comes with it", async () => {
  const client = new RawClient();
  await client.open("/", "Sec-WebSocket-Protocol: quotes, chat\r\n", text("early"));
  expect(client.head).toStartWith("HTTP/1.1 101 Switching Protocols\r\n");
  expect(client.head.toLowerCase()).toContain("sec-websocket-protocol: quotes\r\n");
  expect(client.head).toContain("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  await client.until(() => client.transcript.echoes.length > 0);
  expect(client.transcript.echoes[0]![1].toString()).toBe("early");
  await client.send(close(4001, "over"));
  await client.until(() => client.isClosed);
  expect(client.transcript.closeCode).toBe(4001);
});

test("what is no handshake, or meets no WebSocket, is answered as a request", async () => {
  const refused = new RawClient();
  await refused.open("/refused");
  expect(refused.head).toStartWith("HTTP/1.1 403");
  const url = `http://127.0.0.1:${weir.port("main")}`;
  const ask = async (path: string, headers: Record<string, string>): Promise<[number, string | null]> => {
    const response = await fetch(url + path, { headers });
    await response.arrayBuffer();
    return [response.status, response.headers.get("sec-websocket-version")];
  };
  const upgrade = { connection: "upgrade", upgrade: "websocket", "sec-websocket-key": key };
  expect(await ask("/", { ...upgrade, "sec-websocket-version": "8" })).toEqual([426, "13"]);
  expect(await ask("/", { ...upgrade, "sec-websocket-version": "13", "sec-websocket-key": "short" })).toEqual([
    400,
    null,
  ]);
  expect(await ask("/many", { ...upgrade, "sec-websocket-version": "13" })).toEqual([501, null]);
  const plain = await fetch(`${url}/plain`, { headers: { connection: "upgrade", upgrade: "h2c" } });
  expect(await plain.text()).toBe("none");
});

test("the runtime's own client talks, with compression where it offers it, and both sides see the close code", async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${weir.port("main")}/`);
  socket.binaryType = "arraybuffer";
  const messages: unknown[] = [];
  const opened = new Promise<void>((resolve) => socket.addEventListener("open", () => resolve()));
  await opened;
  const long = "long text that repeats itself, ".repeat(10_000);
  const done = new Promise<number>((resolve) => {
    socket.addEventListener("message", ({ data }) => {
      messages.push(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer).length);
      if (messages.length === 3) socket.close(3999, "enough");
    });
    socket.addEventListener("close", ({ code }) => resolve(code));
  });
  socket.send("short");
  socket.send(long);
  socket.send(new Uint8Array(300_000));
  expect(await done).toBe(3999);
  expect(messages).toEqual(["short", long, 300_000]);
  const endMs = performance.now() + 5000;
  while (closed.at(-1) !== 3999 && performance.now() < endMs) await Bun.sleep(5);
  expect(closed.at(-1)).toBe(3999);
});

test("a client of HTTP/2 opens many WebSockets on one connection", async () => {
  const session = connect(`http://127.0.0.1:${weir.port("main")}`);
  await new Promise<void>((resolve) => session.once("remoteSettings", () => resolve()));
  const statuses: unknown[] = [];
  for (let count = 0; count < 3; count++) {
    const fields = { ":method": "CONNECT", ":protocol": "websocket", ":path": "/", "sec-websocket-version": "13" };
    const stream = session.request(fields, { endStream: false });
    statuses.push(await new Promise((resolve) => stream.once("response", (found) => resolve(found[":status"]))));
  }
  expect(statuses).toEqual([200, 200, 200]);
  session.destroy();
});

test("a client of HTTP/2 opens a WebSocket by extended CONNECT", async () => {
  const session = connect(`http://127.0.0.1:${weir.port("main")}`);
  await new Promise<void>((resolve) => session.once("remoteSettings", () => resolve()));
  const stream = session.request(
    {
      ":method": "CONNECT",
      ":protocol": "websocket",
      ":path": "/",
      "sec-websocket-version": "13",
    },
    { endStream: false },
  );
  const status = await new Promise<unknown>((resolve) => stream.once("response", (found) => resolve(found[":status"])));
  expect(status).toBe(200);
  const transcript = new Transcript();
  const ended = new Promise<void>((resolve) => stream.once("end", () => resolve()));
  const echoed = new Promise<void>((resolve) => {
    stream.on("data", (bytes: Buffer) => {
      transcript.take(bytes);
      if (transcript.echoes.length === 2) resolve();
    });
  });
  stream.write(text("over HTTP/2"));
  stream.write(text("x".repeat(200_000)));
  await echoed;
  stream.write(close(4002));
  await ended;
  expect([transcript.echoes.map(([, bytes]) => bytes.length), transcript.closeCode]).toEqual([[11, 200_000], 4002]);
  session.destroy();
});

test("a client that does not read stops its upstream, and gets everything when it reads again", async () => {
  const client = new RawClient();
  await client.open("/loud");
  client.socket.pause();
  // Another client is served meanwhile.
  const other = new RawClient();
  await other.open();
  await other.send(text("hello"));
  await other.until(() => other.transcript.echoes.length === 1);
  other.socket.terminate();
  client.socket.resume();
  await client.until(() => client.transcript.echoes.length === 400);
  expect(client.transcript.echoes.length).toBe(400);
  client.socket.terminate();
});

test("a drained gateway tells its WebSockets that it goes away", async () => {
  const own = mkdtempSync(join(tmpdir(), "weir-websocket-drain-"));
  const before = weir;
  const other = await RunningWeir.start(
    own,
    `
workers: 1
listeners: { main: { address: "127.0.0.1:0" } }
metrics: off
admin: { address: "unix:${own}/admin.sock" }
timeouts: { drain: 2s }
upstreams: { app: { endpoints: ["127.0.0.1:${upstream.port}"] } }
routes: [{ name: all, upstream: app }]
`,
  );
  weir = other;
  const client = new RawClient();
  await client.open();
  weir = before;
  const stopped = other.stop();
  await client.until(() => client.transcript.closeCode >= 0);
  expect(client.transcript.closeCode).toBe(1001);
  await client.send(close(1001));
  await stopped;
  rmSync(own, { recursive: true, force: true });
});
