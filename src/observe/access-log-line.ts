/** @hot
 * One request as one JSON line, written straight into a buffer from the bytes of its head. Bytes outside printable ASCII
 * become `\u00XX`, so the line is valid JSON whatever a client sent. Targets are cut at 4 KiB and marked.
 *
 *     {"time":"2026-11-23T22:18:00.123Z","client":"10.0.0.7","method":"GET","target":"/quotes/A","status":200,
 *      "outcome":"ok","route":"quotes","upstream":"core","endpoint":"10.0.1.2:9000","latencyUs":812,"upstreamUs":640,
 *      "bytesIn":0,"bytesOut":143,"requestId":"...","traceId":"..."}                            (on one line)
 */
import { copyBytes, latin1, outcomeRows, writeDecimal } from "../base/mod.ts";

export const targetLengthMax = 4096;
export const valueLengthMax = 1024;
export const fieldsCountMax = 16;

const nothing = new Uint8Array(0);

/** What a line tells. One record is filled anew for each request; offsets of parts that are absent are equal. */
export class AccessRecord {
  /** The bytes that the offsets of method, target and fields refer to. */
  head: Uint8Array = nothing;
  methodFrom = 0;
  methodTo = 0;
  targetFrom = 0;
  targetTo = 0;
  /** `accessLogLabels(route, upstream)`, prepared once per route. */
  labels: Uint8Array = nothing;
  client = "";
  endpoint = "";
  status = 0;
  outcomeCode = 0;
  latencyUs = 0;
  /** Negative when no upstream was asked. */
  upstreamUs = -1;
  bytesIn = 0;
  bytesOut = 0;
  requestId: Uint8Array = nothing;
  requestIdFrom = 0;
  requestIdTo = 0;
  /** The bytes of the traceparent sent upstream; its trace id is written. */
  traceparent: Uint8Array = nothing;
  traceparentFrom = -1;
  /** Where in `head` the values of the configured fields lie. */
  readonly fieldFrom: Int32Array = new Int32Array(fieldsCountMax);
  readonly fieldTo: Int32Array = new Int32Array(fieldsCountMax);

  /** Makes every part absent. */
  clear(): void {
    this.head = nothing;
    this.methodFrom = this.methodTo = this.targetFrom = this.targetTo = 0;
    this.labels = nothing;
    this.client = this.endpoint = "";
    this.status = this.outcomeCode = this.latencyUs = this.bytesIn = this.bytesOut = 0;
    this.upstreamUs = -1;
    this.requestIdFrom = this.requestIdTo = 0;
    this.traceparentFrom = -1;
    this.fieldFrom.fill(0);
    this.fieldTo.fill(0);
  }
}

/** The part of a line that is the same for every request of a route. */
export function accessLogLabels(route: string, upstream: string): Uint8Array {
  return latin1(`,"route":${asciiJson(route)},"upstream":${asciiJson(upstream)}`);
}

/** The names of the configured request fields as they stand before their values. */
export function accessLogFieldNames(names: readonly string[]): readonly Uint8Array[] {
  return names.slice(0, fieldsCountMax).map((name) => latin1(`,${asciiJson(name)}:"`));
}

const timeStart = latin1('{"time":"');
const timeLength = 24;
const clientStart = latin1('","client":"');
const methodStart = latin1('","method":"');
const targetStart = latin1('","target":"');
const targetCut = latin1('","targetCut":true,"status":');
const statusStart = latin1('","status":');
const endpointStart = latin1(',"endpoint":"');
const latencyStart = latin1(',"latencyUs":');
const upstreamStart = latin1(',"upstreamUs":');
const bytesInStart = latin1(',"bytesIn":');
const bytesOutStart = latin1(',"bytesOut":');
const requestIdStart = latin1(',"requestId":"');
const traceIdStart = latin1(',"traceId":"');
const lineEnd = latin1("}\n");
const noLabels = accessLogLabels("none", "none");
const fixedLengthMax = 512;

const outcomeParts: Uint8Array[] = [];
for (const row of outcomeRows) outcomeParts[row.code] = latin1(`,"outcome":"${row.name}"`);
const unknownOutcome = latin1(',"outcome":"unknown"');

/** 1 for the bytes that stand in a JSON string as they are. */
const plain = new Uint8Array(256);
for (let byte = 0x20; byte < 0x7f; byte++) plain[byte] = byte === 0x22 || byte === 0x5c ? 0 : 1;
const hex = latin1("0123456789abcdef");

/** How long the line of a record can become at most. */
export function lineLengthMax(record: AccessRecord, fieldNames: readonly Uint8Array[]): number {
  const target = Math.min(record.targetTo - record.targetFrom, targetLengthMax);
  const method = Math.min(record.methodTo - record.methodFrom, valueLengthMax);
  const id = Math.min(record.requestIdTo - record.requestIdFrom, valueLengthMax);
  const texts = Math.min(record.client.length, valueLengthMax) + Math.min(record.endpoint.length, valueLengthMax);
  let length = fixedLengthMax + 6 * (target + method + id + texts) + record.labels.length;
  for (let index = 0; index < fieldNames.length; index++) {
    const value = Math.min(record.fieldTo[index]! - record.fieldFrom[index]!, valueLengthMax);
    length += fieldNames[index]!.length + 1 + 6 * value;
  }
  return length;
}

/**
 * Writes the line of a record at `at`, for which `lineLengthMax` bytes must be free; returns the offset after it.
 * @param time 24 bytes, as `2026-11-23T22:18:00.123Z`
 */
export function writeLine(
  record: AccessRecord,
  fieldNames: readonly Uint8Array[],
  time: Uint8Array,
  out: Uint8Array,
  start: number,
): number {
  let at = copyBytes(timeStart, 0, timeStart.length, out, start);
  at = copyBytes(time, 0, timeLength, out, at);
  at = copyBytes(clientStart, 0, clientStart.length, out, at);
  at = writeText(record.client, out, at);
  at = copyBytes(methodStart, 0, methodStart.length, out, at);
  at = writeEscaped(record.head, record.methodFrom, record.methodTo, valueLengthMax, out, at);
  at = copyBytes(targetStart, 0, targetStart.length, out, at);
  at = writeEscaped(record.head, record.targetFrom, record.targetTo, targetLengthMax, out, at);
  const next = record.targetTo - record.targetFrom > targetLengthMax ? targetCut : statusStart;
  at = copyBytes(next, 0, next.length, out, at);
  at = writeDecimal(record.status, out, at);
  const outcome = outcomeParts[record.outcomeCode] ?? unknownOutcome;
  at = copyBytes(outcome, 0, outcome.length, out, at);
  const labels = record.labels.length === 0 ? noLabels : record.labels;
  at = copyBytes(labels, 0, labels.length, out, at);
  if (record.endpoint !== "") at = writeEndpoint(record.endpoint, out, at);
  at = writeNumber(latencyStart, record.latencyUs, out, at);
  if (record.upstreamUs >= 0) at = writeNumber(upstreamStart, record.upstreamUs, out, at);
  at = writeNumber(bytesInStart, record.bytesIn, out, at);
  at = writeNumber(bytesOutStart, record.bytesOut, out, at);
  at = writeIds(record, out, at);
  for (let index = 0; index < fieldNames.length; index++) at = writeField(record, fieldNames, index, out, at);
  return copyBytes(lineEnd, 0, lineEnd.length, out, at);
}

function writeNumber(name: Uint8Array, value: number, out: Uint8Array, at: number): number {
  return writeDecimal(Math.floor(value), out, copyBytes(name, 0, name.length, out, at));
}

function writeEndpoint(endpoint: string, out: Uint8Array, at: number): number {
  const end = writeText(endpoint, out, copyBytes(endpointStart, 0, endpointStart.length, out, at));
  out[end] = 0x22;
  return end + 1;
}

function writeIds(record: AccessRecord, out: Uint8Array, start: number): number {
  let at = start;
  if (record.requestIdTo > record.requestIdFrom) {
    at = copyBytes(requestIdStart, 0, requestIdStart.length, out, at);
    at = writeEscaped(record.requestId, record.requestIdFrom, record.requestIdTo, valueLengthMax, out, at);
    out[at++] = 0x22;
  }
  if (record.traceparentFrom >= 0) {
    at = copyBytes(traceIdStart, 0, traceIdStart.length, out, at);
    at = copyBytes(record.traceparent, record.traceparentFrom + 3, record.traceparentFrom + 35, out, at);
    out[at++] = 0x22;
  }
  return at;
}

function writeField(
  record: AccessRecord,
  fieldNames: readonly Uint8Array[],
  index: number,
  out: Uint8Array,
  start: number,
): number {
  const from = record.fieldFrom[index]!;
  const to = record.fieldTo[index]!;
  if (to <= from) return start;
  const name = fieldNames[index]!;
  let at = copyBytes(name, 0, name.length, out, start);
  at = writeEscaped(record.head, from, to, valueLengthMax, out, at);
  out[at] = 0x22;
  return at + 1;
}

function writeEscaped(
  bytes: Uint8Array,
  from: number,
  to: number,
  lengthMax: number,
  out: Uint8Array,
  start: number,
): number {
  const end = to - from > lengthMax ? from + lengthMax : to;
  let at = start;
  for (let offset = from; offset < end; offset++) {
    const byte = bytes[offset]!;
    if (plain[byte] === 1) out[at++] = byte;
    else at = writeEscape(byte, out, at);
  }
  return at;
}

function writeText(text: string, out: Uint8Array, start: number): number {
  const end = text.length > valueLengthMax ? valueLengthMax : text.length;
  let at = start;
  for (let index = 0; index < end; index++) {
    const code = text.charCodeAt(index);
    if (code < 256 && plain[code] === 1) out[at++] = code;
    else at = writeEscape(code & 255, out, at);
  }
  return at;
}

function writeEscape(byte: number, out: Uint8Array, at: number): number {
  out[at] = 0x5c;
  if (byte === 0x22 || byte === 0x5c) {
    out[at + 1] = byte;
    return at + 2;
  }
  out[at + 1] = 0x75;
  out[at + 2] = 0x30;
  out[at + 3] = 0x30;
  out[at + 4] = hex[byte >>> 4]!;
  out[at + 5] = hex[byte & 15]!;
  return at + 6;
}

function asciiJson(text: string): string {
  return JSON.stringify(text).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
