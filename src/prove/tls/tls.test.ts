import { afterAll, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { createServer, type Server } from "node:tls";
import { systemClock } from "../../base/mod.ts";
import { type HandshakePlan, makeCertificate, runHandshakes } from "./mod.ts";

const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

/** A TLS server that takes `http/1.1` and answers every request, or drops the connection before its handshake. */
async function listen(isDropping = false): Promise<number> {
  const { certificatePem: cert, keyPem: key } = makeCertificate("weir prove", systemClock.wallMs());
  const server = createServer({ cert, key, ALPNProtocols: ["http/1.1"] }, (socket) => {
    socket.on("error", () => {});
    socket.on("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
  });
  if (isDropping) server.on("connection", (socket) => socket.destroy());
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as { port: number }).port;
}

const planOf = (port: number, more: Partial<HandshakePlan> = {}): HandshakePlan => ({
  ...{ host: "127.0.0.1", port, path: "/", protocols: ["h2", "http/1.1"], isResumed: false },
  ...{ perSecond: null, durationMs: 0, count: 5, ...more },
});
const { signal } = new AbortController();

test("the certificate is one that others read: signed by its own key and valid today", () => {
  const { certificatePem, keyPem } = makeCertificate("weir prove", systemClock.wallMs());
  const certificate = new X509Certificate(certificatePem);
  expect(certificate.subject).toBe("CN=weir prove");
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(keyPem).toStartWith("-----BEGIN PRIVATE KEY-----");
  expect(Date.parse(certificate.validFrom)).toBeLessThan(systemClock.wallMs());
  expect(Date.parse(certificate.validTo)).toBeGreaterThan(systemClock.wallMs());
});

test("handshakes are timed one after another and at a rate, each with its answer", async () => {
  const port = await listen();
  const inTurn = await runHandshakes(planOf(port), signal);
  const atRate = await runHandshakes(planOf(port, { perSecond: 20, durationMs: 500 }), signal);
  expect(
    [inTurn, atRate].map(({ handshakeUs, failedCount, dueCount }) => [handshakeUs.length, failedCount, dueCount]),
  ).toEqual([
    [5, 0, 5],
    [10, 0, 10],
  ]);
  const isInOrder = inTurn.handshakeUs.every((us, index) => us > 0 && us <= inTurn.answerUs[index]!);
  expect(isInOrder).toBe(true);
});

test("connections that fail are counted and have no time", async () => {
  const port = await listen(true);
  const { handshakeUs, failedCount } = await runHandshakes(planOf(port), signal);
  expect([handshakeUs, failedCount]).toEqual([[], 5]);
});
