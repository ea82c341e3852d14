/**
 * What protection costs a request, in microseconds of processor time, with the kernel's part taken out: the data plane of a
 * worker as it is, from the bytes of a request to the bytes of its answer, on canned sockets. What the kernel does for a request
 * is most of its time and all of its spread, and no policy changes it; `bench/macro/protection.ts` measures the whole
 * gateway.
 *
 *     request ─► client's wire ─► parse, route, admit, gate, breaker ─► upstream's wire ─► canned answer ─► reply, record
 *
 * All cases are routes of one gateway in one process. A round runs a block of each, in an order drawn anew, and the cost of a
 * case is the mean of its differences to its base in the same round, with the interval of the bootstrap (Efron 1979) in
 * which 95 of 100 such means lie. Processor time is that of the whole process, collector and compiler included. A block
 * lasts 15 ms: it begins with what the case before left in the processor's caches, which no worker meets that serves one
 * configuration for hours (blocks of 2 ms made each request 0.5 us dearer, and the differences by a third).
 *
 *     bun bench/micro/gateway/protection.bench.ts [rounds]
 *
 *     unguarded   breaker, ejection, limits, lanes and metrics off
 *     measured    the same with metrics
 *     guarded     metrics, breaker, a rate limit, adaptive admission with lanes; the bar is 0.6 us
 *     everything  and ejection, a limit by client, fields of limits in answers
 *     token       a JWT that was verified before; the bar is 2 us
 *     signed      an HMAC-SHA256 signature with a fresh nonce; the bar is 6 us. Its base are such requests unverified
 */
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { assert, Random } from "../../../src/base/mod.ts";
import { signatureScheme, signedText } from "../../../src/identity/mod.ts";
import { WorkerMetrics } from "../../../src/observe/mod.ts";
import { adopt, type Wire, type WireSocket } from "../../../src/transport/mod.ts";
import { LocalGateway } from "../../../test/support/local-gateway.ts";
import { bootstrap, meanOf } from "../../rig/mod.ts";

/** Requests in flight at once, each on connections of its own. */
const connections = 64;
const secret = "a-secret-of-the-benchmark";
const answer = Buffer.from(
  'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 28\r\n\r\n{"symbol":"WEIR","price":10}',
);

interface Case {
  readonly route: string;
  readonly upstream: string;
  readonly base: CaseName | null;
  readonly hasMetrics: boolean;
  readonly isSigned: boolean;
}

const cases = {
  unguarded: { route: "/PLAIN", upstream: "plain", base: null, hasMetrics: false, isSigned: false },
  measured: { route: "/PLAIN", upstream: "plain", base: "unguarded", hasMetrics: true, isSigned: false },
  guarded: { route: "/GUARD", upstream: "guarded", base: "unguarded", hasMetrics: true, isSigned: false },
  everything: { route: "/EVERY", upstream: "usual", base: "unguarded", hasMetrics: true, isSigned: false },
  token: { route: "/TOKEN", upstream: "plain", base: "measured", hasMetrics: true, isSigned: false },
  unverified: { route: "/PLAIN", upstream: "plain", base: null, hasMetrics: true, isSigned: true },
  signed: { route: "/HMACS", upstream: "plain", base: "unverified", hasMetrics: true, isSigned: true },
} as const satisfies Record<string, Omit<Case, "base"> & { base: string | null }>;
export type CaseName = keyof typeof cases;
export const caseNames = Object.keys(cases) as CaseName[];

/** A worker's metrics that can be turned off. */
class SwitchedMetrics extends WorkerMetrics {
  isOn = true;

  override recordRequest(slot: number, outcome: number, status: number, latencyUs: number, upstreamUs: number): void {
    if (this.isOn) super.recordRequest(slot, outcome, status, latencyUs, upstreamUs);
  }

  override addRequestBytes(slot: number, bytesIn: number, bytesOut: number): void {
    if (this.isOn) super.addRequestBytes(slot, bytesIn, bytesOut);
  }
}

/** A socket whose other end is this benchmark. */
class CannedSocket implements WireSocket {
  data!: Wire;
  readonly remoteAddress: string = "127.0.0.1";
  /** The real one, where there was one before. */
  private readonly replaced: WireSocket | null;
  private readonly onWrite: (socket: CannedSocket, bytes: Uint8Array, from: number) => void;

  constructor(replaced: WireSocket | null, onWrite: (socket: CannedSocket, bytes: Uint8Array, from: number) => void) {
    this.replaced = replaced;
    this.onWrite = onWrite;
  }

  write(bytes: Uint8Array, from: number, length: number): number {
    this.onWrite(this, bytes, from);
    return length;
  }

  pause(): void {}
  resume(): void {}
  shutdown(): void {}
  setNoDelay(): void {}

  end(): void {
    if (this.replaced === null) this.data.handleClose("");
    else this.replaced.end();
  }

  terminate(): void {
    if (this.replaced === null) this.data.handleClose("");
    else this.replaced.terminate();
  }
}

/** The gateway with clients and upstream connections that cost no system call. */
class Bench {
  private readonly upstream = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (socket) => void socket.write(answer) },
  });
  private readonly local: LocalGateway;
  private metrics!: SwitchedMetrics;
  private readonly clients: CannedSocket[] = [];
  /** Upstream connections with a request that is not answered. */
  private readonly asked: CannedSocket[] = [];
  private answeredCount = 0;
  /** What a read fills, as in the gateway. */
  private readonly received: Uint8Array = Buffer.from(new ArrayBuffer(65_536));

  constructor(folder: string, key: unknown) {
    writeFileSync(join(folder, "keys.jwks"), JSON.stringify({ keys: [key] }));
    writeFileSync(join(folder, "secrets"), `desk ${secret}\n`);
    this.local = new LocalGateway(configOf(folder, this.upstream.port), (segment, seat) => {
      this.metrics = new SwitchedMetrics(segment, seat);
      return this.metrics;
    });
    for (let index = 0; index < connections; index++) {
      const client = new CannedSocket(null, (_socket, bytes, from) => this.answered(bytes, from));
      this.clients.push(client);
      this.local.gateway["listeners"][0]!["accept"](client);
    }
  }

  /** Opens the connections to an upstream, and takes the kernel away from them. */
  async open(route: string, upstream: string): Promise<void> {
    this.answeredCount = 0;
    const request = requestOf(route, "");
    for (const client of this.clients) this.deliver(client, request);
    while (this.answeredCount < connections) await Bun.sleep(1);
    const endpoint = this.local.gateway["upstreams"].get(upstream)!.upstream["endpoints"][0]!;
    assert(endpoint.idleCount === connections, "each request had a connection of its own");
    for (let connection = endpoint["idleFirst"]; connection !== null; connection = connection.idleNext) {
      adopt(new CannedSocket(connection.socket, (socket) => void this.asked.push(socket)), connection);
    }
  }

  /** Lets a proof be verified, which takes a promise the first time. */
  async verify(request: Uint8Array): Promise<void> {
    this.answeredCount = 0;
    this.deliver(this.clients[0]!, request);
    while (this.asked.length === 0) await Bun.sleep(1);
    this.deliver(this.asked.pop()!, answer);
    assert(this.answeredCount === 1, "the token is good");
  }

  /** Processor time of a request in microseconds, over a block with one request each. */
  block(requests: readonly Uint8Array[], hasMetrics: boolean): number {
    this.metrics.isOn = hasMetrics;
    this.answeredCount = 0;
    const start = process.cpuUsage();
    for (let from = 0; from < requests.length; from += connections) {
      for (let index = 0; index < connections; index++) this.deliver(this.clients[index]!, requests[from + index]!);
      for (const socket of this.asked) this.deliver(socket, answer);
      this.asked.length = 0;
    }
    const used = process.cpuUsage(start);
    assert(this.answeredCount === requests.length, "every request is answered with 200");
    return (used.user + used.system) / requests.length;
  }

  async close(): Promise<void> {
    await this.local.close();
    this.upstream.stop(true);
  }

  private deliver(socket: CannedSocket, bytes: Uint8Array): void {
    this.received.set(bytes);
    socket.data.handleData(this.received, 0, bytes.length);
  }

  /** `HTTP/1.1 200`. */
  private answered(bytes: Uint8Array, from: number): void {
    if (bytes[from] === 0x48 && bytes[from + 9] === 0x32) this.answeredCount += 1;
  }
}

function configOf(folder: string, port: number): string {
  const endpoints = `endpoints: ["127.0.0.1:${port}"]`;
  const limit = "rate: 9000000/s, burst: 1000000";
  return `
upstreams:
  plain: { ${endpoints}, breaker: off, admission: off, health: { ejection: off } }
  guarded: { ${endpoints}, health: { ejection: off }, admission: { policy: weir, initial: 512, max: 2000 } }
  usual: { ${endpoints}, admission: { policy: weir, initial: 512, max: 2000 } }
# A block is one long round, and a busy machine makes it longer: no pressure of the gateway's own.
lanes: { loopDelayMax: 1m }
rateLimits:
  quiet: { ${limit}, fields: off }
  all: { ${limit} }
  each: { ${limit}, by: client }
identity:
  jwt: { staff: { keys: { file: ${folder}/keys.jwks } } }
  hmac: { desk: { keys: { file: ${folder}/secrets }, window: 2s, noncesMax: 1000000 } }
routes:
  - { match: { path: /PLAIN }, upstream: plain }
  - { match: { path: /GUARD }, upstream: guarded, lane: order, rateLimits: [quiet] }
  - { match: { path: /EVERY }, upstream: usual, lane: order, rateLimits: [all, each] }
  - { match: { path: /TOKEN }, upstream: plain, identity: { accept: staff } }
  - { match: { path: /HMACS }, upstream: plain, identity: { accept: desk } }
accessLog: off
`;
}

const host = "127.0.0.1:8080";

function requestOf(route: string, authorization: string): Buffer {
  return Buffer.from(`GET ${route} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${authorization}\r\n\r\n`);
}

/** Requests signed for a route, each with a nonce of its own; the unverified ones are the same. */
class Signer {
  private readonly run = crypto.randomUUID();
  private count = 0;

  requests(route: string, count: number): Buffer[] {
    const timestamp = `${Date.now()}`;
    return Array.from({ length: count }, () => {
      const nonce = `${this.run}${this.count++}`;
      const parts = { method: "GET", target: route, host, contentDigest: "", hasBody: false };
      const signature = createHmac("sha256", secret)
        .update(signedText(parts, timestamp, nonce))
        .digest("base64url");
      return requestOf(route, `${signatureScheme}desk:${timestamp}:${nonce}:${signature}`);
    });
  }
}

/** Microseconds of processor time per request of each case, by round. */
export async function measureProtection(
  rounds: number,
  requestsPerBlock: number,
): Promise<Readonly<Record<CaseName, readonly number[]>>> {
  assert(requestsPerBlock % connections === 0, "a block is whole batches");
  const folder = mkdtempSync(join(tmpdir(), "weir-protection-"));
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const bench = new Bench(folder, { ...(await exportJWK(publicKey)), kid: "one", alg: "ES256" });
  const token = await new SignJWT({ sub: "desk" })
    .setProtectedHeader({ alg: "ES256", kid: "one" })
    .setExpirationTime("1h")
    .sign(privateKey);
  const signer = new Signer();
  const random = new Random(1);
  const costs = Object.fromEntries(caseNames.map((name) => [name, [] as number[]])) as Record<CaseName, number[]>;
  const measure = (name: CaseName): number => {
    const { route, isSigned, hasMetrics } = cases[name];
    const requests = isSigned
      ? signer.requests(route, requestsPerBlock)
      : new Array<Buffer>(requestsPerBlock).fill(requestOf(route, `Bearer ${token}`));
    return bench.block(requests, hasMetrics);
  };
  try {
    for (const [route, upstream] of [
      ["/PLAIN", "plain"],
      ["/GUARD", "guarded"],
      ["/EVERY", "usual"],
    ] as const)
      await bench.open(route, upstream);
    await bench.verify(requestOf("/TOKEN", `Bearer ${token}`));
    for (let round = -warmRounds(rounds); round < rounds; round++) {
      const order = caseNames.map((name) => ({ name, key: random.unit() })).sort((left, right) => left.key - right.key);
      for (const { name } of order) {
        const cost = measure(name);
        if (round >= 0) costs[name].push(cost);
      }
      // The worker's ticks have their turn between the rounds.
      await Bun.sleep(0);
    }
    return costs;
  } finally {
    await bench.close();
    rmSync(folder, { recursive: true });
  }
}

/** The runtime has compiled what it will by then. */
const warmRounds = (rounds: number): number => Math.min(200, rounds);

if (import.meta.main) {
  const [rounds = 400, requests = 4096] = process.argv.slice(2).map(Number);
  const costs = await measureProtection(rounds, requests);
  for (const name of caseNames) {
    const { base } = cases[name];
    const text = `${name.padEnd(11)} ${meanOf(costs[name]).toFixed(3)} us`;
    if (base === null) console.log(text);
    else {
      const { mean, low, high } = bootstrap(costs[name].map((cost, round) => cost - costs[base][round]!));
      console.log(`${text}, more than ${base}: ${mean.toFixed(3)} us (${low.toFixed(3)} to ${high.toFixed(3)})`);
    }
  }
}
