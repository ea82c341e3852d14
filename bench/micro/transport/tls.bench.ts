/**
 * What TLS costs in memory, without sockets: opening a request's record and sealing an answer's, by their size, beside the
 * library's own connection object.
 *
 *     bun bench/micro/transport/tls.bench.ts
 *
 * The server's side has our record layer ("records"), the client's the library's ("library"); both open one record and seal
 * one, with the copies that the connection in memory makes.
 */
import { Loopback, openSslEngine, selfCheckCertificate } from "../../../src/transport/mod.ts";

export interface ExchangeFigure {
  readonly requestBytes: number;
  readonly answerBytes: number;
  /** Least nanoseconds of the server's part: opening the request and sealing the answer. */
  readonly serverNs: number;
  /** Least nanoseconds of the client's part, which is the library's: sealing the request and opening the answer. */
  readonly libraryNs: number;
}

/** Measures one pair of sizes in several rounds. */
export function measureExchange(
  requestBytes: number,
  answerBytes: number,
  rounds: number,
  exchangesPerRound: number,
): ExchangeFigure {
  const { loopback, free } = connect();
  const { server, client } = loopback;
  const request = new Uint8Array(requestBytes).fill(120);
  const answer = new Uint8Array(answerBytes).fill(121);
  let serverNs = Number.POSITIVE_INFINITY;
  let libraryNs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    let serverSum = 0;
    let librarySum = 0;
    for (let index = 0; index < exchangesPerRound; index++) {
      const startNs = Bun.nanoseconds();
      client.session!.write(request, 0, requestBytes);
      const sealedNs = Bun.nanoseconds();
      deliver(client, server);
      server.session!.write(answer, 0, answerBytes);
      const answeredNs = Bun.nanoseconds();
      deliver(server, client);
      const endNs = Bun.nanoseconds();
      serverSum += answeredNs - sealedNs;
      librarySum += sealedNs - startNs + (endNs - answeredNs);
      server.received.length = 0;
      client.received.length = 0;
    }
    serverNs = Math.min(serverNs, serverSum / exchangesPerRound);
    libraryNs = Math.min(libraryNs, librarySum / exchangesPerRound);
  }
  free();
  return { requestBytes, answerBytes, serverNs, libraryNs };
}

function deliver(from: Loopback["server"], to: Loopback["server"]): void {
  for (const bytes of from.sent.splice(0)) to.session!.receive(bytes, 0, bytes.length);
}

function connect(): { loopback: Loopback; free: () => void } {
  const engine = openSslEngine();
  const server = engine.server({
    name: "bench",
    certificates: [selfCheckCertificate],
    versionMin: "1.3",
    alpn: [],
    clientCertificates: { mode: "none" },
    requireKnownName: false,
    sessionLifetimeSeconds: 60,
  });
  const client = engine.client({ verify: false, versionMin: "1.3", alpn: [] });
  const loopback = new Loopback(
    (handler) => server.session(handler),
    (handler) => client.session(handler, ""),
  );
  const free = (): void => {
    loopback.free();
    server.free();
    client.free();
  };
  return { loopback, free };
}

if (import.meta.main) {
  for (const [requestBytes, answerBytes] of [
    [150, 400],
    [150, 16_384],
    [16_384, 150],
    [150, 131_072],
  ] as const) {
    const { serverNs, libraryNs } = measureExchange(requestBytes, answerBytes, 20, 2000);
    const ratio = (serverNs / libraryNs).toFixed(2);
    console.log(
      `${String(requestBytes).padStart(6)} in, ${String(answerBytes).padStart(6)} out: records ${serverNs.toFixed(0).padStart(6)} ns, library ${libraryNs.toFixed(0).padStart(6)} ns, ${ratio}`,
    );
  }
}
