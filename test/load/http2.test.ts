/** HTTP/2 against real servers, and against servers made to misbehave: each failure has its own class. */
import { afterAll, expect, test } from "bun:test";
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { buildPlan, mergeResults, runLoad, runSweep } from "../../src/load/mod.ts";
import { LocalGateway } from "../support/local-gateway.ts";
import { closeServers, kinds, listen, run } from "./servers.ts";

const servers: Http2Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
  closeServers();
});

/** Node's own HTTP/2 server: `/` says hello, `/echo` the body, `/size/N` N bytes. */
function startNode(options: { readonly streamsMax?: number } = {}): Promise<{ port: number; requests: () => number }> {
  let requests = 0;
  const server = createServer({ settings: { maxConcurrentStreams: options.streamsMax ?? 100 } });
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    requests++;
    const path = headers[":path"]!;
    stream.on("error", () => {});
    if (path === "/echo") {
      stream.respond({ ":status": 200 });
      stream.pipe(stream);
      return;
    }
    const size = /^\/size\/(\d+)$/.exec(path)?.[1];
    stream.respond({ ":status": path === "/busy" ? 503 : 200, "x-method": headers[":method"]! });
    stream.end(size === undefined ? "hello" : Buffer.alloc(Number(size), 0x61));
  });
  servers.push(server);
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () =>
      resolve({ port: (server.address() as AddressInfo).port, requests: () => requests }),
    ),
  );
}

const http2 = { httpVersion: "2" } as const;

test("streams of one connection carry exact counts", async () => {
  const node = await startNode();
  const { summary, classes, generator } = await run(`http://127.0.0.1:${node.port}/`, {
    ...http2,
    connectionsCount: 2,
    streamsPerConnection: 16,
    requestsMax: 500,
    durationMs: 20_000,
  });
  expect({ requests: summary.requests, errors: summary.errors, served: node.requests() }).toEqual({
    requests: 500,
    errors: { total: 0 },
    served: 500,
  });
  expect(classes[0]!.statuses).toEqual({ "200": 500 });
  expect(generator.connects.count).toBe(2);
});

test("an open loop over HTTP/2 sends what is due, with the same figures as over HTTP/1.1", async () => {
  const node = await startNode();
  const input = { ...http2, streamsPerConnection: 8, ratePerSecond: 400, durationMs: 1000, seed: 1 };
  const result = await run(`http://127.0.0.1:${node.port}/`, input, ["errors > 0"]);
  expect(result.summary.requests).toBe(400);
  expect(result.summary.sendLagUs.count).toBe(400);
  expect(result.verdict.status).toBe("passed");
  const merged = mergeResults([result, result]);
  expect(merged.summary.requests).toBe(800);
});

test("bodies larger than every window go out and come back, and are checked", async () => {
  const node = await startNode();
  const body = "0123456789".repeat(30_000);
  const { summary } = await run(`http://127.0.0.1:${node.port}/echo`, {
    ...http2,
    classes: [
      {
        name: "all",
        path: "/echo",
        body,
        checks: { statuses: [200], fields: [], bodyContains: [], bodyBytes: body.length },
      },
    ],
    streamsPerConnection: 3,
    connectionsCount: 1,
    requestsMax: 12,
    durationMs: 20_000,
  });
  expect(summary.errors).toEqual({ total: 0 });
  expect(summary.requests).toBe(12);
  expect(summary.sentBytes).toBeGreaterThan(12 * body.length);
});

test("templates, fields and statuses are checked as over HTTP/1.1", async () => {
  const node = await startNode();
  const result = await run(`http://127.0.0.1:${node.port}/`, {
    ...http2,
    requestsMax: 40,
    durationMs: 20_000,
    classes: [
      {
        name: "good",
        path: "/{{counter}}",
        method: "PUT",
        headers: [["x-id", "{{uuid}}"]],
        checks: {
          statuses: [200],
          fields: [{ name: "x-method", value: "PUT" }],
          bodyContains: ["hello"],
          bodyBytes: 5,
        },
      },
      {
        name: "busy",
        path: "/busy",
        checks: { statuses: [], fields: [], bodyContains: [], bodyBytes: null },
      },
    ],
  });
  const [good, busy] = result.classes;
  expect(good!.errors).toEqual({ total: 0 });
  expect(Object.keys(busy!.errors)).toEqual(["total", "unexpected-status"]);
});

test("one connection per request opens as many connections as there are requests", async () => {
  const node = await startNode();
  const { summary, generator } = await run(`http://127.0.0.1:${node.port}/`, {
    ...http2,
    reusesConnections: false,
    requestsMax: 30,
    durationMs: 20_000,
  });
  expect(summary.errors).toEqual({ total: 0 });
  expect([summary.requests, generator.connects.count, summary.connectUs.count]).toEqual([30, 30, 30]);
});

test("streams that the server does not allow stay unused, and the result says so", async () => {
  const node = await startNode({ streamsMax: 3 });
  const result = await run(`http://127.0.0.1:${node.port}/`, {
    ...http2,
    connectionsCount: 1,
    streamsPerConnection: 10,
    requestsMax: 100,
    durationMs: 20_000,
  });
  expect(result.summary.errors).toEqual({ total: 0 });
  expect(result.verdict.warnings.join()).toContain("3 streams");
});

test("a sweep over connections works as over HTTP/1.1", async () => {
  const node = await startNode();
  const plan = buildPlan({
    url: `http://127.0.0.1:${node.port}/`,
    ...http2,
    streamsPerConnection: 4,
    durationMs: 200,
    processesCount: 1,
    health: { isVoidable: false },
  });
  const sweep = await runSweep(plan, { kind: "connections", values: [1, 3] }, (each) => runLoad(each));
  expect(sweep.runs.map((each) => each.generator.connects.count)).toEqual([1, 3]);
  expect(sweep.runs.every((each) => each.summary.answers > 0 && each.summary.errors.total === 0)).toBe(true);
});

test("the gateway itself answers over HTTP/2", async () => {
  const gateway = new LocalGateway(`
routes: [{ respond: { status: 200, body: "fine" } }]
`);
  try {
    const { summary } = await run(`http://127.0.0.1:${gateway.port}/`, {
      ...http2,
      streamsPerConnection: 8,
      requestsMax: 200,
      durationMs: 20_000,
    });
    expect([summary.requests, summary.errors]).toEqual([200, { total: 0 }]);
  } finally {
    await gateway.close();
  }
});

// Servers made to misbehave, in raw frames.

const prefaceBytes = 24;
const frame = (type: number, flags: number, stream: number, payload: number[] = []): Buffer => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, Buffer.from(payload)]);
};
const settings = frame(4, 0, 0);
/** `:status: 200` by its index in the static table. */
const ok = (stream: number, isEnd: boolean): Buffer => frame(1, isEnd ? 5 : 4, stream, [0x88]);
const number = (value: number): number[] => [0, 0, value >>> 8, value & 255];

/** A server that says SETTINGS and then does to each new stream what it is told. */
function onStream(handle: (socket: Socket, stream: number) => void): Promise<number> {
  return listen((socket) => {
    let bytes = Buffer.alloc(0);
    let isBegun = false;
    socket.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (!isBegun) {
        if (bytes.length < prefaceBytes) return;
        bytes = bytes.subarray(prefaceBytes);
        isBegun = true;
        socket.write(settings);
      }
      while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
        const length = bytes.readUIntBE(0, 3);
        if (bytes[3] === 1) handle(socket, bytes.readUInt32BE(5));
        bytes = bytes.subarray(9 + length);
      }
    });
  });
}

const misbehaving: readonly (readonly [string, (socket: Socket, stream: number) => void, string[]])[] = [
  [
    "a stream reset with REFUSED_STREAM",
    (socket, id) => socket.write(frame(3, 0, id, number(7))),
    ["stream-refused-stream"],
  ],
  [
    "a stream reset with INTERNAL_ERROR",
    (socket, id) => socket.write(frame(3, 0, id, number(2))),
    ["stream-internal-error"],
  ],
  [
    "a stream cancelled within its answer",
    (socket, id) => {
      socket.write(ok(id, false));
      socket.write(frame(3, 0, id, number(8)));
    },
    ["stream-cancel"],
  ],
  [
    "a GOAWAY that leaves streams out",
    (socket) => socket.end(frame(7, 0, 0, [...number(0), ...number(11)])),
    ["goaway-enhance-your-calm"],
  ],
  ["a connection that ends without a word", (socket) => socket.end(), ["closed-unanswered"]],
  ["a connection that ends within an answer", (socket, id) => socket.end(ok(id, false)), ["closed-early"]],
  ["a reset connection", (socket) => socket.resetAndDestroy(), ["reset"]],
  ["a push", (socket, id) => socket.write(frame(5, 4, id, [...number(2), 0x88])), ["protocol-error"]],
  ["a block that is not HPACK", (socket, id) => socket.write(frame(1, 4, id, [0x80])), ["protocol-error"]],
  ["an answer without a status", (socket, id) => socket.write(frame(1, 5, id, [])), ["malformed"]],
];
for (const [what, handle, expected] of misbehaving) {
  test(`${what} is ${expected.join()}`, async () => {
    const port = await onStream(handle);
    const result = await run(`http://127.0.0.1:${port}/`, { ...http2, connectionsCount: 2 });
    expect(kinds(result)).toEqual(expected);
    expect(result.summary.answers).toBe(0);
  });
}

test("silence is a timeout, and a connection on which nothing came is not used again", async () => {
  const port = await onStream(() => {});
  const result = await run(`http://127.0.0.1:${port}/`, { ...http2, connectionsCount: 2, timeoutMs: 80 });
  expect(kinds(result)).toEqual(["timeout"]);
  expect(result.generator.connects.count).toBeGreaterThan(2);
});

test("one answer that does not end is a slow-answer, and the other streams go on", async () => {
  const port = await onStream((socket, id) => socket.write(ok(id, id !== 1)));
  const result = await run(`http://127.0.0.1:${port}/`, {
    ...http2,
    connectionsCount: 1,
    streamsPerConnection: 2,
    timeoutMs: 100,
  });
  expect(result.summary.errors).toEqual({ total: 1, "slow-answer": 1 });
  expect(result.summary.answers).toBeGreaterThan(50);
});

test("a GOAWAY between requests loses none: the next go over a new connection", async () => {
  let answers = 0;
  const port = await onStream((socket, id) => {
    answers++;
    // Before the answer: the request that follows it at once would be above the last stream.
    if (answers % 10 === 0) socket.write(frame(7, 0, 0, [...number(id), ...number(0)]));
    socket.write(ok(id, true));
  });
  const result = await run(`http://127.0.0.1:${port}/`, {
    ...http2,
    connectionsCount: 1,
    requestsMax: 35,
    durationMs: 20_000,
  });
  expect(result.summary.errors).toEqual({ total: 0 });
  expect([result.summary.answers, result.generator.connects.count]).toEqual([35, 4]);
});

test("a server of HTTP/1.1 is no-http2, and the result says it in words", async () => {
  const port = await listen((socket) => socket.on("data", () => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n")));
  const result = await run(`http://127.0.0.1:${port}/`, { ...http2 });
  expect(kinds(result)).toEqual(["no-http2"]);
  expect(result.verdict.warnings.join()).toContain("does not speak HTTP/2");
});

test("a server that never says SETTINGS is a connect-timeout", async () => {
  const port = await listen((socket) => socket.on("data", () => {}));
  const result = await run(`http://127.0.0.1:${port}/`, { ...http2, connectTimeoutMs: 50 });
  expect(kinds(result)).toEqual(["connect-timeout"]);
});
