/**
 * A gateway without sockets: reads one client's connection with the codec, in pieces of any size, and says what a gateway would
 * answer and pass on. The corpus is run through it at every split, which no real socket could do in the time.
 */
import { outcomeRow } from "../../../src/base/mod.ts";
import {
  BodyKind,
  ChunkedReader,
  defaultHttp1Limits,
  FieldId,
  fieldMask,
  MessageHead,
  Method,
  parseRequestHead,
  TargetForm,
  writeFields,
  writeRequestLine,
} from "../../../src/protocols/mod.ts";
import { PASSED, type Seen } from "./corpus/case.ts";

export interface Observed {
  readonly statuses: number[];
  closes: boolean;
  readonly upstream: Seen[];
}

/** What a gateway writes anew or does not believe; see the gateway's own settings. */
const skipped = fieldMask([
  FieldId.host,
  FieldId.contentLength,
  FieldId.expect,
  FieldId.forwarded,
  FieldId.forwardedFor,
  FieldId.forwardedProto,
  FieldId.forwardedHost,
  FieldId.forwardedPort,
  FieldId.realIp,
]);
const nothing = fieldMask([]);
const limits = defaultHttp1Limits;

export class SimulatedGateway {
  readonly observed: Observed = { statuses: [], closes: false, upstream: [] };
  private readonly head = new MessageHead();
  private readonly chunked = new ChunkedReader(limits);
  private bytes = new Uint8Array(0);
  private seenBytes = 0;
  /** The request whose body is being read, without its body. */
  private open: Seen | null = null;
  private openKind: number = BodyKind.none;
  private openKeepsAlive = true;
  private body = "";
  private restBytes = 0;

  /** Gives the next piece of what the client sends. */
  feed(piece: Uint8Array): void {
    if (this.observed.closes) return;
    const joined = new Uint8Array(this.bytes.length + piece.length);
    joined.set(this.bytes);
    joined.set(piece, this.bytes.length);
    let at = 0;
    while (at < joined.length && !this.observed.closes) {
      const next = this.open === null ? this.readHead(joined, at) : this.readBody(joined, at);
      if (next === at) break;
      at = next;
    }
    this.bytes = joined.slice(at);
  }

  private readHead(bytes: Uint8Array, at: number): number {
    const head = this.head;
    const end = parseRequestHead(head, bytes, at, bytes.length, limits, this.seenBytes);
    this.seenBytes = end === 0 ? bytes.length - at : 0;
    if (end < 0) this.refuse(-end);
    if (end <= 0) return at;
    if (head.methodId === Method.connect || head.methodId === Method.trace) {
      this.answer(501, false);
      return end;
    }
    this.body = "";
    this.openKind = head.bodyKind;
    this.openKeepsAlive = head.isKeepAlive;
    this.restBytes = head.contentLength;
    this.chunked.reset(limits);
    this.open = forwarded(head);
    const isLocal = this.open.line === "OPTIONS *" && head.targetForm !== TargetForm.origin;
    if (isLocal) {
      this.open = null;
      this.answer(204, head.isKeepAlive);
    } else if (head.bodyKind === BodyKind.none) this.endRequest([]);
    return end;
  }

  private readBody(bytes: Uint8Array, at: number): number {
    if (this.openKind === BodyKind.length) {
      const end = Math.min(bytes.length, at + this.restBytes);
      this.body += textOf(bytes, at, end);
      this.restBytes -= end - at;
      if (this.restBytes === 0) this.endRequest([]);
      return end;
    }
    const chunked = this.chunked;
    const end = chunked.read(bytes, at, bytes.length);
    this.body += textOf(bytes, chunked.dataStart, chunked.dataEnd);
    if (chunked.error !== 0) this.refuse(chunked.error);
    else if (chunked.isDone) {
      const trailers = new MessageHead();
      if (!chunked.parseTrailers(trailers)) this.answer(431, false);
      else this.endRequest(fieldLines(trailers, nothing));
    }
    return end;
  }

  private endRequest(trailers: readonly string[]): void {
    const open = this.open;
    this.open = null;
    this.observed.upstream.push({ ...open!, body: this.body, trailers });
    this.answer(PASSED, this.openKeepsAlive);
  }

  private refuse(outcome: number): void {
    this.answer(outcomeRow(outcome).status, false);
  }

  private answer(status: number, keepsAlive: boolean): void {
    this.observed.statuses.push(status);
    this.observed.closes = !keepsAlive;
  }
}

function textOf(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.subarray(from, to)).toString("latin1");
}

function fieldLines(head: MessageHead, mask: Uint8Array): string[] {
  const out = new Uint8Array(head.writtenBytesMax);
  const text = textOf(out, 0, writeFields(head, mask, out, 0));
  return text === "" ? [] : text.slice(0, -2).split("\r\n");
}

function forwarded(head: MessageHead): Seen {
  const out = new Uint8Array(head.targetEnd - head.start + 64);
  const line = textOf(out, 0, writeRequestLine(head, out, 0));
  return {
    line: line.slice(0, -" HTTP/1.1\r\n".length),
    host: textOf(head.bytes, head.authorityStart, head.authorityEnd),
    fields: fieldLines(head, skipped),
  };
}
