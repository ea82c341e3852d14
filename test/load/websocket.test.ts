/** WebSocket against the `ws` package, and against servers made to misbehave: each failure has its own class. */
import { afterAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { AddressInfo, Socket } from "node:net";
import { closeServers, kinds, listen, run } from "./servers.ts";
import { WebSocketServer, type WsServer, type WsSocket } from "./ws-package.ts";

const servers: WsServer[] = [];
afterAll(() => {
  for (const server of servers) {
    for (const client of server.clients) client.terminate();
    server.close();
  }
  closeServers();
});

function serve(handle: (socket: WsSocket) => void): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", (socket) => {
    socket.on("error", () => {});
    handle(socket);
  });
  servers.push(server);
  return new Promise((resolve) => server.on("listening", () => resolve((server.address() as AddressInfo).port)));
}

const echo = (socket: WsSocket): void => {
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
};

test("round trips are counted exactly, with their sizes", async () => {
  const port = await serve(echo);
  const { summary, classes, generator } = await run(`ws://127.0.0.1:${port}/`, {
    messageBytes: 300,
    requestsMax: 200,
    durationMs: 20_000,
  });
  expect([summary.requests, summary.errors, summary.receivedBytes]).toEqual([200, { total: 0 }, 200 * 300]);
  // Two bytes of head, two of a longer length, four of a mask.
  expect(summary.sentBytes).toBe(200 * 308);
  expect(classes[0]!.statuses).toEqual({ "101": 200 });
  expect([generator.connects.count, summary.upgradeUs.count]).toEqual([4, 4]);
});

test("text messages are templates, and their answers are checked", async () => {
  const seen: string[] = [];
  const port = await serve((socket) =>
    socket.on("message", (data, isBinary) => {
      seen.push(`${isBinary} ${data}`);
      socket.send(`got ${data}`);
    }),
  );
  const checks = { statuses: [], fields: [], bodyContains: ["got order"], bodyBytes: null };
  const { summary } = await run(`ws://127.0.0.1:${port}/`, {
    request: { body: "order {{counter}}", checks },
    connectionsCount: 1,
    requestsMax: 3,
    durationMs: 20_000,
  });
  expect(summary.errors).toEqual({ total: 0 });
  expect(seen).toEqual(["false order 1", "false order 2", "false order 3"]);
});

test("a message of every form of length comes back whole", async () => {
  const port = await serve(echo);
  for (const messageBytes of [0, 1, 125, 126, 65_535, 65_536, 300_000]) {
    const { summary } = await run(`ws://127.0.0.1:${port}/`, { messageBytes, requestsMax: 8, durationMs: 20_000 });
    expect([summary.errors, summary.receivedBytes]).toEqual([{ total: 0 }, 8 * messageBytes]);
  }
});

test("a rate per connection is spread over those that are not idle", async () => {
  const counts = new Map<WsSocket, number>();
  const port = await serve((socket) => {
    counts.set(socket, 0);
    socket.on("message", (data) => {
      counts.set(socket, counts.get(socket)! + 1);
      socket.send(data);
    });
  });
  const result = await run(`ws://127.0.0.1:${port}/`, {
    ratePerConnection: 10,
    connectionsCount: 5,
    idleConnectionsCount: 20,
    durationMs: 1000,
    seed: 1,
  });
  expect([result.summary.requests, result.summary.errors]).toEqual([50, { total: 0 }]);
  // In turn: an answer that is late on a busy machine may move a message or two to the next connection.
  const busy = [...counts.values()].filter((count) => count > 0);
  expect([busy.length, counts.size, busy.reduce((sum, count) => sum + count, 0)]).toEqual([5, 25, 50]);
  expect(result.generator.setup.connections).toBe(25);
});

test("one connection per message opens and closes as many as there are messages", async () => {
  const codes: number[] = [];
  const { promise: allClosed, resolve } = Promise.withResolvers<void>();
  const port = await serve((socket) => {
    echo(socket);
    socket.on("close", (code) => {
      codes.push(code);
      if (codes.length === 20) resolve();
    });
  });
  const { summary } = await run(`ws://127.0.0.1:${port}/`, {
    reusesConnections: false,
    requestsMax: 20,
    durationMs: 20_000,
  });
  expect([summary.errors, summary.upgradeUs.count]).toEqual([{ total: 0 }, 20]);
  // The run may end before the server has heard of the last.
  await allClosed;
  expect(codes).toEqual(Array(20).fill(1000));
});

test("fields of the handshake reach the server, and a subprotocol that was offered is accepted", async () => {
  const seen: (string | undefined)[] = [];
  const port = await listen((socket) =>
    socket.once("data", (chunk) => {
      const request = chunk.toString("latin1");
      seen.push(/^X-Token: (.*)\r$/m.exec(request)?.[1], /^GET (\S+)/.exec(request)?.[1]);
      accept(socket, request, "Sec-WebSocket-Protocol: quotes\r\n");
      socket.on("data", () => socket.write(Buffer.from([0x82, 1, 7])));
    }),
  );
  const { summary } = await run(`ws://127.0.0.1:${port}/feed?x=1`, {
    request: {
      headers: [
        ["X-Token", "t{{counter}}"],
        ["Sec-WebSocket-Protocol", "orders, quotes"],
      ],
    },
    connectionsCount: 1,
    requestsMax: 1,
    durationMs: 20_000,
  });
  expect([summary.errors, seen]).toEqual([{ total: 0 }, ["t1", "/feed?x=1"]]);
});

test("pings are answered while messages go on", async () => {
  let pongs = 0;
  const port = await serve((socket) => {
    socket.on("pong", (data) => {
      if (data.toString() === "are you there") pongs++;
    });
    socket.on("message", (data) => {
      socket.ping("are you there");
      socket.send(data);
    });
  });
  const { summary } = await run(`ws://127.0.0.1:${port}/`, { requestsMax: 40, durationMs: 20_000 });
  expect(summary.errors).toEqual({ total: 0 });
  expect(pongs).toBeGreaterThan(30);
});

// Servers made to misbehave.

function accept(socket: Socket, request: string, more = ""): void {
  const key = /Sec-WebSocket-Key: (\S+)/.exec(request)![1]!;
  const accepted = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accepted}\r\n${more}\r\n`,
  );
}

/** Opens every WebSocket and does to each message what it is told. */
function onMessage(handle: (socket: Socket) => void): Promise<number> {
  return listen((socket) =>
    socket.once("data", (chunk) => {
      accept(socket, chunk.toString("latin1"));
      socket.on("data", () => handle(socket));
    }),
  );
}

const close = (code: number): Buffer => Buffer.from([0x88, 2, code >> 8, code & 255]);
const misbehaving: readonly (readonly [string, (socket: Socket) => void, string[]])[] = [
  ["a close with 1001", (socket) => socket.write(close(1001)), ["ws-close-1001"]],
  ["a close with 1011", (socket) => socket.write(close(1011)), ["ws-close-1011"]],
  ["a close with a code of the application", (socket) => socket.write(close(4321)), ["ws-close-other"]],
  ["a close without a code", (socket) => socket.write(Buffer.from([0x88, 0])), ["ws-close-1005"]],
  ["an end without a close", (socket) => socket.end(), ["ws-close-1006"]],
  ["a reset", (socket) => socket.resetAndDestroy(), ["reset"]],
  ["a masked frame", (socket) => socket.write(Buffer.from([0x82, 0x81, 1, 2, 3, 4, 5])), ["protocol-error"]],
  ["a reserved bit", (socket) => socket.write(Buffer.from([0xf2, 1, 1])), ["protocol-error"]],
  ["a text that is not UTF-8", (socket) => socket.write(Buffer.from([0x81, 1, 0xff])), ["protocol-error"]],
  ["a close code that may not be sent", (socket) => socket.write(close(1006)), ["protocol-error"]],
];
for (const [what, handle, expected] of misbehaving) {
  test(`${what} is ${expected.join()}`, async () => {
    const port = await onMessage(handle);
    const result = await run(`ws://127.0.0.1:${port}/`, { connectionsCount: 2 });
    expect(kinds(result)).toEqual(expected);
    expect(result.summary.answers).toBe(0);
  });
}

test("silence is a timeout, half a message a slow-answer", async () => {
  const silent = await onMessage(() => {});
  expect(kinds(await run(`ws://127.0.0.1:${silent}/`, { timeoutMs: 80 }))).toEqual(["timeout"]);
  const slow = await onMessage((socket) => socket.write(Buffer.from([0x82, 100, 1, 2, 3])));
  expect(kinds(await run(`ws://127.0.0.1:${slow}/`, { timeoutMs: 80 }))).toEqual(["slow-answer"]);
});

test("a message that answers nothing is counted, and does not pass for an answer", async () => {
  const port = await serve((socket) => {
    socket.send("welcome");
    echo(socket);
  });
  const result = await run(`ws://127.0.0.1:${port}/`, {
    idleConnectionsCount: 3,
    connectionsCount: 1,
    ratePerSecond: 20,
    durationMs: 500,
    seed: 1,
  });
  expect(result.summary.errors["unasked-message"]).toBeGreaterThanOrEqual(3);
  expect(result.summary.latencyUs.count).toBe(10);
});

test("an idle connection that the server closes is counted, and opened again", async () => {
  const port = await serve(echo);
  const closer = servers.at(-1)!;
  let closed = 0;
  closer.on("connection", (socket: WsSocket) => {
    if (closed++ < 3) socket.close(1012);
  });
  const result = await run(`ws://127.0.0.1:${port}/`, {
    idleConnectionsCount: 4,
    connectionsCount: 1,
    ratePerSecond: 1,
    durationMs: 600,
  });
  expect(result.summary.errors["ws-close-1012"]).toBe(3);
  expect(result.generator.connects.count).toBe(8);
});

const refusals: readonly (readonly [string, string])[] = [
  ["another status", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"],
  [
    "a wrong proof",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n",
  ],
  ["no upgrade", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n"],
];
for (const [what, answer] of refusals) {
  test(`${what} is upgrade-refused`, async () => {
    const port = await listen((socket) => socket.once("data", () => socket.write(answer)));
    const result = await run(`ws://127.0.0.1:${port}/`);
    expect(kinds(result)).toEqual(["upgrade-refused"]);
    expect(result.verdict.warnings.join()).toContain("did not open a WebSocket");
  });
}

test("an extension or a subprotocol that nobody offered is refused", async () => {
  for (const more of ["Sec-WebSocket-Extensions: permessage-deflate\r\n", "Sec-WebSocket-Protocol: other\r\n"]) {
    const port = await listen((socket) =>
      socket.once("data", (chunk) => accept(socket, chunk.toString("latin1"), more)),
    );
    expect(kinds(await run(`ws://127.0.0.1:${port}/`))).toEqual(["upgrade-refused"]);
  }
});
