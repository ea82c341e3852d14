/** TLS: certificates that are and are not accepted, full and resumed handshakes, and servers that break it off. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createSecureServer, type ServerHttp2Stream } from "node:http2";
import { createServer as createHttps, type Server } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { createServer as createTls, type TlsOptions } from "node:tls";
import type { PlanInput } from "../../src/load/mod.ts";
import { TestAuthority, type TestCertificate } from "../authority.ts";
import { closeServers, kinds, listen, run } from "./servers.ts";
import { WebSocketServer } from "./ws-package.ts";

let authority: TestAuthority;
let certificate: TestCertificate;
const closers: (() => void)[] = [];
beforeAll(() => {
  authority = new TestAuthority();
  certificate = authority.certificate({ names: ["localhost", "127.0.0.1", "gw.test"] });
});
afterAll(() => {
  for (const close of closers) close();
  closeServers();
  authority.free();
});

const trust = (): PlanInput["tls"] => ({ authorityFile: authority.file });
const few = { requestsMax: 20, durationMs: 20_000 } as const;

function portOf(server: { listen: Server["listen"]; address(): unknown; close(): unknown }): Promise<number> {
  closers.push(() => void server.close());
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)));
}

function startHttps(options: TlsOptions = {}): Promise<number> {
  const server = createHttps(
    { key: certificate.keyPem, cert: certificate.chainPem, ...options } as never,
    (_request, response) => void response.end("secret"),
  );
  return portOf(server as never);
}

test("a certificate of a trusted authority is accepted, by address and by name", async () => {
  const port = await startHttps();
  for (const tls of [trust(), { ...trust(), serverName: "gw.test" }]) {
    const { summary } = await run(`https://127.0.0.1:${port}/`, { ...few, tls: tls! });
    expect([summary.errors, summary.requests]).toEqual([{ total: 0 }, 20]);
    expect([summary.connectUs.count, summary.handshakeFullUs.count, summary.handshakeResumedUs.count]).toEqual([
      4, 4, 0,
    ]);
  }
});

test("an unknown authority, a wrong name and an end in the past are tls-untrusted, with the reason", async () => {
  const port = await startHttps();
  const expired = authority.certificate({ names: ["127.0.0.1"], days: -1 });
  const old = await startHttps({ key: expired.keyPem, cert: expired.chainPem });
  const cases: [number, PlanInput["tls"], string][] = [
    [port, undefined, "issuer certificate"],
    [port, { ...trust(), serverName: "other.test" }, "ostname mismatch"],
    [old, trust(), "expired"],
  ];
  for (const [target, tls, reason] of cases) {
    const result = await run(`https://127.0.0.1:${target}/`, {
      durationMs: 200,
      ...(tls === undefined ? {} : { tls }),
    });
    expect(kinds(result)).toEqual(["tls-untrusted"]);
    expect(result.verdict.warnings.join()).toContain(reason);
    // Whoever asks for it gets an answer all the same.
    const insecure = await run(`https://127.0.0.1:${target}/`, { ...few, tls: { verifies: false } });
    expect(insecure.summary.errors).toEqual({ total: 0 });
  }
});

test("one connection per request: full handshakes by default, resumed ones when asked for", async () => {
  const port = await startHttps();
  const input = { ...few, reusesConnections: false, connectionsCount: 2 };
  const full = await run(`https://127.0.0.1:${port}/`, { ...input, tls: trust()! });
  expect([full.summary.handshakeFullUs.count, full.summary.handshakeResumedUs.count]).toEqual([20, 0]);
  const resumed = await run(`https://127.0.0.1:${port}/`, { ...input, tls: { ...trust(), resumes: true } });
  const { handshakeFullUs, handshakeResumedUs, errors } = resumed.summary;
  expect(errors).toEqual({ total: 0 });
  expect(handshakeFullUs.count + handshakeResumedUs.count).toBe(20);
  // Connections that begin before the first ticket is there have none.
  expect(handshakeFullUs.count).toBeLessThanOrEqual(2);
});

test("a client certificate is shown; without one the server says no", async () => {
  const mine = authority.certificate({ names: [], subject: "/CN=client" });
  const port = await startHttps({ requestCert: true, rejectUnauthorized: true, ca: authority.pem });
  const shown = { ...trust(), certificateFile: mine.certificateFile, keyFile: mine.keyFile };
  expect((await run(`https://127.0.0.1:${port}/`, { ...few, tls: shown })).summary.errors).toEqual({ total: 0 });
  const result = await run(`https://127.0.0.1:${port}/`, { tls: trust()! });
  expect(result.summary.answers).toBe(0);
  const refusals = new Set(["tls-failed", "reset", "closed-unanswered"]);
  expect(kinds(result).filter((kind) => !refusals.has(kind))).toEqual([]);
});

test("HTTP/2 is agreed on by ALPN, and a server without it is no-http2", async () => {
  const server = createSecureServer({ key: certificate.keyPem, cert: certificate.chainPem });
  server.on("stream", (stream: ServerHttp2Stream) => {
    stream.respond({ ":status": 200 });
    stream.end("secret");
  });
  const port = await portOf(server as never);
  const input = { httpVersion: "2", streamsPerConnection: 8, tls: trust()! } as const;
  const { summary } = await run(`https://127.0.0.1:${port}/`, { ...few, ...input });
  expect([summary.errors, summary.requests]).toEqual([{ total: 0 }, 20]);
  const without = await run(`https://127.0.0.1:${await startHttps()}/`, input);
  expect(without.summary.answers).toBe(0);
  expect(kinds(without).every((kind) => kind === "no-http2" || kind === "tls-failed")).toBe(true);
});

test("a WebSocket over TLS carries messages", async () => {
  const https = createHttps({ key: certificate.keyPem, cert: certificate.chainPem });
  const sockets = new WebSocketServer({ server: https });
  sockets.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
  closers.push(() => {
    for (const client of sockets.clients) client.terminate();
  });
  const port = await portOf(https as never);
  const { summary } = await run(`wss://127.0.0.1:${port}/`, { ...few, tls: trust()!, messageBytes: 100_000 });
  expect([summary.errors, summary.receivedBytes]).toEqual([{ total: 0 }, 20 * 100_000]);
  expect([summary.handshakeFullUs.count, summary.upgradeUs.count]).toEqual([4, 4]);
});

test("bodies larger than a record go out and come back", async () => {
  const server = createHttps(
    { key: certificate.keyPem, cert: certificate.chainPem },
    (request, response) => void request.pipe(response),
  );
  const port = await portOf(server as never);
  const body = "0123456789".repeat(200_000);
  const checks = { statuses: [200], fields: [], bodyContains: [], bodyBytes: body.length };
  const { summary } = await run(`https://127.0.0.1:${port}/`, {
    tls: trust()!,
    request: { method: "POST", body, checks },
    requestsMax: 8,
    durationMs: 20_000,
  });
  expect([summary.errors, summary.requests]).toEqual([{ total: 0 }, 8]);
});

test("a port without TLS, one that closes and one that is silent have each their class", async () => {
  const plain = await listen((socket) => socket.on("data", () => socket.write("HTTP/1.1 400 Bad\r\n\r\n")));
  const failed = await run(`https://127.0.0.1:${plain}/`, { tls: { verifies: false } });
  expect(kinds(failed)).toEqual(["tls-failed"]);
  expect(failed.verdict.warnings.join()).toContain("handshake failed");
  const closing = await listen((socket) => socket.on("data", () => socket.end()));
  const closed = await run(`https://127.0.0.1:${closing}/`, { tls: { verifies: false } });
  expect(kinds(closed)).toEqual(["tls-failed"]);
  const silent = await listen((socket) => socket.on("data", () => {}));
  const late = await run(`https://127.0.0.1:${silent}/`, { tls: { verifies: false }, connectTimeoutMs: 50 });
  expect(kinds(late)).toEqual(["connect-timeout"]);
});

test("a server that speaks TLS 1.2 at most is tls-failed", async () => {
  const port = await startHttps({ maxVersion: "TLSv1.2" });
  expect(kinds(await run(`https://127.0.0.1:${port}/`, { tls: { verifies: false } }))).toEqual(["tls-failed"]);
});

test("records that cannot be read are tls-failed", async () => {
  // A server whose every answer is broken on the way: the bytes behind the handshake are turned over.
  const inner = createTls({ key: certificate.keyPem, cert: certificate.chainPem }, (socket) => {
    socket.on("error", () => {});
    socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  });
  const target = await portOf(inner as never);
  const port = await listen((socket) => {
    let asked = 0;
    const up = connect(target, "127.0.0.1");
    up.on("error", () => {});
    socket.on("data", (chunk) => {
      asked++;
      up.write(chunk);
    });
    up.on("data", (chunk: Buffer) => {
      // The second flight of the client holds its Finished, the third its request.
      if (asked >= 3) chunk[chunk.length - 1]! ^= 0xff;
      socket.write(chunk);
    });
    socket.on("close", () => up.destroy());
  });
  const result = await run(`https://127.0.0.1:${port}/`, { tls: { verifies: false }, connectionsCount: 1 });
  expect(Object.keys(result.summary.errors)).toContain("tls-failed");
});

test("files that cannot be used are told by name before anything is sent", async () => {
  const missing = join(authority.folder, "missing.pem");
  const url = "https://127.0.0.1:1/";
  await expect(run(url, { tls: { authorityFile: missing } })).rejects.toThrow(missing);
  await expect(run(url, { tls: { certificateFile: missing } })).rejects.toThrow(missing);
  const other = authority.certificate({ names: ["x"] });
  const locked = join(authority.folder, "locked.key");
  const lock = ["ec", "-aes256", "-passout", "pass:secret", "-in", certificate.keyFile, "-out", locked];
  expect(Bun.spawnSync(["openssl", ...lock]).exitCode).toBe(0);
  const asking = { certificateFile: certificate.certificateFile, keyFile: locked };
  await expect(run(url, { tls: asking })).rejects.toThrow(locked);
  const mixed = { certificateFile: certificate.certificateFile, keyFile: other.keyFile };
  await expect(run(url, { tls: mixed })).rejects.toThrow(other.keyFile);
});
