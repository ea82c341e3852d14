/**
 * The answer as an HTTP/1.1 client gets it: written anew from what was parsed, in the framing the client understands. @hot
 *
 * What one callback yields is put together in the worker's scratch memory and written once. An answer whose head needs no
 * change, which is the rule, is not copied at all: the bytes that arrived are a run that is passed on as it lies. That is the
 * same as writing it anew, because every line was parsed and found to have the one form this writer gives it.
 */
import { copyBytes } from "../base/mod.ts";
import {
  BodyKind,
  FieldId,
  fieldMask,
  type MessageHead,
  writeBytes,
  writeFields,
  writeLineEnd,
  writeStatusLine,
} from "../protocols/mod.ts";
import type { LocalAnswer } from "./answers.ts";
import type { ClientConnection } from "./client-connection.ts";
import type { Exchange } from "./exchange.ts";
import { writeChangedFields, writeChunkEnd, writeChunkStart, writeTrailers } from "./forward.ts";

/** How the client is told where the answer ends. */
export const ReplyFraming = { none: 0, length: 1, chunked: 2, untilClose: 3 } as const;

const bytesOf = (text: string): Uint8Array => Buffer.from(text, "latin1");
const CLOSE = bytesOf("Connection: close\r\n");
const KEEP_ALIVE = bytesOf("Connection: keep-alive\r\n");
const CHUNKED = bytesOf("Transfer-Encoding: chunked\r\n");
const SKIPPED = fieldMask([FieldId.transferEncoding]);
/** Body parts up to this size join what is being put together; larger ones are written by themselves. */
const JOINED_BYTES_MAX = 16 * 1024;
/** `HTTP/1.1 NNN ` and the line end. */
const STATUS_LINE_BYTES = 15;

/**
 * Begins the answer. Returns whether the connection can live on after it. `wants` says whether the client and the gateway
 * would have it so.
 */
export function writeReplyHead(
  client: ClientConnection,
  exchange: Exchange,
  head: MessageHead,
  wants: boolean,
): boolean {
  const hasBody = head.bodyKind !== BodyKind.none;
  let framing: number = hasBody ? ReplyFraming.length : ReplyFraming.none;
  if (head.bodyKind >= BodyKind.chunked) framing = client.isOld ? ReplyFraming.untilClose : ReplyFraming.chunked;
  client.replyFraming = framing;
  const keepsAlive = wants && framing !== ReplyFraming.untilClose;
  const changes = exchange.answerChanges;
  if (keepsAlive && !client.isOld && changes === null && framing !== ReplyFraming.chunked && isAsWritten(head)) {
    client.runBytes = head.bytes;
    client.runFrom = head.start;
    client.runTo = head.end;
    return true;
  }
  const context = client.context;
  const out = context.scratch;
  let at = writeStatusText(head, out, 0);
  if (changes === null) at = writeFields(head, SKIPPED, out, at);
  else at = writeChangedFields(head, SKIPPED, changes, out, at);
  if (head.indexOf(FieldId.date) < 0) at = writeBytes(context.dateLine, out, at);
  // An answer to HEAD says how the body would have been framed, where the upstream said so.
  const isChunked = framing === ReplyFraming.chunked || (!hasBody && isToldChunked(head) && !client.isOld);
  if (isChunked) at = writeBytes(CHUNKED, out, at);
  if (!keepsAlive) at = writeBytes(CLOSE, out, at);
  else if (client.isOld) at = writeBytes(KEEP_ALIVE, out, at);
  context.composedBytes = writeLineEnd(out, at);
  return keepsAlive;
}

/** Whether every byte of the head is what this writer would write. */
function isAsWritten(head: MessageHead): boolean {
  if (head.indexOf(FieldId.date) < 0 || head.versionMinor === 0) return false;
  // A status line without the space behind the status is read, but not written.
  if (head.reasonStart !== head.start + STATUS_LINE_BYTES - 2) return false;
  for (let index = 0; index < head.fieldCount; index++) {
    if (head.isCanonical[index] === 0 || head.isHopByHop[index] === 1) return false;
  }
  return true;
}

function isToldChunked(head: MessageHead): boolean {
  return head.indexOf(FieldId.transferEncoding) >= 0;
}

/** The status line with the upstream's own reason; the version is ours (RFC 9110 section 6.2). */
function writeStatusText(head: MessageHead, out: Uint8Array, at: number): number {
  if (head.reasonEnd === head.reasonStart) return writeStatusLine(head.status, out, at);
  const from = at;
  at = writeStatusLine(head.status, out, at);
  at = copyBytes(head.bytes, head.reasonStart, head.reasonEnd, out, from + STATUS_LINE_BYTES - 2);
  return writeLineEnd(out, at);
}

/** A 1xx answer, at once. */
export function writeReplyInterim(client: ClientConnection, head: MessageHead): void {
  const context = client.context;
  const out = context.scratch;
  const at = writeFields(head, SKIPPED, out, writeStatusText(head, out, 0));
  context.composedBytes = writeLineEnd(out, at);
  client.writeComposed();
}

/** Adds body bytes, framed for the client. */
export function writeReplyBody(client: ClientConnection, bytes: Uint8Array, from: number, to: number): void {
  if (client.replyFraming === ReplyFraming.none) return;
  if (client.runBytes !== null) {
    if (client.runBytes === bytes && client.runTo === from) {
      client.runTo = to;
      return;
    }
    client.writeComposed();
  }
  const context = client.context;
  const isChunked = client.replyFraming === ReplyFraming.chunked;
  const out = context.scratch;
  if (context.composedBytes + JOINED_BYTES_MAX + 64 > out.length) client.writeComposed();
  if (isChunked) context.composedBytes = writeChunkStart(out, context.composedBytes, to - from);
  if (to - from <= JOINED_BYTES_MAX) {
    context.composedBytes = copyBytes(bytes, from, to, out, context.composedBytes);
  } else {
    client.writeComposed();
    client.write(bytes, from, to);
  }
  if (isChunked) context.composedBytes = writeChunkEnd(out, context.composedBytes);
}

/** Ends the body. */
export function writeReplyEnd(client: ClientConnection, trailers: MessageHead | null): void {
  if (client.replyFraming !== ReplyFraming.chunked) return;
  const context = client.context;
  if (context.composedBytes + (trailers?.writtenBytesMax ?? 0) + 64 > context.scratch.length) client.writeComposed();
  context.composedBytes = writeTrailers(context.scratch, context.composedBytes, trailers);
}

/** A whole answer of the gateway's own. */
export function writeLocalReply(client: ClientConnection, answer: LocalAnswer, isHead: boolean, closes: boolean): void {
  const context = client.context;
  const out = context.scratch;
  let at = writeBytes(answer.head, out, 0);
  at = writeBytes(context.dateLine, out, at);
  if (closes) at = writeBytes(CLOSE, out, at);
  else if (client.isOld) at = writeBytes(KEEP_ALIVE, out, at);
  at = writeLineEnd(out, at);
  if (!isHead) at = writeBytes(answer.body, out, at);
  context.composedBytes = at;
  client.writeComposed();
}
