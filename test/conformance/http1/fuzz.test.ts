/**
 * Seeded mutations of good and hostile messages, read by the codec and by the oracle: no crash, no hang, and no message that
 * only one of them accepts or that they frame differently. Every accepted head is also read in two pieces, and written anew
 * and read again.
 *
 * `WEIR_FUZZ` sets the number of mutations, `WEIR_SEED` the seed of a run to repeat.
 */
import { expect, test } from "bun:test";
import { Random, randomSeed } from "../../../src/base/mod.ts";
import {
  ChunkedReader,
  defaultHttp1Limits,
  fieldMask,
  MessageHead,
  Method,
  parseRequestHead,
  parseResponseHead,
  writeFields,
  writeRequestLine,
} from "../../../src/protocols/mod.ts";
import { Mutator } from "./mutate.ts";
import { type OracleHead, oracleChunked, oracleRequest, oracleResponse } from "./oracle.ts";
import { chunkedSeeds, requestSeeds, responseSeeds } from "./seeds.ts";

const mutations = Number(process.env["WEIR_FUZZ"] ?? 1_000_000);
const seed = Number(process.env["WEIR_SEED"] ?? randomSeed());
console.log(`fuzz: ${mutations} mutations, WEIR_SEED=${seed}`);

const limits = defaultHttp1Limits;
const head = new MessageHead();
const again = new MessageHead();
/** `BodyKind` in the oracle's words. */
const kinds = ["none", "length", "chunked", "close"] as const;
const nothing = fieldMask([]);
const out = new Uint8Array(16_384);

/** What the codec made of the head, in the oracle's words; `text` has the same offsets as the bytes. */
function described(text: string, from: MessageHead): object {
  const fields = [];
  for (let index = 0; index < from.fieldCount; index++) {
    fields.push([
      text.slice(from.nameStart[index], from.nameEnd[index]),
      text.slice(from.valueStart[index], from.valueEnd[index]),
      from.isHopByHop[index] === 1,
    ]);
  }
  return {
    end: from.end,
    framing: kinds[from.bodyKind],
    length: from.contentLength,
    isKeepAlive: from.isKeepAlive,
    fields,
  };
}

function describedOracle(oracle: OracleHead): object {
  const { end, framing, length, isKeepAlive } = oracle;
  const fields = oracle.fields.map(([name, value]) => [name, value, oracle.dropped.has(name.toLowerCase())]);
  return { end, framing, length, isKeepAlive, fields };
}

function fail(text: string, why: string, ...details: unknown[]): never {
  throw new Error(
    `WEIR_SEED=${seed}: ${why}\n${JSON.stringify(text)}\n${details.map((each) => JSON.stringify(each)).join("\n")}`,
  );
}

function compare(text: string, left: object, right: object, why: string): void {
  const one = JSON.stringify(left);
  const other = JSON.stringify(right);
  if (one !== other) fail(text, why, left, right);
}

const run = (
  share: number,
  seeds: readonly string[],
  stream: number,
  check: (bytes: Uint8Array, random: Random) => void,
): number => {
  const random = new Random(seed + stream);
  const mutator = new Mutator(seeds, random);
  const count = Math.ceil(mutations * share);
  for (let index = 0; index < count; index++) check(mutator.next(), random);
  return count;
};

test("mutated requests are read as the oracle reads them, whole, in pieces and written anew", () => {
  let accepted = 0;
  const count = run(0.5, requestSeeds, 1, (bytes, random) => {
    const to = bytes.length;
    const result = parseRequestHead(head, bytes, 0, to, limits);
    const text = Buffer.from(bytes).toString("latin1");
    const oracle = oracleRequest(text);
    if (result > 0 !== (oracle !== null)) fail(text, "accepted by one reader only", result, oracle);
    if (to === 0) return;
    const cut = 1 + random.below(to);
    const first = parseRequestHead(again, bytes, 0, cut, limits);
    const split = first === 0 ? parseRequestHead(again, bytes, 0, to, limits, cut) : first;
    if (result > 0 && split !== result) fail(text, "read otherwise in two pieces", cut, result, split);
    if (result < 0 && split !== result && split !== 0)
      fail(text, "refused otherwise in two pieces", cut, result, split);
    if (oracle === null) return;
    accepted++;
    compare(text, described(text, head), describedOracle(oracle), "read differently");
    const authority = text.slice(head.authorityStart, head.authorityEnd);
    if (authority !== oracle.authority) fail(text, "another authority", authority, oracle.authority);
    const target = writeRequestLine(head, out, 0);
    const line = Buffer.from(out.buffer, 0, target).toString("latin1");
    if (line !== `${oracle.method} ${oracle.serverTarget} HTTP/1.1\r\n`) fail(text, "another request line", line);
    rewrite(text, target, oracle.isAbsolute || oracle.minor === 0 ? authority : null, oracle);
  });
  expect(accepted).toBeGreaterThan(count / 100);
});

/** Writes the fields behind the request line as a gateway would and reads the whole again. */
function rewrite(text: string, at: number, host: string | null, oracle: OracleHead): void {
  const hasHost = oracle.fields.some(([name]) => name.toLowerCase() === "host" && !oracle.dropped.has("host"));
  if (host !== null && !hasHost)
    at += out.length > 0 ? Buffer.from(out.buffer).write(`Host: ${host}\r\n`, at, "latin1") : 0;
  const fieldsStart = at;
  at = writeFields(head, nothing, out, at);
  if (at - fieldsStart > head.writtenBytesMax) fail(text, "more bytes written than announced");
  const coding = oracle.framing === "chunked" ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n";
  at += Buffer.from(out.buffer).write(coding, at, "latin1");
  const written = Buffer.from(out.buffer, 0, at).toString("latin1");
  const end = parseRequestHead(again, out, 0, at, limits);
  if (end !== at) fail(text, "what was written is not read back", written, end, at);
  const kept = oracle.fields.filter(([name]) => !oracle.dropped.has(name.toLowerCase()));
  const reread: string[][] = [];
  for (let index = 0; index < again.fieldCount; index++) {
    const field = [
      written.slice(again.nameStart[index], again.nameEnd[index]),
      written.slice(again.valueStart[index], again.valueEnd[index]),
    ];
    if (again.nameStart[index]! >= fieldsStart && field[0] !== "Transfer-Encoding") reread.push(field);
  }
  const wanted = kept.map(([name, value]) => [name, /^content-length$/i.test(name) ? String(Number(value)) : value]);
  compare(text, reread, wanted, "written anew, the fields differ");
  if (again.bodyKind !== head.bodyKind || again.contentLength !== head.contentLength)
    fail(text, "framing changed", written);
}

const methods = ["GET", "HEAD", "CONNECT", "POST"] as const;
const methodIds = [Method.get, Method.head, Method.connect, Method.post];

test("mutated responses are read as the oracle reads them, whole and in pieces", () => {
  let accepted = 0;
  const count = run(0.25, responseSeeds, 2, (bytes, random) => {
    const to = bytes.length;
    const which = random.below(8) < 6 ? 0 : 1 + random.below(3);
    const result = parseResponseHead(head, bytes, 0, to, limits, methodIds[which]!);
    const text = Buffer.from(bytes).toString("latin1");
    const oracle = oracleResponse(text, methods[which]!);
    if (result > 0 !== (oracle !== null)) fail(text, "accepted by one reader only", result, oracle, methods[which]);
    if (to === 0) return;
    const cut = 1 + random.below(to);
    const first = parseResponseHead(again, bytes, 0, cut, limits, methodIds[which]!);
    const split = first === 0 ? parseResponseHead(again, bytes, 0, to, limits, methodIds[which]!, cut) : first;
    if (result > 0 && split !== result) fail(text, "read otherwise in two pieces", cut, result, split);
    if (result < 0 && split !== result && split !== 0)
      fail(text, "refused otherwise in two pieces", cut, result, split);
    if (oracle === null) return;
    accepted++;
    compare(text, described(text, head), describedOracle(oracle), "read differently");
    const reason = text.slice(head.reasonStart, head.reasonEnd);
    if (head.status !== oracle.status || reason !== oracle.reason) fail(text, "another status", head.status, reason);
  });
  expect(accepted).toBeGreaterThan(count / 100);
});

const whole = new ChunkedReader(limits);
const pieces = new ChunkedReader(limits);

/** Reads a body in steps, `cut` bytes first; returns what was found. */
function readAll(reader: ChunkedReader, bytes: Uint8Array, cut: number): { end: number; body: string } {
  reader.reset(limits);
  let at = 0;
  let body = "";
  for (const to of [cut, bytes.length]) {
    while (at < to && !reader.isDone && reader.error === 0) {
      const next = reader.read(bytes, at, to);
      if (next === at && reader.error === 0) throw new Error("no progress");
      body += Buffer.from(bytes.subarray(reader.dataStart, reader.dataEnd)).toString("latin1");
      at = next;
    }
  }
  return { end: at, body };
}

test("mutated chunked bodies are read as the oracle reads them, whole and in pieces", () => {
  let accepted = 0;
  const count = run(0.25, chunkedSeeds, 3, (bytes, random) => {
    const text = Buffer.from(bytes).toString("latin1");
    const oracle = oracleChunked(text, 0);
    const found = readAll(whole, bytes, bytes.length);
    if (whole.isDone !== (oracle !== null)) fail(text, "accepted by one reader only", found, whole.error, oracle);
    const split = readAll(pieces, bytes, random.below(bytes.length + 1));
    if (pieces.isDone !== whole.isDone || pieces.error !== whole.error)
      fail(text, "read otherwise in pieces", found, split);
    if (oracle === null) return;
    accepted++;
    if (found.end !== oracle.end || found.body !== oracle.body) fail(text, "read differently", found, oracle);
    compare(text, split, found, "read otherwise in pieces");
    for (const reader of [whole, pieces]) {
      if (!reader.parseTrailers(head)) fail(text, "trailers refused");
      const section = Buffer.from(reader.trailers.subarray(0, reader.trailerBytes)).toString("latin1");
      const trailers = [];
      for (let index = 0; index < head.fieldCount; index++) {
        trailers.push([
          section.slice(head.nameStart[index], head.nameEnd[index]),
          section.slice(head.valueStart[index], head.valueEnd[index]),
        ]);
      }
      compare(text, trailers, oracle.trailers, "other trailers");
    }
  });
  expect(accepted).toBeGreaterThan(count / 100);
});
