/** What clients see when upstreams refuse, stall, close, lie or answer late. */
import { afterEach, expect, test } from "bun:test";
import { LocalGateway } from "../../support/local-gateway.ts";
import { connectClient, ok, type Peer, ScriptedUpstream } from "../../support/scripted-upstream.ts";

const open: { close(): unknown }[] = [];
const keep = <T extends { close(): unknown }>(one: T): T => {
  open.push(one);
  return one;
};
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

const upstreamAt = (ports: number[], more = ""): string =>
  `upstreams: { core: { endpoints: [${ports.map((port) => `"127.0.0.1:${port}"`).join(", ")}], ${more} } }\n`;
const everything = 'routes: [{ name: all, match: { path: "/*" }, upstream: core }]\n';

async function setUp(
  more = "",
  routes = everything,
): Promise<{ upstream: ScriptedUpstream; client: Peer; port: number }> {
  const upstream = keep(new ScriptedUpstream());
  const gateway = keep(new LocalGateway(upstreamAt([upstream.port], more) + routes));
  const client = await connectClient(gateway.port);
  keep({ close: () => client.socket.terminate() });
  return { upstream, client, port: gateway.port };
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const post = (path: string, body: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** Status line and outcome of a problem answer, taken off a client. */
async function problem(client: Peer): Promise<string> {
  const head = await client.take("\r\n\r\n");
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
  await client.until((peer) => peer.received.length >= length);
  const body = JSON.parse(client.received.slice(0, length)) as { outcome: string; status: number };
  client.received = client.received.slice(length);
  return `${head.slice(9, 12)} ${body.outcome}`;
}

test("a GET that meets a connection just closed is sent again, and its client sees nothing of it", async () => {
  const { upstream, client } = await setUp();
  client.send(get("/1"));
  const first = await upstream.connection(0);
  await first.message();
  first.send(ok("one"));
  await client.message(3);
  client.send(get("/2"));
  await first.message();
  first.socket.end();
  const second = await upstream.connection(1);
  expect(await second.message()).toStartWith("GET /2 ");
  second.send(ok("two"));
  expect(await client.message(3)).toEndWith("two");
});

test("a POST that meets a connection just closed is never sent again", async () => {
  const { upstream, client } = await setUp();
  client.send(get("/1"));
  const first = await upstream.connection(0);
  await first.message();
  first.send(ok("one"));
  await client.message(3);
  client.send(post("/orders", "buy"));
  await first.message(3);
  first.socket.end();
  expect(await problem(client)).toBe("502 upstream-closed");
  expect(upstream.connections.length).toBe(1);
});

test("a POST with a key is sent again where the route says that its upstream honours keys", async () => {
  const routes = 'routes: [{ match: { path: "/*" }, upstream: core, retry: { idempotency: key } }]\n';
  const { upstream, client } = await setUp("", routes);
  const request = "POST /orders HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k1\r\nContent-Length: 3\r\n\r\nbuy";
  client.send(request);
  const first = await upstream.connection(0);
  await first.message(3);
  first.socket.end();
  const second = await upstream.connection(1);
  expect(await second.message(3)).toEndWith("buy");
  second.send(ok("done"));
  expect(await client.message(4)).toEndWith("done");
});

test("an upstream that fails each time gets a request twice at most", async () => {
  const { upstream, client } = await setUp();
  upstream.onConnection = (peer) => void peer.take("\r\n\r\n").then(() => peer.socket.end());
  client.send(get("/"));
  expect(await problem(client)).toBe("502 upstream-closed");
  expect(upstream.connections.length).toBe(2);
});

test("a refused connection is 502, and another endpoint takes its place", async () => {
  const gone = new ScriptedUpstream();
  gone.close();
  const alone = keep(new LocalGateway(upstreamAt([gone.port]) + everything));
  const client = await connectClient(alone.port);
  client.send(get("/"));
  expect(await problem(client)).toBe("502 upstream-connect-failed");
  client.socket.terminate();

  const upstream = keep(new ScriptedUpstream());
  upstream.answerAll(() => ok("here"));
  const both = keep(new LocalGateway(upstreamAt([gone.port, upstream.port], "balance: round-robin") + everything));
  const other = await connectClient(both.port);
  for (let turn = 0; turn < 6; turn++) {
    other.send(get("/"));
    expect(await other.message(4)).toEndWith("here");
  }
  other.socket.terminate();
});

test("an answer that does not begin in time is 504, and its connection is not used again", async () => {
  const { upstream, client } = await setUp("timeouts: { firstByte: 60ms }");
  client.send(get("/slow"));
  const first = await upstream.connection(0);
  await first.message();
  expect(await problem(client)).toBe("504 upstream-first-byte-timeout");
  await first.end();
  client.send(get("/next"));
  const second = await upstream.connection(1);
  await second.message();
  second.send(ok("x"));
  expect(await client.message(1)).toEndWith("x");
});

test("an answer that is cut is cut for the client too, never completed", async () => {
  for (const begun of [
    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
  ]) {
    const { upstream, client } = await setUp();
    client.send(get("/"));
    const peer = await upstream.connection(0);
    await peer.message();
    peer.send(begun);
    await client.take("half");
    peer.socket.end();
    await client.end();
    expect(client.received.includes("0\r\n\r\n")).toBe(false);
  }
});

test("an answer that stalls is cut after the idle limit", async () => {
  const { upstream, client } = await setUp("timeouts: { idle: 60ms }");
  client.send(get("/"));
  const peer = await upstream.connection(0);
  await peer.message();
  peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  await client.take("half");
  await client.end();
});

test("answers that two readers could take apart differently are 502", async () => {
  for (const bad of [
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nab",
    "HTTP/1.1 200 OK\r\nBad Name: 1\r\n\r\n",
    "nonsense\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
  ]) {
    const { upstream, client } = await setUp();
    client.send(post("/", "a"));
    const peer = await upstream.connection(0);
    await peer.message(1);
    peer.send(bad);
    expect(await problem(client)).toBe("502 upstream-malformed");
  }
});

test("a body that is malformed as it begins is 502 as long as nothing of its answer was passed on", async () => {
  const chunked = "Transfer-Encoding: chunked\r\n\r\n";
  const date = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
  for (const bad of [
    `HTTP/1.1 200 OK\r\n${chunked}zz\r\nab\r\n0\r\n\r\n`,
    `HTTP/1.1 200 OK\r\n${date}${chunked}2\r\nab\r\n2\r\nabX`,
    `HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n${chunked}2;\0=1\r\nab\r\n`,
  ]) {
    const { upstream, client } = await setUp();
    client.send(get("/"));
    const peer = await upstream.connection(0);
    await peer.message();
    peer.send(bad);
    if (bad.includes(" 103 ")) expect(await client.take("\r\n\r\n")).toStartWith("HTTP/1.1 103 ");
    expect(await problem(client)).toBe("502 upstream-malformed");
  }
});

test("a body that turns malformed after a part of it was passed on is cut", async () => {
  const { upstream, client } = await setUp();
  client.send(get("/"));
  const peer = await upstream.connection(0);
  await peer.message();
  peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
  await client.take("half");
  peer.send("zz\r\n");
  await client.end();
  expect(client.received.includes("502")).toBe(false);
});

test("requests that wait for a connection are served when a reload replaces their upstream", async () => {
  for (const mode of ["exclusive", "pipelined"]) {
    const upstream = keep(new ScriptedUpstream());
    const connections = `connections: { mode: ${mode}, maxPerEndpoint: 1, pipelinedConnectionsPerEndpoint: 1 }`;
    const config = (connect: string): string =>
      upstreamAt([upstream.port], `${connections}, timeouts: { connect: ${connect} }`) + everything;
    const gateway = keep(new LocalGateway(config("1s")));
    const { promise: opened, resolve: letAnswer } = Promise.withResolvers<void>();
    upstream.onConnection = (peer) => {
      const answer = async (): Promise<void> => {
        while (!peer.isClosed) {
          await peer.message(1);
          await opened;
          peer.send(ok("fine"));
        }
      };
      void answer().catch(() => {}); // Nobody sends more on this connection.
    };
    const clients = await Promise.all([0, 1, 2].map(() => connectClient(gateway.port)));
    for (const client of clients) keep({ close: () => client.socket.terminate() });
    // A body is not pipelined, so one of these has the connection and the others wait.
    for (const client of clients) client.send(post("/", "x"));
    await upstream.connection(0);
    for (let look = 0; look < 3; look++) await fetch(`http://127.0.0.1:${gateway.port}/health`, { keepalive: false });
    gateway.reload(config("2s"));
    letAnswer();
    for (const client of clients) expect(await client.message(4)).toEndWith("fine");
  }
});

test("bytes after an answer close the connection instead of answering the next request", async () => {
  const { upstream, client } = await setUp();
  client.send(get("/1"));
  const first = await upstream.connection(0);
  await first.message();
  first.send(`${ok("one")}${ok("poison")}`);
  expect(await client.message(3)).toEndWith("one");
  client.send(get("/2"));
  const second = await upstream.connection(1);
  await second.message();
  second.send(ok("two"));
  expect(await client.message(3)).toEndWith("two");
});

test("requests beyond the connections wait in order, and no longer or more than they may", async () => {
  const more = "connections: { maxPerEndpoint: 1 }, queue: { requestsMax: 2, timeout: 300ms }";
  const { upstream, client, port } = await setUp(more);
  client.send(get("/1"));
  const peer = await upstream.connection(0);
  await peer.message();
  const waiting = [await connectClient(port), await connectClient(port)];
  waiting[0]!.send(get("/2"));
  waiting[1]!.send(get("/3"));
  const fourth = await connectClient(port);
  // The queue is full when both have been read; the fourth is refused until then as well as after.
  await Bun.sleep(20);
  fourth.send(get("/4"));
  expect(await problem(fourth)).toBe("503 upstream-queue-full");
  peer.send(ok("1"));
  await client.message(1);
  expect(await peer.message()).toStartWith("GET /2 ");
  expect(await problem(waiting[1]!)).toBe("503 upstream-queue-timeout");
  peer.send(ok("2"));
  expect(await waiting[0]!.message(1)).toEndWith("2");
  for (const one of [...waiting, fourth]) one.socket.terminate();
});

test("a request that takes too long in all is 504, wherever it is", async () => {
  const routes = 'routes: [{ match: { path: "/*" }, upstream: core, timeouts: { request: 80ms } }]\n';
  const { upstream, client } = await setUp("", routes);
  client.send(get("/"));
  const peer = await upstream.connection(0);
  await peer.message();
  expect(await problem(client)).toBe("504 request-timeout");
  await peer.end();
});

test("a client that goes away takes its request's connection with it", async () => {
  const { upstream, client } = await setUp();
  client.send(get("/"));
  const peer = await upstream.connection(0);
  await peer.message();
  client.socket.terminate();
  await peer.end();
});

test("a pipelined upstream answers in order, and one client that leaves harms no other", async () => {
  const pipelined = "connections: { mode: pipelined, pipelinedConnectionsPerEndpoint: 1 }";
  const { upstream, client, port } = await setUp(pipelined);
  const others = [await connectClient(port), await connectClient(port)];
  client.send(get("/1"));
  const peer = await upstream.connection(0);
  await peer.message();
  others[0]!.send(get("/2"));
  await peer.message();
  others[1]!.send(get("/3"));
  await peer.message();
  others[0]!.socket.terminate();
  peer.send(`${ok("1")}${ok("2")}${ok("3")}`);
  expect(await client.message(1)).toEndWith("1");
  expect(await others[1]!.message(1)).toEndWith("3");
  expect(upstream.connections.length).toBe(1);
  others[1]!.socket.terminate();
});

test("what a pipelined connection loses is asked again where it is safe", async () => {
  const pipelined = "connections: { mode: pipelined, pipelinedConnectionsPerEndpoint: 1 }";
  const { upstream, client, port } = await setUp(pipelined);
  const other = await connectClient(port);
  client.send(get("/1"));
  const first = await upstream.connection(0);
  await first.message();
  other.send(get("/2"));
  await first.message();
  first.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  await client.take("half");
  first.socket.end();
  await client.end();
  const second = await upstream.connection(1);
  expect(await second.message()).toStartWith("GET /2 ");
  second.send(ok("two"));
  expect(await other.message(3)).toEndWith("two");
  other.socket.terminate();
});
