/**
 * What the upstream side asks of a request: the seam between connections, which know a protocol, and the data plane, which
 * knows what a request means. The data plane's exchange implements it; calls come from inside a socket's callback. @hot
 *
 * Order of calls for one attempt:
 *
 *     onUpstreamReady ─► [onUpstreamInterim]* ─► onUpstreamHead ─► [onUpstreamBody]* ─► onUpstreamEnd
 *            └───────────────┴──────── at any point instead ────────────┴─► onUpstreamFailed
 *
 * `onUpstreamEnd` and `onUpstreamFailed` are the last call of an attempt, and exactly one of them is made.
 */
import type { MessageHead } from "../protocols/mod.ts";
import type { Endpoint } from "./endpoint.ts";

/** A connection, or a stream of one, as the exchange that it was given to uses it. */
export interface UpstreamLink {
  readonly endpoint: Endpoint;
  /** Bytes of the request that wait. */
  readonly backlogBytes: number;
  /** Sends a request as HTTP/1.1 writes it, with the part of its body that came with it; `isWhole` when nothing follows. */
  sendRequest(bytes: Uint8Array, from: number, to: number, isWhole: boolean): void;
  /** Sends more of the body, already framed. Returns false when the sender should wait for `onUpstreamWritable`. */
  sendBody(bytes: Uint8Array, from: number, to: number): boolean;
  /** The request is complete. */
  endRequest(): void;
  /** Stops and resumes the flow of the answer. */
  pauseReading(): void;
  resumeReading(): void;
  /** The exchange does not want its answer any more. */
  abandon(exchange: UpstreamExchange): void;
}

export interface UpstreamExchange {
  /** `Method` of the request: the framing of the answer depends on it. */
  readonly methodId: number;
  /** Whether the upstream may be given this request while another is unanswered on the same connection. */
  readonly mayPipeline: boolean;
  /** Hash of what consistent balancing goes by; 0 where nothing does. */
  readonly balanceHash: number;
  /** Longest wait for the answer's first byte, and between two reads of it, in milliseconds; 0 for no limit. */
  readonly firstByteTimeoutMs: number;
  readonly answerIdleTimeoutMs: number;
  /** Place in the waiting queue, -1 when it does not wait; the queue's. */
  queuePlace: number;

  /** A connection is ready: write the request to it now. */
  onUpstreamReady(connection: UpstreamLink): void;
  /** A 1xx answer other than 101. `head` is valid during the call only. */
  onUpstreamInterim(head: MessageHead): void;
  /**
   * A 101 answer, and what came behind it: true when the exchange has taken the connection's socket with
   * `UpstreamConnection.upgradeTo`, false when it did not ask for that.
   */
  onUpstreamUpgrade(head: MessageHead, bytes: Uint8Array, from: number, to: number): boolean;
  /** The final answer's head. `head` is valid during the call only. */
  onUpstreamHead(head: MessageHead): void;
  /** Body bytes without any framing, valid during the call only. */
  onUpstreamBody(bytes: Uint8Array, from: number, to: number): void;
  /** The answer is complete; `trailers` holds fields sent after the body, or is null. The connection is no longer ours. */
  onUpstreamEnd(trailers: MessageHead | null): void;
  /**
   * The attempt is over without a complete answer. `outcome` says why; `isUnanswered` that not one byte of an answer came, so
   * that a request which may be repeated can be.
   */
  onUpstreamFailed(outcome: number, isUnanswered: boolean): void;
  /** Request bytes that waited are with the kernel: the client may go on sending. */
  onUpstreamWritable(): void;
  /** All that arrived in one callback has been handed over: the moment to write what was put together. */
  onUpstreamPause(): void;
}
