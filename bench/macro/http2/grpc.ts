/**
 * gRPC through the gateway with the official JavaScript client and server: unary calls, streams of the client, of the server and
 * both, deadlines, cancelled calls, failures; status, content and trailers of each are looked at.
 *
 *     bun bench/macro/http2/grpc.ts [--calls 100000] [--concurrency 100]
 *
 * The bar: 100,000 calls without an error. An error is any call that did not end exactly as its kind has to.
 */
import { parseArgs } from "node:util";
import { type CallOptions, Client, credentials, type Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { Fleet, otherCore, type Peer, root, servingCore, startPeer, until } from "../../rig/mod.ts";
import { service } from "./grpc-service.ts";

/** One call of a kind: empty when all was as it has to be, else what was not. */
type Kind = (client: Client, index: number) => Promise<string>;

const PATIENCE_MS = 60_000;
const WAIT_MS = 1_000;
const SPREAD_MESSAGES = 20;
const EXAMPLES_MAX = 10;
const PROGRESS_CALLS = 5000;
const CANCEL_MS_MAX = 10_000;
const same = (bytes: Buffer): Buffer => bytes;
const patiently = (): CallOptions => ({ deadline: Date.now() + PATIENCE_MS });

/** How often each kind comes, of a hundred calls in turn. */
const kinds: readonly (readonly [name: string, share: number, call: Kind])[] = [
  ["unary", 60, unary],
  ["client stream", 10, collect],
  ["server stream", 10, spread],
  ["both streams", 10, talk],
  ["failure", 4, fail],
  ["deadline", 3, deadline],
  ["cancel", 3, cancel],
];
const turns = kinds.flatMap((kind) => Array.from({ length: kind[1] }, () => kind));

export interface GrpcFindings {
  /** Calls by kind. */
  readonly calls: Readonly<Record<string, number>>;
  readonly callsPerSecond: number;
  readonly errors: number;
  /** What was wrong, for the first few. */
  readonly examples: readonly string[];
  /** Calls cancelled by the client, and those that the server learned of. */
  readonly cancelled: number;
  readonly cancelledAtServer: number;
}

export async function measureGrpc(
  calls: number,
  concurrency: number,
  progress: (done: number) => void,
): Promise<GrpcFindings> {
  const fleet = new Fleet();
  try {
    const server = fleet.start(otherCore, [process.execPath, `${root}/bench/macro/http2/grpc-server.ts`]);
    await until(server, () => server.printed().includes("\n"));
    const backendPort = Number(server.printed());
    // Neither shedding nor waiting is what is looked at here, however starved the machine.
    const extraWeir = "lanes: { loopDelayMax: 1m }\ntimeouts: { bodyIdle: 1m }\n";
    const options = { fleet, backendPort, core: servingCore, workers: 1, connectionsMax: concurrency, extraWeir };
    const weir = await startPeer("weir-multiplexed", { ...options, readyPath: null });
    const client = new Client(new URL(weir.url).host, credentials.createInsecure());
    try {
      const findings = await run(client, calls, concurrency, progress);
      if (findings.errors > 0) console.error(await accountOf(weir));
      return findings;
    } finally {
      client.close();
    }
  } finally {
    await fleet.close();
  }
}

/** What the gateway has to say of errors: its log, and its requests by outcome. */
async function accountOf({ program }: Peer): Promise<string> {
  const printed = program.printed();
  const metrics = /metrics: (\S+)/.exec(printed)?.[1];
  if (metrics === undefined) return printed;
  const lines = (await (await fetch(metrics)).text()).split("\n");
  return [printed, ...lines.filter((line) => /^weir_requests_total.* [1-9]/.test(line))].join("\n");
}

async function run(
  client: Client,
  calls: number,
  concurrency: number,
  progress: (done: number) => void,
): Promise<GrpcFindings> {
  const counts: Record<string, number> = Object.fromEntries(kinds.map(([name]) => [name, 0]));
  const examples: string[] = [];
  let errors = 0;
  let begun = 0;
  const startMs = performance.now();
  const lane = async (): Promise<void> => {
    while (begun < calls) {
      const index = begun++;
      // Neighbours are of different kinds: 37 and 100 have no common divisor.
      const [name, , call] = turns[(index * 37) % turns.length]!;
      const wrong = await call(client, index).catch((error: unknown) => String(error));
      counts[name]!++;
      if (wrong !== "") {
        errors++;
        if (examples.length < EXAMPLES_MAX) examples.push(`${name} ${index}: ${wrong}`);
      }
      if (index % PROGRESS_CALLS === 0) progress(index);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  const callsPerSecond = (calls / (performance.now() - startMs)) * 1000;
  const cancelled = counts["cancel"]!;
  const cancelledAtServer = await untilCancelled(client, cancelled);
  if (cancelledAtServer !== cancelled) errors++;
  return { calls: counts, callsPerSecond, errors, examples, cancelled, cancelledAtServer };
}

interface Ended {
  readonly error: ServiceError | null;
  readonly body: string;
  readonly trailer: string;
}

/** A unary call to its end, whichever comes first of its answer and its status. */
function ask(client: Client, payload: string, options: CallOptions): Promise<Ended> {
  return new Promise((resolve) => {
    let ended: Omit<Ended, "trailer"> | undefined;
    let trailer: string | undefined;
    const settle = (): void => {
      if (ended !== undefined && trailer !== undefined) resolve({ ...ended, trailer });
    };
    const { path } = service.unary;
    const call = client.makeUnaryRequest(path, same, same, Buffer.from(payload), options, (error, value?: Buffer) => {
      ended = { error, body: value?.toString() ?? "" };
      settle();
    });
    call.on("status", ({ metadata }) => {
      trailer = trailerOf(metadata);
      settle();
    });
  });
}

function trailerOf(metadata: Metadata): string {
  return String(metadata.get("x-trailer")[0] ?? "none");
}

async function unary(client: Client, index: number): Promise<string> {
  const payload = "y".repeat(1 + (index % 3000));
  const { error, body, trailer } = await ask(client, payload, patiently());
  if (error !== null) return String(error);
  return body === payload && trailer === "kept" ? "" : `${body.length} bytes, trailer ${trailer}`;
}

async function fail(client: Client): Promise<string> {
  const { error, trailer } = await ask(client, "fail", patiently());
  const isRight = error?.code === status.FAILED_PRECONDITION && error.details === "not today" && trailer === "kept";
  return isRight ? "" : `${error}, trailer ${trailer}`;
}

async function deadline(client: Client): Promise<string> {
  const { error } = await ask(client, "wait", { deadline: Date.now() + WAIT_MS });
  return error?.code === status.DEADLINE_EXCEEDED ? "" : String(error);
}

function collect(client: Client, index: number): Promise<string> {
  const pieces = 1 + (index % 10);
  return new Promise((resolve) => {
    const { path } = service.collect;
    const call = client.makeClientStreamRequest(path, same, same, patiently(), (error, value?: Buffer) => {
      const isRight = error === null && value?.toString() === String(pieces * 500);
      resolve(isRight ? "" : `${error}, ${value}`);
    });
    for (let piece = 0; piece < pieces; piece++) call.write(Buffer.alloc(500, piece));
    call.end();
  });
}

function spread(client: Client): Promise<string> {
  return new Promise((resolve) => {
    const { path } = service.spread;
    const call = client.makeServerStreamRequest(path, same, same, Buffer.from(String(SPREAD_MESSAGES)), patiently());
    let messages = 0;
    call.on("data", (piece: Buffer) => {
      if (piece.length === 1000 && piece[0] === messages) messages++;
    });
    call.on("error", () => {});
    call.on("status", ({ code, details, metadata }) => {
      const isRight = code === status.OK && messages === SPREAD_MESSAGES && trailerOf(metadata) === "kept";
      resolve(isRight ? "" : `status ${code} ${details}, ${messages} messages`);
    });
  });
}

/** Each word is only said when the answer to the one before it has come: nothing may wait for the end. */
function talk(client: Client): Promise<string> {
  return new Promise((resolve) => {
    const call = client.makeBidiStreamRequest(service.talk.path, same, same, patiently());
    const heard: string[] = [];
    call.on("data", (piece: Buffer) => {
      heard.push(piece.toString());
      if (heard.length === 3) call.end();
      else call.write(Buffer.from(`word ${heard.length}`));
    });
    call.on("error", () => {});
    call.on("status", ({ code, details, metadata }) => {
      const isRight = code === status.OK && heard.join() === "WORD 0,WORD 1,WORD 2" && trailerOf(metadata) === "kept";
      resolve(isRight ? "" : `status ${code} ${details}, heard ${heard.join()}`);
    });
    call.write(Buffer.from("word 0"));
  });
}

/** Cancelled once the server has answered, so that it knows the call. */
function cancel(client: Client): Promise<string> {
  return new Promise((resolve) => {
    const call = client.makeBidiStreamRequest(service.talk.path, same, same, patiently());
    call.on("data", () => call.cancel());
    call.on("error", () => {});
    call.on("status", ({ code, details }) => resolve(code === status.CANCELLED ? "" : `status ${code} ${details}`));
    call.write(Buffer.from("word"));
  });
}

/** What the server has learned of cancelled calls, as soon as it is `wanted`, or at last. */
async function untilCancelled(client: Client, wanted: number): Promise<number> {
  const endMs = performance.now() + CANCEL_MS_MAX;
  for (;;) {
    const { body } = await ask(client, "cancelled", patiently());
    if (Number(body) === wanted || performance.now() > endMs) return Number(body);
    await Bun.sleep(20);
  }
}

export function renderGrpc(findings: GrpcFindings): string {
  const { calls, errors, examples, callsPerSecond, cancelled, cancelledAtServer } = findings;
  const total = Object.values(calls).reduce((sum, count) => sum + count, 0);
  const byKind = Object.entries(calls).map(([name, count]) => `${count} ${name}`);
  return [
    `${total} calls (${byKind.join(", ")}) at ${callsPerSecond.toFixed(0)}/s`,
    `${cancelledAtServer} of ${cancelled} cancelled calls were seen by the server`,
    `${errors} errors, bar 0: ${errors === 0 ? "met" : "MISSED"}`,
    ...examples,
  ].join("\n");
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { calls: { type: "string", default: "100000" }, concurrency: { type: "string", default: "100" } },
  });
  const calls = Number(values.calls);
  const findings = await measureGrpc(calls, Number(values.concurrency), (done) => console.error(`${done}/${calls}`));
  console.log(renderGrpc(findings));
  process.exitCode = findings.errors === 0 ? 0 : 3;
}
