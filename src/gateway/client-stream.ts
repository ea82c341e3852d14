/**
 * What an exchange asks of the client's side: one request and its answer, whatever protocol carries them. An HTTP/1.1
 * connection is one stream at a time; HTTP/2 gives one object a stream. @hot
 *
 * Order of calls for one answer:
 *
 *     [replyInterim]* ─► replyHead ─► [replyBody]* ─► replyEnd          or at once: replyLocal
 *                            └── when it cannot be completed ─► abortReply
 *
 * Exactly one of `replyEnd`, `replyLocal` and `abortReply` is the last call; the stream then lets go of the exchange. An
 * answer that begins and turns out to be broken within one callback can be taken back, and a local one given instead.
 */
import type { Lane } from "../lanes/mod.ts";
import type { MessageHead } from "../protocols/mod.ts";
import type { TlsPeerCertificate } from "../transport/mod.ts";
import type { LocalAnswer } from "./answers.ts";
import type { Exchange } from "./exchange.ts";
import type { Tunnel, TunnelSide } from "./tunnel.ts";

export interface ClientStream {
  /** The client's address as text: of the socket, or from a believed PROXY header. Empty for Unix sockets. */
  readonly clientAddress: string;
  /** Whether the client's address is in a trusted network, so that its forwarding fields are believed. */
  readonly isTrusted: boolean;
  /** A number that differs between the connections of a worker, as far as it reaches. */
  readonly serial: number;
  readonly scheme: "http" | "https";
  /** The certificate that the client showed and the listener's authorities vouch for. */
  readonly certificate: TlsPeerCertificate | undefined;
  /** Whether the listener lets requests of this lane in. */
  letsIn(lane: Lane): boolean;

  /** A 1xx answer other than 101. */
  replyInterim(head: MessageHead): void;
  /** The head of the final answer. `head` is valid during the call only; its bytes for as long as anybody keeps them. */
  replyHead(exchange: Exchange, head: MessageHead): void;
  /** Body bytes without framing; the stream may keep a reference. */
  replyBody(bytes: Uint8Array, from: number, to: number): void;
  replyEnd(exchange: Exchange, trailers: MessageHead | null): void;
  /** A whole answer of the gateway's own. */
  replyLocal(exchange: Exchange, answer: LocalAnswer): void;
  /** The upstream switched to WebSocket: passes that on, lets go of the exchange, and becomes a side of the tunnel. */
  replyUpgrade(exchange: Exchange, head: MessageHead, tunnel: Tunnel): TunnelSide;
  /** The tunnel is connected: passes on what the client had sent before. */
  beginTunnel(): void;
  /** Drops an answer of which nothing was written yet; false when it is too late, in HTTP/2 as soon as its head is packed. */
  takeBackReply(): boolean;
  /** The answer has begun and cannot be completed: the client must see that it is cut. */
  abortReply(exchange: Exchange): void;
  /** Writes what was put together since the last call. */
  flushReply(): void;
  /** Whether more of the answer should wait for `Exchange.onClientWritable`. */
  readonly isReplyBlocked: boolean;
  /** Stops and resumes the flow of the request's body. */
  pauseRequest(): void;
  resumeRequest(): void;
  /** Asks to be called by `Exchange.onDeadline` at this monotonic time or later; 0 asks for nothing. */
  setDeadline(atMs: number): void;
}
