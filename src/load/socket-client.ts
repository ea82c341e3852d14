/**
 * @hot
 * What the clients of all protocols share: the sockets of one process, with TLS where it is asked for. It opens and reopens
 * them (`ConnectionOpener`), finishes handshakes, reads, writes, and tells the protocol of bytes and ends.
 *
 *     connect -> (TLS) -> begin        the protocol says `opener.ready` when exchanges may start
 *                         onBytes      what arrived, in place; TLS is off
 *                         onEnd        an orderly end, a reset, or TLS that cannot be read
 *
 * Sockets are read and written past the runtime where that works (`DirectSockets`); elsewhere the runtime hands over each
 * chunk, in a Buffer that it allocates. What a socket does not take waits in the connection's output. TLS works past the
 * runtime only. Idle connections come after those that carry exchanges, and are kept open and nothing else.
 */
import type { Socket, SocketHandler } from "bun";
import { type Clock, copyBytes, say } from "../base/mod.ts";
import { Output } from "../protocols/mod.ts";
import { ConnectionOpener, type ConnectionOwner, type OpenedConnection } from "./connections.ts";
import { type DirectSockets, descriptorOf, Received } from "./direct-sockets.ts";
import { findEventLoop } from "./event-loop.ts";
import { Failure } from "./failures.ts";
import { messages } from "./messages.ts";
import type { ClientEvents, ConnectOptions, ProtocolClient, RenderedRequest } from "./protocol-client.ts";
import { HistogramIndex } from "./recorder.ts";
import { Handshake, type TlsClient } from "./tls-client.ts";

/** One connection of a process. */
export class SocketConnection implements OpenedConnection {
  readonly index: number;
  socket: Socket<OpenedConnection> | null = null;
  /** The socket's descriptor where this client reads and writes it directly. */
  fd = -1;
  /** The TLS session over it, and whether its handshake is done; null over plain TCP. */
  session: number | null = null;
  isSecured = false;
  connectStartNs = 0;
  handshakeStartNs = 0;
  notBeforeNs = 0;
  wasTried = false;
  isReady = false;
  isReplaced = false;
  /** Bytes to be written, and whether they wait for the socket. */
  readonly output = new Output();
  isWaitingToWrite = false;

  constructor(index: number) {
    this.index = index;
  }
}

/** What a client needs beside where to connect. */
export interface SocketAccess {
  readonly events: ClientEvents;
  readonly clock: Clock;
  /** Reads and writes the sockets past the runtime; null leaves that to the runtime. */
  readonly direct: DirectSockets | null;
  /** Null for plain TCP; needs `direct`. */
  readonly tls: TlsClient | null;
}

export abstract class SocketClient<C extends SocketConnection> implements ProtocolClient, ConnectionOwner<C> {
  abstract readonly slotsCount: number;
  readonly handlers: SocketHandler<C>;
  /** Why a connection could not be used, in words, the first of them; empty while all could. */
  problem = "";
  hasUnread = false;
  protected readonly connections: C[] = [];
  protected readonly opener: ConnectionOpener<C>;
  protected readonly options: ConnectOptions;
  protected readonly events: ClientEvents;
  protected readonly clock: Clock;
  private readonly direct: DirectSockets | null;
  private readonly tls: TlsClient | null;

  constructor(options: ConnectOptions, access: SocketAccess) {
    this.options = options;
    this.events = access.events;
    this.clock = access.clock;
    this.direct = access.direct;
    this.tls = access.tls;
    this.handlers = {
      open: (socket) => this.onOpen(socket),
      data: (socket, chunk) => this.onChunk(socket.data, chunk),
      drain: (socket) => this.flushOutput(socket.data),
      close: (socket, error) => this.onSocketClosed(socket.data, error),
      error: (socket, error) => this.onError(socket.data, error),
      connectError: (socket, error) => this.opener.failed(socket.data, error),
    };
    this.opener = new ConnectionOpener(options, access.events, access.clock, this);
  }

  /** A fresh connection for a place. */
  protected abstract make(index: number): C;
  /** Bytes can be exchanged from now on. */
  protected abstract begin(connection: C): void;
  protected abstract onBytes(connection: C, bytes: Uint8Array, start: number, end: number): void;
  /** The connection's bytes are over; `failure` is none for an orderly end. */
  protected abstract onEnd(connection: C, failure: Failure): void;
  abstract open(): void;
  abstract notOpened(connection: C, failure: Failure): void;
  abstract send(slot: number, request: RenderedRequest): void;
  abstract abandon(slot: number): void;
  abstract flush(): void;

  get openCount(): number {
    return this.opener.openCount;
  }

  get pendingCount(): number {
    return this.opener.pendingCount;
  }

  /** Asked before the start. @cold */
  get hasSocket(): boolean {
    return this.connections.some((connection) => connection.socket !== null);
  }

  get needsPolling(): boolean {
    return this.direct !== null;
  }

  /** Asked once, before the start. @cold */
  readinessFd(): number {
    const open = this.connections.find((connection) => connection.socket !== null);
    const socketFd = open === undefined ? -1 : descriptorOf(open.socket!);
    if (this.direct === null) return findEventLoop(socketFd);
    return this.direct.joinEventLoop(socketFd) ? this.direct.epollFd : -1;
  }

  poll(): boolean {
    const { direct } = this;
    if (direct === null) return true;
    let isRuntimeReady = false;
    const { answersPerPoll } = this.options;
    const count = direct.poll(answersPerPoll);
    this.hasUnread = count === answersPerPoll;
    for (let index = 0; index < count; index++) {
      const place = direct.tokenAt(index);
      if (place >= 0) this.receive(this.connections[place]!, direct, direct.hasFailedAt(index));
      else isRuntimeReady = true;
    }
    this.flush();
    return isRuntimeReady;
  }

  create(index: number): C {
    const connection = this.make(index);
    this.connections[index] = connection;
    return connection;
  }

  tick(nowNs: number): void {
    this.opener.tick(nowNs);
    this.flush();
  }

  stopOpening(): void {
    this.opener.stop();
  }

  /** @cold */
  close(): void {
    this.opener.stop();
    for (const connection of this.connections) if (connection.socket !== null) this.retire(connection, false);
    if (this.tls !== null) this.tls.close();
    this.direct?.close();
  }

  discard(connection: C): void {
    this.retire(connection, false);
  }

  /** Whether a connection is one that is only kept open. */
  protected isIdle(connection: C): boolean {
    return connection.index >= this.options.connectionsCount;
  }

  /** Opens a connection for a place from the start, as soon as the limits allow. */
  protected openPlace(index: number): void {
    const connection = this.create(index);
    this.opener.pendingCount++;
    this.opener.enqueue(connection);
  }

  /** Opens the connections that are only kept open. */
  protected openIdle(): void {
    const { connectionsCount, idleCount } = this.options;
    for (let index = connectionsCount; index < connectionsCount + idleCount; index++) this.openPlace(index);
  }

  /** Writes bytes that stay valid during the call only, behind what waits already. */
  protected write(connection: C, bytes: Uint8Array, length: number): void {
    const { output } = connection;
    const written = output.start === output.end ? this.writeNow(connection, bytes, length) : 0;
    if (written === length) return;
    output.reserve(length - written);
    output.end = copyBytes(bytes, written, length, output.bytes, output.end);
    if (!connection.isWaitingToWrite) this.flushOutput(connection);
  }

  /** Writes what waits in a connection's output, as far as its socket takes it. */
  protected flushOutput(connection: C): void {
    const { output } = connection;
    if (connection.socket === null || connection.isReplaced) return;
    while (output.start < output.end) {
      const { bytes } = output;
      // Most rounds begin at zero, where the bytes lie as they are written.
      const rest = output.start === 0 ? bytes : restOf(bytes, output.start);
      const written = this.writeNow(connection, rest, output.end - output.start);
      if (written === 0) break;
      output.drain(written);
    }
    this.waitToWrite(connection, output.start < output.end);
  }

  /** Ends a connection without a word to anybody but the server. */
  protected retire(connection: C, isClean: boolean): void {
    const { socket, session, fd } = connection;
    connection.isReplaced = true;
    this.opener.ended(connection);
    connection.session = null;
    connection.fd = -1;
    if (session !== null) this.tls!.end(session, connection.isSecured, isClean);
    if (socket === null) return;
    if (fd >= 0) this.direct!.unwatch(fd);
    if (isClean) socket.end();
    else socket.terminate();
  }

  /** A connection that was never ready ended: another is tried in its place. */
  protected replaceUnready(connection: C, failure: Failure): void {
    this.opener.replace(connection, failure);
  }

  private onOpen(socket: Socket<C>): void {
    const connection = socket.data;
    if (!this.opener.accept(connection, socket)) return;
    this.takeOver(connection, socket);
    if (this.tls === null) this.begin(connection);
    else this.secure(connection, this.tls);
  }

  /** From here on this client reads the socket, not the runtime. */
  private takeOver(connection: C, socket: Socket<C>): void {
    const fd = this.direct === null ? -1 : descriptorOf(socket);
    if (fd < 0 || !this.direct!.watch(fd, connection.index)) return;
    socket.pause();
    connection.fd = fd;
  }

  private secure(connection: C, tls: TlsClient): void {
    connection.handshakeStartNs = this.clock.monotonicNs();
    connection.session = tls.start(connection.fd);
    this.shake(connection, tls);
  }

  /** Goes on with a handshake. */
  private shake(connection: C, tls: TlsClient): void {
    const { session } = connection;
    const state = tls.handshake(session!);
    if (state === Handshake.done) {
      connection.isSecured = true;
      this.waitToWrite(connection, false);
      const step = tls.wasResumed(session!) ? HistogramIndex.handshakeResumed : HistogramIndex.handshakeFull;
      this.events.stepped(step, this.clock.monotonicNs() - connection.handshakeStartNs);
      this.begin(connection);
    } else if (state === Handshake.wantsRead || state === Handshake.wantsWrite) {
      this.waitToWrite(connection, state === Handshake.wantsWrite);
    } else {
      if (this.problem === "") this.problem = explain(state, tls.reason);
      this.replaceUnready(connection, handshakeFailure(state));
    }
  }

  private receive(connection: C, direct: DirectSockets, hasFailed: boolean): void {
    // A connection that was replaced within this round of events has no socket yet.
    if (connection.fd < 0) return;
    if (this.tls !== null) {
      this.receiveSecured(connection, this.tls, direct);
      return;
    }
    if (connection.isWaitingToWrite) this.flushOutput(connection);
    const count = direct.receive(connection.fd, hasFailed);
    if (count > 0) this.onBytes(connection, direct.buffer, 0, count);
    else if (count !== Received.nothing) this.onEnd(connection, endFailure(count));
  }

  private receiveSecured(connection: C, tls: TlsClient, direct: DirectSockets): void {
    if (!connection.isSecured) {
      this.shake(connection, tls);
      // The server's first bytes may have come with the end of its handshake.
      if (!connection.isSecured || connection.session === null) return;
    } else if (connection.isWaitingToWrite) this.flushOutput(connection);
    // The library may have taken more than one record off the socket; a session that ends in between is null.
    for (let { session } = connection; session !== null; session = connection.session) {
      const count = tls.read(session, direct.buffer);
      if (count > 0) this.onBytes(connection, direct.buffer, 0, count);
      else if (count !== Received.nothing) this.onEnd(connection, endFailure(count));
      if (count <= 0 || connection.session === null || !tls.hasMore(connection.session)) return;
    }
  }

  /**
   * What the runtime has read: all there is where it owns the socket, and the rest of one that was reset where it does not.
   * Such a rest is an answer's over plain TCP, and records that the library never saw over TLS.
   */
  private onChunk(connection: C, chunk: Uint8Array): void {
    if (connection.isReplaced) return;
    if (connection.session === null) this.onBytes(connection, chunk, 0, chunk.length);
    else this.onEnd(connection, Failure.reset);
    this.flush();
  }

  private onSocketClosed(connection: C, error: unknown): void {
    if (connection.isReplaced || connection.socket === null) return;
    // The runtime closes a socket it does not read only when that has failed; an orderly end is read here first.
    const wasReset = connection.fd >= 0 || (error !== undefined && error !== null);
    this.onEnd(connection, wasReset ? Failure.reset : Failure.none);
  }

  /** The runtime also hands over what a handler throws: that is a bug of ours, and ends the process. @cold */
  private onError(connection: C, error: Error): void {
    if ("code" in error) {
      this.onSocketClosed(connection, error);
      return;
    }
    queueMicrotask(() => {
      throw error;
    });
  }

  /** Writes what the socket takes now; 0 where it takes none or has failed, which reading finds out. */
  private writeNow(connection: C, bytes: Uint8Array, length: number): number {
    if (connection.session !== null) return this.tls!.write(connection.session, bytes, length);
    if (connection.fd >= 0) return this.direct!.send(connection.fd, bytes, length);
    const written = connection.socket!.write(bytes, 0, length);
    return written < 0 ? 0 : written;
  }

  /** The runtime tells by itself when a socket it writes takes more. */
  private waitToWrite(connection: C, isWanted: boolean): void {
    if (connection.isWaitingToWrite === isWanted) return;
    connection.isWaitingToWrite = isWanted;
    if (connection.fd >= 0) this.direct!.watchWriting(connection.fd, connection.index, isWanted);
  }
}

function endFailure(received: number): Failure {
  if (received === Received.end) return Failure.none;
  return received === Received.reset ? Failure.reset : Failure.tlsFailed;
}

function handshakeFailure(state: Handshake): Failure {
  if (state === Handshake.untrusted) return Failure.tlsUntrusted;
  return state === Handshake.noProtocol ? Failure.noHttp2 : Failure.tlsFailed;
}

/** Why a handshake failed, for people. @cold */
function explain(state: Handshake, reason: string): string {
  if (state === Handshake.noProtocol) return say(messages.noHttp2);
  return say(state === Handshake.untrusted ? messages.untrusted : messages.handshakeFailed, { reason });
}

/** A view of what a socket did not take at once, which is rare. @cold */
function restOf(bytes: Uint8Array, start: number): Uint8Array {
  return bytes.subarray(start);
}
