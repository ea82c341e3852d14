/** What an HTTP/2 session tells its owner, and the scratch that the sessions of a process share. */
import { FieldList, Output } from "../protocols/mod.ts";
import type { Failure } from "./failures.ts";
import { AnswerHead } from "./http2-answer.ts";
import type { Http2Session } from "./http2-session.ts";

/** More than the head of any answer a person would send: fields, and bytes in the count of RFC 9113 section 6.5.2. */
const fieldsMax = 256;
const listBytesMax = 65_536;

/** How the session tells its owner. Every call may send again. */
export interface Http2SessionEvents {
  /** The server's first SETTINGS are there. */
  onReady(session: Http2Session): void;
  /** The server allows another number of streams. */
  onStreamsAllowed(session: Http2Session): void;
  onAnswer(session: Http2Session, seat: number, status: number, receivedBytes: number): void;
  onFailed(session: Http2Session, seat: number, failure: Failure): void;
  /** No stream can be opened any more; those that are open go on. */
  onLeaving(session: Http2Session): void;
  /** The connection cannot go on; what is to be said to the server is in the output. */
  onBroken(session: Http2Session, failure: Failure): void;
}

/** Scratch that the sessions of a process share: a block is decoded, and one encoded, in one go. */
export class Http2Scratch {
  readonly list = new FieldList(fieldsMax, listBytesMax);
  readonly head = new AnswerHead();
  readonly block = new Output();
}
