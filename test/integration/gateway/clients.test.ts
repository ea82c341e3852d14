/** Slow, absent-minded and hasty clients; large bodies; limits; addresses. */
import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { systemClock } from "../../../src/base/mod.ts";
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

const config = (upstream: ScriptedUpstream, more = "", route = ""): string =>
  `upstreams: { core: { endpoints: ["127.0.0.1:${upstream.port}"] } }\n` +
  `routes: [{ name: all, upstream: core${route === "" ? `, match: { path: "/*" }` : route} }]\n${more}`;

async function setUp(
  more = "",
  route = "",
): Promise<{ upstream: ScriptedUpstream; gateway: LocalGateway; client: Peer }> {
  const upstream = keep(new ScriptedUpstream());
  const gateway = keep(new LocalGateway(config(upstream, more, route)));
  return { upstream, gateway, client: await newClient(gateway) };
}

async function newClient(gateway: LocalGateway): Promise<Peer> {
  const client = await connectClient(gateway.port);
  keep({ close: () => client.socket.terminate() });
  return client;
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

test("an answer that waits for its client is not cut by the upstream's idle limit", async () => {
  const upstream = keep(new ScriptedUpstream());
  const limited = `upstreams: { core: { endpoints: ["127.0.0.1:${upstream.port}"], timeouts: { idle: 60ms } } }\n`;
  const gateway = keep(new LocalGateway(`${limited}routes: [{ upstream: core }]\n`));
  const client = await newClient(gateway);
  client.keepsText = false;
  client.send(get("/long"));
  const peer = await upstream.connection(0);
  await peer.message();
  const bytes = 16 << 20;
  client.socket.pause();
  const sent = peer.sendAll(Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n${"x".repeat(bytes)}`));
  // Several answers that really stall are cut meanwhile, one after another.
  for (let stalled = 1; stalled <= 4; stalled++) {
    const other = await newClient(gateway);
    other.send(get("/stalls"));
    const late = await upstream.connection(stalled);
    await late.message();
    late.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    await other.take("half");
    await other.end();
  }
  client.socket.resume();
  await client.until(({ receivedBytes }) => receivedBytes > bytes);
  await sent;
});

/** Keeps this process, and the gateway in it, from doing anything else. */
function standStill(ms: number): void {
  const endMs = systemClock.monotonicMs() + ms;
  while (systemClock.monotonicMs() < endMs);
}

test("what came while the process stood still is read before a limit on waiting for it ends the connection", async () => {
  const upstream = keep(new ScriptedUpstream());
  const limited = `upstreams: { core: { endpoints: ["127.0.0.1:${upstream.port}"], timeouts: { idle: 60ms } } }\n`;
  const gateway = keep(new LocalGateway(`${limited}routes: [{ upstream: core }]\n`));
  const client = await newClient(gateway);
  client.send(get("/"));
  const peer = await upstream.connection(0);
  await peer.message();
  peer.send("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n#0");
  await client.take("#0");
  for (let digit = 1; digit <= 9; digit++) {
    peer.send(`#${digit}`);
    standStill(150);
    await client.take(`#${digit}`);
  }
});

test("the wait for an answer's first byte begins when the request is whole", async () => {
  const upstream = keep(new ScriptedUpstream());
  const limited = `upstreams: { core: { endpoints: ["127.0.0.1:${upstream.port}"], timeouts: { firstByte: 80ms } } }\n`;
  const gateway = keep(new LocalGateway(`${limited}routes: [{ upstream: core }]\n`));
  const client = await newClient(gateway);
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nsl");
  const peer = await upstream.connection(0);
  await peer.message(2);
  // Requests that are whole and get no answer are ended meanwhile.
  const isLate = async (): Promise<void> => {
    const other = await newClient(gateway);
    other.send(get("/late"));
    expect(await other.take("upstream-first-byte-timeout")).toStartWith("HTTP/1.1 504 ");
  };
  await isLate();
  client.send("ow");
  await peer.take("ow");
  await isLate();
  client.send("ly");
  await peer.take("ly");
  peer.send(ok("fine"));
  expect(await client.message(4)).toEndWith("fine");
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
  await peer.message(1);
  client.send("b");
  await peer.take("b");
  expect(await client.take("upstream-first-byte-timeout")).toStartWith("HTTP/1.1 504 ");
});

test("an upstream that does not take a body is given up after its limit for the first byte", async () => {
  const upstream = keep(new ScriptedUpstream());
  const limited = `upstreams: { core: { endpoints: ["127.0.0.1:${upstream.port}"], timeouts: { firstByte: 80ms } } }\n`;
  const more = "limits: { bodyMax: off }\n";
  const gateway = keep(new LocalGateway(`${limited}routes: [{ upstream: core }]\n${more}`));
  const client = await newClient(gateway);
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${64 << 20}\r\n\r\n`);
  const peer = await upstream.connection(0);
  await peer.message();
  peer.socket.pause();
  void client.sendAll(Buffer.alloc(64 << 20, "x"));
  expect(await client.take("upstream-first-byte-timeout")).toStartWith("HTTP/1.1 504 ");
});

test("requests sent ahead are answered in order, whatever the upstream's pace", async () => {
  const { upstream, client } = await setUp();
  upstream.answerAll((head) => ok(head.split(" ")[1]!));
  const paths = Array.from({ length: 200 }, (_, index) => `/${index}`);
  client.send(paths.map(get).join(""));
  for (const path of paths) expect(await client.message(path.length)).toEndWith(path);
});

test("a client that stops in the middle of a head is told so and cut, and others are served meanwhile", async () => {
  const { upstream, gateway, client } = await setUp("timeouts: { head: 80ms }\n");
  upstream.answerAll(() => ok("fine"));
  client.send("GET / HTTP/1.1\r\nHo");
  const other = await newClient(gateway);
  other.send(get("/"));
  expect(await other.message(4)).toEndWith("fine");
  expect(await client.take("head-timeout")).toStartWith("HTTP/1.1 408 ");
  await client.end();
});

test("a client that sends a head byte by byte is served", async () => {
  const { upstream, client } = await setUp();
  upstream.answerAll(() => ok("fine"));
  for (const byte of get("/slowly")) {
    client.send(byte);
    await Bun.sleep(1);
  }
  expect(await client.message(4)).toEndWith("fine");
});

test("a body that stops is 408, and an upstream never sees it completed", async () => {
  const { upstream, client } = await setUp("timeouts: { bodyIdle: 80ms }\n");
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
  const peer = await upstream.connection(0);
  await peer.take("half");
  expect(await client.take("body-timeout")).toStartWith("HTTP/1.1 408 ");
  await peer.end();
});

test("an idle connection ends after its time", async () => {
  const { upstream, client } = await setUp("timeouts: { keepAliveIdle: 60ms }\n");
  upstream.answerAll(() => ok("fine"));
  client.send(get("/"));
  await client.message(4);
  await client.end();
});

test("a client that does not read is cut and its upstream connection freed", async () => {
  const { upstream, client } = await setUp("timeouts: { clientWriteIdle: 150ms }\n");
  client.socket.pause();
  client.send(get("/large"));
  const peer = await upstream.connection(0);
  await peer.message();
  peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
  await peer.sendAll(Buffer.alloc(100_000_000, 0x61));
  await peer.end();
  expect(peer.isClosed || peer.isEnded).toBe(true);
});

/** Sends at most so much, until the kernel's buffers on both sides are full and nothing moves any more; how much was taken. */
async function sendUntilStill(peer: Peer, bytes: number, fill: number): Promise<number> {
  const block = Buffer.alloc(1024 * 1024, fill);
  let sent = 0;
  for (let still = 0; still < 5 && sent < bytes; ) {
    const taken = Math.max(0, peer.socket.write(block, 0, Math.min(block.length, bytes - sent)));
    sent += taken;
    still = taken === 0 ? still + 1 : 0;
    await Bun.sleep(10);
  }
  return sent;
}

test("a large answer to a slow reader arrives whole, and waits at the upstream instead of in memory", async () => {
  const { upstream, client } = await setUp();
  const bytes = 64 * 1024 * 1024;
  client.keepsText = false;
  client.socket.pause();
  client.send(get("/large"));
  const peer = await upstream.connection(0);
  await peer.message();
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`;
  peer.send(head);
  const before = process.memoryUsage.rss();
  const sent = await sendUntilStill(peer, bytes, 0x62);
  expect(sent).toBeLessThan(32 * 1024 * 1024);
  expect(process.memoryUsage.rss() - before).toBeLessThan(24 * 1024 * 1024);
  client.socket.resume();
  await peer.sendAll(Buffer.alloc(bytes - sent, 0x62));
  await client.until((one) => one.receivedBytes >= bytes + 1);
  await client.until((one) => one.receivedBytes === head.length + bytes + "Date: ".length + 29 + 2);
});

test("an answer that ends its connection reaches a client that reads it long after the gateway has let go", async () => {
  const { upstream, gateway, client } = await setUp("timeouts: { linger: 30ms }\n");
  const bytes = 2_000_000;
  upstream.answerAll(() => ok("x".repeat(bytes)));
  client.keepsText = false;
  client.send("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  await client.until((one) => one.receivedBytes > 0);
  client.socket.pause();
  while (gateway.gateway.connectionsCount > 0) await Bun.sleep(5);
  client.socket.resume();
  await client.end();
  expect(client.receivedBytes).toBeGreaterThan(bytes);
});

test("a large upload to a slow upstream is held back at the client, and arrives whole", async () => {
  const { upstream, client } = await setUp("limits: { bodyMax: 1GiB }\n");
  const bytes = 64 * 1024 * 1024;
  upstream.onConnection = (peer) => {
    peer.keepsText = false;
    peer.socket.pause();
  };
  client.send(`PUT /large HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`);
  const peer = await upstream.connection(0);
  const sent = await sendUntilStill(client, bytes, 0x63);
  expect(sent).toBeLessThan(32 * 1024 * 1024);
  peer.socket.resume();
  await client.sendAll(Buffer.alloc(bytes - sent, 0x63));
  await peer.until((one) => one.receivedBytes > bytes);
  peer.send(ok("stored"));
  expect(await client.message(6)).toEndWith("stored");
});

test("a body over the limit is 413, by its length at once and by its chunks when they pass it", async () => {
  const { upstream, client, gateway } = await setUp("limits: { bodyMax: 10B }\n");
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n");
  expect(await client.take("body-too-large")).toStartWith("HTTP/1.1 413 ");
  await client.end();
  const other = await newClient(gateway);
  other.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n");
  expect(await other.take("body-too-large")).toStartWith("HTTP/1.1 413 ");
  expect(upstream.connections.every((peer) => !peer.received.includes("0\r\n\r\n"))).toBe(true);
});

test("chunks are framed anew in both directions, with their trailers", async () => {
  const { upstream, client } = await setUp();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n");
  const peer = await upstream.connection(0);
  await peer.take("3\r\nabc\r\n");
  client.send("0\r\nX-Sum: 1\r\n\r\n");
  expect(await peer.take("\r\n\r\n")).toBe("0\r\nX-Sum: 1\r\n\r\n");
  peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;y=2\r\nhello\r\n");
  expect(await client.take("hello\r\n")).toContain("\r\n\r\n5\r\nhello\r\n");
  peer.send("0\r\nX-Sum: 2\r\n\r\n");
  expect(await client.take("\r\n\r\n")).toBe("0\r\nX-Sum: 2\r\n\r\n");
});

test("an answer without length reaches HTTP/1.1 in chunks and HTTP/1.0 until the end", async () => {
  const { upstream, client, gateway } = await setUp();
  upstream.onConnection = (peer) =>
    void peer.take("\r\n\r\n").then(() => {
      peer.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
      peer.socket.end();
    });
  client.send(get("/"));
  expect(await client.take("0\r\n\r\n")).toContain("d\r\nuntil the end\r\n");
  const old = await newClient(gateway);
  old.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
  expect(await old.end()).toEndWith("\r\n\r\nuntil the end");
  expect(old.received).toContain("Connection: close");
});

test("100 Continue comes from the upstream, and the body follows it", async () => {
  const { upstream, client } = await setUp();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  const peer = await upstream.connection(0);
  expect(await peer.take("\r\n\r\n")).toContain("Expect: 100-continue");
  peer.send("HTTP/1.1 100 Continue\r\n\r\n");
  expect(await client.take("\r\n\r\n")).toStartWith("HTTP/1.1 100 ");
  client.send("body");
  await peer.take("body");
  peer.send(ok("done"));
  expect(await client.message(4)).toEndWith("done");
});

test("a client that ends its side after its request still gets the answer", async () => {
  const { upstream, client } = await setUp();
  client.send(get("/"));
  client.socket.shutdown();
  const peer = await upstream.connection(0);
  await peer.message();
  peer.send(ok("late"));
  expect(await client.message(4)).toEndWith("late");
  await client.end();
});

test("clients over the limit are turned away, and places come free again", async () => {
  const { upstream, gateway, client } = await setUp("limits: { connectionsMax: 1 }\n");
  upstream.answerAll(() => ok("fine"));
  client.send(get("/"));
  await client.message(4);
  // The reset may come before the client learns that it was connected.
  const second = await newClient(gateway).catch(() => null);
  if (second !== null) await second.end();
  client.socket.terminate();
  for (;;) {
    const third = await newClient(gateway).catch(() => null);
    if (third === null) continue;
    third.send(get("/"));
    await third.until((one) => one.received.includes("fine") || one.isEnded || one.isClosed);
    if (third.received.includes("fine")) break;
  }
});

test("Unix sockets and IPv6 work on both sides", async () => {
  const upstream = keep(new ScriptedUpstream());
  upstream.answerAll((head) => ok(/x-forwarded-for: (.*)\r/i.exec(head)?.[1] ?? ""));
  const first = keep(new LocalGateway(`listeners: { six: { address: "[::1]:0" } }\n${config(upstream)}`));
  const response = await fetch(`http://[::1]:${first.port}/`);
  expect(await response.text()).toBe("::1");
  const path = join(first.folder, "gateway.sock");
  const second = keep(new LocalGateway(`listeners: { local: { address: "unix:${path}" } }\n${config(upstream)}`));
  expect(second.port).toBe(0);
  const chained = keep(
    new LocalGateway(`upstreams: { core: { endpoints: ["unix:${path}"] } }\nroutes: [{ upstream: core }]\n`),
  );
  const client = await newClient(chained);
  client.send(get("/"));
  expect(await client.message(7)).toEndWith("unknown");
});

test("what a balancer's PROXY header says is who the client is, from named networks only", async () => {
  const upstream = keep(new ScriptedUpstream());
  upstream.answerAll((head) => ok(/x-forwarded-for: (.*)\r/i.exec(head)?.[1] ?? ""));
  const listeners = (from: string): string =>
    `listeners: { public: { address: "127.0.0.1:0", proxyProtocol: { from: [${from}] } } }\n`;
  const behind = keep(new LocalGateway(listeners("127.0.0.0/8") + config(upstream)));
  const client = await newClient(behind);
  client.send("PROXY TCP4 192.0.2.7 127.0.0.1 4000 80\r\n");
  client.send(get("/"));
  expect(await client.message(9)).toEndWith("192.0.2.7");
  const without = await newClient(behind);
  without.send(get("/"));
  expect(await without.end()).toBe("");
  const elsewhere = keep(new LocalGateway(listeners("10.0.0.0/8") + config(upstream)));
  const liar = await newClient(elsewhere);
  liar.send("PROXY TCP4 192.0.2.7 127.0.0.1 4000 80\r\n");
  expect(await liar.take("malformed-request")).toStartWith("HTTP/1.1 400 ");
});

test("claims about the client are believed from trusted networks and replaced from others", async () => {
  const upstream = keep(new ScriptedUpstream());
  upstream.answerAll((head) => ok(head.replaceAll("\r\n", "|")));
  const claims =
    "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Request-Id: mine\r\n" +
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
  const ask = async (gateway: LocalGateway): Promise<string> => {
    const client = await newClient(gateway);
    client.send(`GET / HTTP/1.1\r\nHost: a\r\n${claims}\r\n`);
    return client.take("||");
  };
  const trusting = await ask(keep(new LocalGateway(`trustedNetworks: [127.0.0.1]\n${config(upstream)}`)));
  expect(trusting).toContain("X-Forwarded-For: 203.0.113.9, 127.0.0.1|");
  expect(trusting).toContain("X-Forwarded-Proto: https|");
  expect(trusting).toContain("x-request-id: mine|");
  expect(trusting).toContain("traceparent: 00-0af7651916cd43dd8448eb211c80319c-");
  const wary = await ask(keep(new LocalGateway(config(upstream))));
  expect(wary).toContain("X-Forwarded-For: 127.0.0.1|");
  expect(wary).toContain("X-Forwarded-Proto: http|");
  expect(wary).not.toContain("mine");
  expect(wary).not.toContain("0af7651916cd43dd8448eb211c80319c");
});

test("a method that no route takes is told which ones are", async () => {
  const { client } = await setUp("", ", match: { path: /only, methods: [GET, POST] }");
  client.send("DELETE /only HTTP/1.1\r\nHost: a\r\n\r\n");
  const head = await client.take("\r\n\r\n");
  expect(head).toStartWith("HTTP/1.1 405 ");
  expect(head).toMatch(/\r\nallow: GET, HEAD, POST\r\n/i);
});
