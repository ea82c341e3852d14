import { afterAll, beforeEach, expect, test } from "bun:test";
import { connect } from "node:net";
import { systemClock } from "../base/mod.ts";
import { startExchange } from "./exchange.ts";

const exchange = startExchange({ seed: 1 });
const base = `http://127.0.0.1:${exchange.port}`;
afterAll(() => exchange.stop());
beforeEach(() => fetch(`${base}/behaviour`, { method: "DELETE" }));

/** Sends bytes as they are and returns everything until the exchange closes or `until` is seen. */
function raw(pieces: readonly string[], until: (text: string) => boolean): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = "";
  const socket = connect(exchange.port, "127.0.0.1", async () => {
    for (const piece of pieces) {
      socket.write(piece);
      await Bun.sleep(0);
    }
  });
  const done = (): void => {
    socket.destroy();
    resolve(text);
  };
  socket.setNoDelay(true);
  socket.on("data", (bytes) => {
    text += bytes.toString("latin1");
    if (until(text)) done();
  });
  socket.on("close", done);
  return promise;
}

test("a symbol always has the same quote", async () => {
  const first = await fetch(`${base}/quotes/600519`).then((answer) => answer.text());
  expect(await fetch(`${base}/quotes/600519`).then((answer) => answer.text())).toBe(first);
  expect(JSON.parse(first)).toMatchObject({ symbol: "600519", bid: "438.10" });
});

test("an order is accepted once for each key, and cancelled once", async () => {
  const post = (key?: string): Promise<Response> =>
    fetch(`${base}/orders`, {
      method: "POST",
      body: "{}",
      headers: key === undefined ? {} : { "idempotency-key": key },
    });
  const first = await post("a");
  const { id } = (await first.json()) as { id: string };
  expect([first.status, first.headers.get("location")]).toEqual([201, `/orders/${id}`]);
  expect(await post("a").then((answer) => answer.json())).toEqual({ status: "accepted", id });
  expect(await post().then((answer) => answer.json())).not.toEqual({ status: "accepted", id });
  const order = `${base}/orders/${Number(id)}`;
  expect(await fetch(order, { method: "DELETE" }).then((answer) => answer.json())).toMatchObject({
    status: "cancelled",
  });
  expect(await fetch(order).then((answer) => answer.json())).toMatchObject({ status: "cancelled" });
  expect((await fetch(`${base}/orders/999999`)).status).toBe(404);
  const { orders } = (await fetch(`${base}/counters`).then((answer) => answer.json())) as { orders: object };
  expect(orders).toEqual({ accepted: 2, cancelled: 1, repeated: 1 });
});

test("requests are found however their bytes are cut", async () => {
  const requests =
    "POST /orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n" +
    "GET /quotes/A HTTP/1.1\r\nHost: x\r\n\r\n" +
    "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" +
    "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const statuses = (text: string): string[] => text.match(/HTTP\/1\.1 \d+/g) ?? [];
  const expected = ["HTTP/1.1 201", "HTTP/1.1 200", "HTTP/1.1 201", "HTTP/1.1 200"];
  for (const size of [1, 7, 40, requests.length]) {
    const pieces = requests.match(new RegExp(`[^]{1,${size}}`, "g"))!;
    expect(statuses(await raw(pieces, () => false))).toEqual(expected);
  }
});

test("answers are delayed, failed, sized and cut as asked, for one request or for all", async () => {
  const beganMs = systemClock.monotonicMs();
  await fetch(`${base}/quotes/A?latency=30ms&depth=5`).then((answer) => answer.text());
  expect(systemClock.monotonicMs() - beganMs).toBeGreaterThan(25);
  expect((await fetch(`${base}/quotes/A?status=502`)).status).toBe(502);
  expect(await fetch(`${base}/quotes/A?size=200000&chunked=on`).then((answer) => answer.text())).toHaveLength(200_000);
  expect(await fetch(`${base}/bytes/3000000`).then((answer) => answer.text())).toHaveLength(3_000_000);
  const head = "GET /bytes/1000?close=half HTTP/1.1\r\nHost: x\r\n\r\n";
  expect((await raw([head], () => false)).split("\r\n\r\n")[1]).toHaveLength(500);
  expect((await fetch(`${base}/quotes/A?latency=5`)).status).toBe(400);

  await fetch(`${base}/behaviour`, { method: "PUT", body: "errors=0.5&status=500" });
  const answers = await Promise.all(Array.from({ length: 200 }, () => fetch(`${base}/quotes/A`)));
  const failed = answers.filter((answer) => answer.status === 500).length;
  expect([failed > 60, failed < 140]).toEqual([true, true]);
});

test("a delay of a millisecond is no longer than asked because nothing else happens", async () => {
  const tookMs: number[] = [];
  while (tookMs.length < 20) {
    const beganMs = systemClock.monotonicMs();
    await fetch(`${base}/quotes/A?latency=1ms`).then((answer) => answer.text());
    tookMs.push(systemClock.monotonicMs() - beganMs);
  }
  // The quickest, because a busy machine may hold up any of them; a sleep that no timer ends takes ten.
  expect(Math.min(...tookMs)).toBeLessThan(8);
});

test("pipelined requests are answered in order, also behind a slow one", async () => {
  const request = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`;
  const text =
    request("/quotes/A?latency=20ms") + request("/quotes/B") + request("/bytes/9?slow=1ms") + request("/health");
  const answer = await raw([text], (whole) => whole.endsWith('{"status":"ok"}'));
  const order = ['"symbol":"A"', '"symbol":"B"', "012345678", '"status":"ok"'].map((part) => answer.indexOf(part));
  expect(order.every((position, index) => position > (order[index - 1] ?? 0))).toBe(true);
});

test("what arrived is echoed", async () => {
  const answer = await fetch(`${base}/echo?a=b`, { method: "PUT", body: "text", headers: { "x-one": "1" } });
  const echo = (await answer.json()) as { fields: [string, string][]; method: string };
  expect(echo).toMatchObject({ method: "PUT", target: "/echo?a=b", body: "text", bodyBytes: 4 });
  expect(Object.fromEntries(echo.fields)).toMatchObject({ "x-one": "1", "Content-Length": "4" });
});

test("the short way to plain answers gives what the long way gives", async () => {
  const health = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
  const heard = async (head: string, body: readonly string[] = []): Promise<string> => {
    const length = body.join("").length;
    const field = body.length === 0 ? "" : `Content-Length: ${length}\r\n`;
    const pieces = [`${head} HTTP/1.1\r\nHost: x\r\n${field}\r\n`, ...body, health];
    return (await raw(pieces, (text) => text.endsWith('{"status":"ok"}'))).replace(/\d{10}/g, "N");
  };
  for (let count = 0; count < 12; count++) await fetch(`${base}/orders`, { method: "POST", body: "{}" });
  const requests: [string, string[]?][] = [
    ...["600519", "7", "007", "123456789", "1234567890", "A", ""].map((symbol): [string] => [`GET /quotes/${symbol}`]),
    ...["12", "12", "012", "999999", "1234567890", "x", ""].map((id): [string] => [`DELETE /orders/${id}`]),
    ["GET /orders/12"],
    ["POST /orders", ['{"quantity":1}']],
    ["POST /orders", ['{"quan', 'tity":1}']],
    ["POST /orders/", ["{}"]],
    ["POST /order", ["{}"]],
    ["PUSH /orders", ["{}"]],
    ["GOT /quotes/600519"],
    ["DETECT /orders/12"],
  ];
  for (const [head, body] of requests) {
    const short = await heard(head, body);
    expect([head, short]).toEqual([head, await heard(`${head}?latency=0ms`, body)]);
  }
  // Nothing is short while all requests are to be treated in some way.
  await fetch(`${base}/behaviour`, { method: "PUT", body: "status=503" });
  expect((await fetch(`${base}/quotes/600519`)).status).toBe(503);
});
