/** Servers made to misbehave: every kind of failure lands in its own named error class, over real sockets. */
import { afterAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { buildPlan, type LoadResult, type PlanInput, runLoad } from "../../src/load/mod.ts";

const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

/** Listens with a connection handler; returns the port. */
function listen(handle: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    // Clients reset connections on purpose here.
    socket.on("error", () => {});
    handle(socket);
  });
  servers.push(server);
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
  );
}

/** Answers every request with what `answer` does. */
function onRequest(answer: (socket: Socket, request: string) => void): Promise<number> {
  return listen((socket) => socket.on("data", (chunk) => answer(socket, chunk.toString("latin1"))));
}

function run(port: number, input: Partial<PlanInput> = {}, failIf: string[] = []): Promise<LoadResult> {
  const plan = buildPlan({
    url: `http://127.0.0.1:${port}/`,
    durationMs: 300,
    connectionsCount: 4,
    processesCount: 1,
    health: { isVoidable: false },
    ...input,
  });
  return runLoad(plan, { failIf });
}

/** The kinds of error of a run, without how many. */
function kinds(result: LoadResult): string[] {
  const { total, ...rest } = result.summary.errors;
  expect(total).toBeGreaterThan(0);
  return Object.keys(rest).sort();
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

test("a good server gives no errors and exact counts", async () => {
  let served = 0;
  const port = await onRequest((socket) => {
    served++;
    socket.write(ok);
  });
  const { summary, classes } = await run(port, { requestsMax: 100, durationMs: 20_000 });
  expect({ requests: summary.requests, answers: summary.answers, errors: summary.errors, served }).toEqual({
    requests: 100,
    answers: 100,
    errors: { total: 0 },
    served: 100,
  });
  expect(classes[0]!.statuses).toEqual({ "200": 100 });
  expect(summary.receivedBytes).toBe(100 * ok.length);
});

test("a port nobody listens on is connect-refused, and the run is void for want of answers", async () => {
  const result = await run(1);
  expect(kinds(result)).toEqual(["connect-refused"]);
  expect(result.verdict.status).toBe("void");
});

test("an idle connection that the server closes is idle-closed, and opened again", async () => {
  let opened = 0;
  const port = await listen((socket) => {
    if (++opened > 4 && opened <= 7) socket.end();
    socket.on("data", () => socket.write(ok));
  });
  const result = await run(port, { idleConnectionsCount: 6, ratePerSecond: 20, durationMs: 500, seed: 1 });
  expect(result.summary.errors["idle-closed"] ?? 0).toBeGreaterThan(0);
  expect(result.summary.answers).toBe(10);
  expect(result.generator.connects.count).toBe(13);
});

test("a reset is not a close", async () => {
  const port = await onRequest((socket) => socket.resetAndDestroy());
  expect(kinds(await run(port))).toEqual(["reset"]);
});

test("a close without an answer is closed-unanswered", async () => {
  const port = await onRequest((socket) => socket.end());
  expect(kinds(await run(port))).toEqual(["closed-unanswered"]);
});

test("half an answer is closed-early", async () => {
  const port = await onRequest((socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"));
  expect(kinds(await run(port))).toEqual(["closed-early"]);
});

test("more bytes than promised are wrong-length", async () => {
  const port = await onRequest((socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nmuch more"));
  expect(kinds(await run(port))).toEqual(["wrong-length"]);
});

test("what is not HTTP is malformed", async () => {
  const port = await onRequest((socket) => socket.write("220 mail.example ESMTP\r\n"));
  expect(kinds(await run(port))).toEqual(["malformed"]);
});

test("silence is a timeout", async () => {
  const port = await onRequest(() => {});
  expect(kinds(await run(port, { timeoutMs: 100 }))).toEqual(["timeout"]);
});

test("an answer that dribbles is a slow-answer", async () => {
  const port = await onRequest((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n");
    const timer = setInterval(() => socket.write("x"), 10);
    socket.on("close", () => clearInterval(timer));
  });
  expect(kinds(await run(port, { timeoutMs: 150 }))).toEqual(["slow-answer"]);
});

test("an error status is unexpected-status, and its time is kept apart", async () => {
  const port = await onRequest((socket) => socket.write("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"));
  const result = await run(port, { requestsMax: 20, durationMs: 20_000 });
  expect(result.summary.errors).toEqual({ total: 20, "unexpected-status": 20 });
  expect(result.summary.latencyUs.count).toBe(0);
  expect(result.summary.failedUs.count).toBe(20);
  expect(result.classes[0]!.statuses).toEqual({ "503": 20 });
});

test("an answer with the wrong field or body is check-failed", async () => {
  const port = await onRequest((socket, request) => {
    const body = request.includes("GET /good ") ? '{"price":1}' : '{"error":1}';
    socket.write(`HTTP/1.1 200 OK\r\nKind: quote\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 4)}`);
    setTimeout(() => socket.write(body.slice(4)), 1);
  });
  const checks = { statuses: [], fields: [{ name: "kind", value: "quote" }], bodyContains: ['"price"'], bodyBytes: 11 };
  const good = { name: "good", path: "/good", checks };
  const result = await run(port, {
    classes: [
      good,
      { name: "bad", path: "/bad", checks },
      { ...good, name: "field", checks: { ...checks, fields: [{ name: "no", value: null }] } },
    ],
    requestsMax: 90,
    durationMs: 20_000,
  });
  const errors = result.classes.map((each) => Object.keys(each.errors).join(" "));
  expect(errors).toEqual(["total", "total check-failed", "total check-failed"]);
  expect(result.classes.reduce((sum, each) => sum + each.requests, 0)).toBe(90);
});

test("an open loop whose server refuses fails each request once", async () => {
  const result = await run(1, { ratePerSecond: 50, connectionsCount: 10, durationMs: 1000 });
  expect(result.summary.requests).toBe(50);
  expect(result.summary.errors.total).toBe(50);
});

test("a server that closes after each answer is reconnected to without an error", async () => {
  const port = await onRequest((socket) =>
    socket.end("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"),
  );
  const result = await run(port, { requestsMax: 50, durationMs: 20_000 });
  expect(result.summary.errors).toEqual({ total: 0 });
  expect(result.generator.connects.count).toBeGreaterThanOrEqual(50);
});

test("one connection per request connects for each and says how long that took", async () => {
  const seen = new Set<number>();
  const port = await listen((socket) => {
    seen.add(socket.remotePort!);
    socket.on("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  });
  const result = await run(port, { requestsMax: 40, durationMs: 20_000, reusesConnections: false });
  expect(result.summary.requests).toBe(40);
  expect(result.summary.errors).toEqual({ total: 0 });
  expect(seen.size).toBe(40);
  const { latencyUs, serviceUs, connectUs } = result.summary;
  expect(connectUs.count).toBeGreaterThanOrEqual(40);
  expect(serviceUs.mean + connectUs.min).toBeLessThan(latencyUs.max);
  expect(serviceUs.mean).toBeLessThan(latencyUs.mean);
});

test("connections come from the source addresses in turn", async () => {
  const seen = new Set<string>();
  const port = await listen((socket) => {
    seen.add(socket.remoteAddress!);
    socket.on("data", () => socket.write(ok));
  });
  await run(port, { sourceAddresses: ["127.0.0.7", "127.0.0.8"], requestsMax: 20, durationMs: 20_000 });
  expect([...seen].sort()).toEqual(["127.0.0.7", "127.0.0.8"]);
});

test("templates reach the server with their values filled in", async () => {
  const bodies: string[] = [];
  const port = await onRequest((socket, request) => {
    bodies.push(request);
    socket.write(ok);
  });
  await run(port, {
    classes: [{ name: "order", path: "/orders/{{counter:10}}", body: '{"quantity":{{random:5:6}},"id":"{{uuid}}"}' }],
    connectionsCount: 1,
    requestsMax: 3,
    durationMs: 20_000,
  });
  expect(bodies.map((text) => text.split(" ")[1])).toEqual(["/orders/10", "/orders/11", "/orders/12"]);
  for (const text of bodies) {
    const [head, body] = text.split("\r\n\r\n") as [string, string];
    expect(head).toContain(`Content-Length: ${body.length}`);
    expect(body).toMatch(
      /^\{"quantity":[56],"id":"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"\}$/,
    );
  }
});

test("large request bodies are written whole", async () => {
  let bytes = 0;
  const size = 4 * 1024 * 1024;
  const port = await listen((socket) => {
    let missing = 0;
    socket.on("data", (chunk) => {
      bytes += chunk.length;
      const headEnd = chunk.indexOf("\r\n\r\n");
      missing += (headEnd < 0 ? 0 : size + headEnd + 4) - chunk.length;
      if (missing === 0) socket.write(ok);
    });
  });
  const body = new Uint8Array(size).fill(120);
  const result = await run(port, {
    classes: [{ name: "all", path: "/", body }],
    connectionsCount: 1,
    requestsMax: 3,
    durationMs: 20_000,
  });
  expect(result.summary.errors).toEqual({ total: 0 });
  expect(bytes).toBe(result.summary.sentBytes);
});

test("a client process that dies makes the run void and keeps what the others measured", async () => {
  const port = await onRequest((socket) => socket.write(ok));
  const plan = buildPlan({
    url: `http://127.0.0.1:${port}/`,
    ratePerSecond: 100,
    durationMs: 3000,
    connectionsCount: 4,
    processesCount: 2,
  });
  const result = await runLoad(plan, {
    onSecond: ({ second }) => {
      if (second === 0) process.kill(oneClient());
    },
  });
  expect(result.verdict.status).toBe("void");
  expect(result.summary.answers).toBeGreaterThan(100);
});

/** A client process of this test's own. */
function oneClient(): number {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8")
    .trim()
    .split(" ")
    .map(Number);
  return children.find((id) => readFileSync(`/proc/${id}/cmdline`, "utf8").includes("load/worker.ts"))!;
}
