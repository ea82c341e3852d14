/**
 * What the engine asks of a protocol, and what a protocol tells the engine. A slot is a seat for one exchange: one per
 * connection in HTTP/1.1, one per stream in HTTP/2, one per message in flight over WebSocket. The engine knows slots only,
 * so a protocol is added by writing a `Protocol` and naming it in `protocols.ts`.
 *
 *     engine --send(slot)-->  client      a slot the client said is free
 *     engine <--answered/failed-- client  ends the exchange; `freed` says when the slot can be used again
 */

import type { Clock, Random } from "../base/mod.ts";
import type { Failure } from "./failures.ts";
import type { LoadPlan, ProcessShare } from "./plan.ts";
import type { SetupStep } from "./recorder.ts";

/** Sees the bytes of an answer as they are read; only classes with checks on fields or body have one. */
export interface AnswerInspector {
  begin(): void;
  /** The answer's fields as lines of HTTP/1.1, whatever the protocol. */
  head(bytes: Uint8Array, start: number, end: number): void;
  body(bytes: Uint8Array, start: number, end: number): void;
}

/** Makes the requests of one class, in the bytes of its protocol. */
export interface RequestSource extends RenderedRequest {
  /** Set before each send; null when the status alone decides. */
  inspector: AnswerInspector | null;
  /** Makes this the next request. */
  render(): void;
}

/** A protocol: how requests are written, and who carries them. */
export interface Protocol {
  /** A source for each class of the plan. */
  createRequests(plan: LoadPlan, share: ProcessShare, random: Random): RequestSource[];
  createClient(plan: LoadPlan, share: ProcessShare, events: ClientEvents, clock: Clock): ProtocolClient;
}

/** A request ready to be written. The bytes are valid until the next request is rendered. */
export interface RenderedRequest {
  readonly bytes: Uint8Array;
  readonly length: number;
  /** The answer to HEAD carries the fields of a body without the body. */
  readonly expectsNoBody: boolean;
  /** Looks at the answer of the exchange; null when only the status matters. */
  readonly inspector: AnswerInspector | null;
}

export interface ProtocolClient {
  /** How many exchanges may be in flight at once: slots are 0 to this. */
  readonly slotsCount: number;
  /** Opens the connections; `freed` is called for each slot as it becomes usable. */
  open(): void;
  /** Starts an exchange on a free slot. */
  send(slot: number, request: RenderedRequest): void;
  /** Gives up on the exchange of a slot: tells `failed` (nothing arrived, or only a part) and frees the slot in its time. */
  abandon(slot: number): void;
  /** Called every few milliseconds: opens connections that are due, gives up on connects that take too long. */
  tick(nowNs: number): void;
  /** No connection is opened again from now on. */
  stopOpening(): void;
  close(): void;
  /** Writes what `send` left to be written together; called after each round of sending. */
  flush(): void;
  /**
   * Handles what has arrived, for clients that watch their sockets themselves; the runtime calls the others.
   * @returns whether the runtime's event loop has something to do
   */
  poll(): boolean;
  /** Whether the last `poll` read as much as it may at once, so that more may have arrived: nobody sleeps on that. */
  readonly hasUnread: boolean;
  /** An epoll descriptor that is readable when there is something to do, to sleep on; -1 where there is none. */
  readinessFd(): number;
  /** Whether there is a socket yet, by which `readinessFd` finds its way. */
  readonly hasSocket: boolean;
  /** Whether `poll` must be called for answers to be seen. */
  readonly needsPolling: boolean;
  /** Connections open now. */
  readonly openCount: number;
  /** Why a connection could not be used, in words; empty while all could. */
  readonly problem: string;
  /** Connections for which the first attempt to open has neither succeeded nor failed yet. */
  readonly pendingCount: number;
}

/** How the engine hears of what happens. Times are the engine's business; it reads its clock when called. */
export interface ClientEvents {
  /** The slot can carry an exchange. */
  freed(slot: number): void;
  /** A free slot's connection ended; the slot must not be used until `freed`. */
  lost(slot: number): void;
  /** The request's bytes begin to leave now; called only when a connection had to be opened for it first. */
  departed(slot: number): void;
  /** A whole answer arrived. `receivedBytes` counts head and body. */
  answered(slot: number, status: number, receivedBytes: number): void;
  /** The exchange of a slot ended without an answer. */
  failed(slot: number, failure: Failure): void;
  /** A step of opening a connection was done in this time: TCP, TLS, or a WebSocket's opening handshake. */
  stepped(step: SetupStep, durationNs: number): void;
  /** Something went wrong that belongs to no exchange, such as the end of a connection that was to be kept. */
  noted(failure: Failure): void;
  /** A connection could not be opened; no exchange was bound to it. */
  connectFailed(failure: Failure): void;
}

/** Where to connect and how. */
export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly connectionsCount: number;
  /** Connections beside those, which are opened and kept and carry nothing. */
  readonly idleCount: number;
  /** Exchanges at once on a connection; 1 but for HTTP/2. */
  readonly streamsPerConnection: number;
  /** How many sockets are read before it is looked again what is due. */
  readonly answersPerPoll: number;
  /** Local addresses, used in turn; empty lets the system choose. */
  readonly sourceAddresses: readonly string[];
  /** How many connections this process may begin to open per second. */
  readonly connectPerSecond: number;
  readonly connectTimeoutMs: number;
  /** False opens a connection for every request and closes it after the answer. */
  readonly reusesConnections: boolean;
}
