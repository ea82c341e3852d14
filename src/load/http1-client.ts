/**
 * @hot
 * HTTP/1.1 over plain sockets, one exchange in flight per connection. Requests are written as they were rendered, with
 * TCP_NODELAY; answers are read in place by `Http1Reader`. Sockets are read and written past the runtime where that works
 * (`DirectSockets`); elsewhere the runtime hands over each chunk, in a Buffer that it allocates. Nothing else is allocated
 * per request. Connections are opened and reopened by `ConnectionOpener`.
 */
import type { Socket, SocketHandler } from "bun";
import { type Clock, copyBytes } from "../base/mod.ts";
import { ConnectionOpener, type ConnectionOwner, type OpenedConnection } from "./connections.ts";
import { type DirectSockets, Received } from "./direct-sockets.ts";
import { findEventLoop } from "./event-loop.ts";
import { Failure } from "./failures.ts";
import { Http1Reader, ReadResult } from "./http1-reader.ts";
import type { ClientEvents, ConnectOptions, ProtocolClient, RenderedRequest } from "./protocol-client.ts";

const noBytes = new Uint8Array(0);

const State = { down: 0, idle: 1, busy: 2, departing: 3 } as const;
type State = (typeof State)[keyof typeof State];

/** One connection and its slot. */
class Connection implements OpenedConnection {
  readonly slot: number;
  readonly reader = new Http1Reader();
  state: State = State.down;
  socket: Socket<OpenedConnection> | null = null;
  /** The socket's descriptor where this client reads and writes it directly. */
  fd = -1;
  connectStartNs = 0;
  notBeforeNs = 0;
  wasTried = false;
  isReplaced = false;
  /** What the socket did not take yet of a request, or the request that waits for a connection. */
  rest: Uint8Array = noBytes;
  restOffset = 0;
  restEnd = 0;

  constructor(slot: number) {
    this.slot = slot;
  }
}

export class Http1Client implements ProtocolClient, ConnectionOwner<Connection> {
  readonly slotsCount: number;
  readonly handlers: SocketHandler<Connection>;
  private readonly connections: Connection[] = [];
  private readonly opener: ConnectionOpener<Connection>;
  private readonly reusesConnections: boolean;
  private readonly events: ClientEvents;
  private readonly direct: DirectSockets | null;

  /** @param direct reads and writes the sockets past the runtime; null leaves that to the runtime */
  constructor(options: ConnectOptions, events: ClientEvents, clock: Clock, direct: DirectSockets | null) {
    this.direct = direct;
    this.slotsCount = options.connectionsCount;
    this.reusesConnections = options.reusesConnections;
    this.events = events;
    this.handlers = {
      open: (socket) => this.onOpen(socket),
      data: (socket, chunk) => this.onBytes(socket.data, chunk, 0, chunk.length),
      drain: (socket) => this.writeRest(socket.data),
      close: (socket, error) => this.onClose(socket.data, error),
      error: (socket, error) => this.onError(socket.data, error),
      connectError: (socket, error) => this.opener.failed(socket.data, error),
    };
    this.opener = new ConnectionOpener(options, events, clock, this);
  }

  get openCount(): number {
    return this.opener.openCount;
  }

  get pendingCount(): number {
    return this.opener.pendingCount;
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

  poll(): void {
    const { direct } = this;
    if (direct === null) return;
    const count = direct.poll();
    for (let index = 0; index < count; index++) {
      const slot = direct.tokenAt(index);
      if (slot >= 0) this.receive(this.connections[slot]!, direct, direct.hasFailedAt(index));
    }
  }

  open(): void {
    for (let slot = 0; slot < this.slotsCount; slot++) {
      const connection = this.create(slot);
      if (this.reusesConnections) {
        this.opener.pendingCount++;
        this.opener.enqueue(connection);
      } else {
        this.events.freed(slot);
      }
    }
  }

  create(slot: number): Connection {
    const connection = new Connection(slot);
    this.connections[slot] = connection;
    return connection;
  }

  tick(nowNs: number): void {
    this.opener.tick(nowNs);
  }

  stopOpening(): void {
    this.opener.stop();
  }

  /** @cold */
  close(): void {
    this.opener.stop();
    for (const connection of this.connections) {
      connection.isReplaced = true;
      if (connection.socket !== null) connection.socket.terminate();
    }
  }

  send(slot: number, request: RenderedRequest): void {
    const connection = this.connections[slot]!;
    connection.reader.begin(request.expectsNoBody, request.inspector);
    if (connection.state === State.idle) {
      connection.state = State.busy;
      const written =
        connection.fd >= 0
          ? this.direct!.send(connection.fd, request.bytes, request.length)
          : connection.socket!.write(request.bytes, 0, request.length);
      if (written < request.length) this.sendRest(connection, request, written < 0 ? 0 : written);
      return;
    }
    connection.state = State.departing;
    this.keepRest(connection, request, 0);
    this.opener.openNow(connection);
  }

  abandon(slot: number): void {
    const connection = this.connections[slot]!;
    const failure =
      connection.state === State.departing
        ? Failure.connectTimeout
        : connection.reader.answerBytes > 0
          ? Failure.slowAnswer
          : Failure.timeout;
    this.retire(connection, false);
    this.events.failed(slot, failure);
    this.reopen(this.create(slot));
  }

  opened(connection: Connection): void {
    if (connection.state === State.departing) {
      connection.state = State.busy;
      this.events.departed(connection.slot);
      this.writeRest(connection);
    } else {
      connection.state = State.idle;
      this.events.freed(connection.slot);
    }
  }

  notOpened(connection: Connection, failure: Failure): void {
    if (!this.reusesConnections) {
      connection.state = State.down;
      this.events.failed(connection.slot, failure);
      this.events.freed(connection.slot);
      return;
    }
    this.events.connectFailed(failure);
    this.opener.enqueue(connection);
  }

  private onOpen(socket: Socket<Connection>): void {
    const connection = socket.data;
    if (!this.opener.accept(connection, socket)) return;
    this.takeOver(connection, socket);
    this.opened(connection);
  }

  /** From here on this client reads the socket, not the runtime. */
  private takeOver(connection: Connection, socket: Socket<Connection>): void {
    const fd = this.direct === null ? -1 : descriptorOf(socket);
    if (fd < 0 || !this.direct!.watch(fd, connection.slot)) return;
    socket.pause();
    connection.fd = fd;
  }

  private receive(connection: Connection, direct: DirectSockets, hasFailed: boolean): void {
    // A connection that was replaced within this round of events has no socket yet.
    if (connection.fd < 0) return;
    const count = direct.receive(connection.fd, hasFailed);
    if (count > 0) this.onBytes(connection, direct.buffer, 0, count);
    else if (count === Received.end) this.onEnd(connection, false);
    else if (count === Received.reset) this.onEnd(connection, true);
  }

  private onBytes(connection: Connection, bytes: Uint8Array, start: number, end: number): void {
    if (connection.state !== State.busy) {
      // Bytes nobody asked for: the connection cannot be trusted with the next exchange.
      if (connection.state === State.idle) this.drop(connection, Failure.wrongLength);
      return;
    }
    const reader = connection.reader;
    const result = reader.feed(bytes, start, end);
    if (result === ReadResult.more) return;
    if (result === ReadResult.failed) {
      this.drop(connection, reader.failure);
      return;
    }
    this.complete(connection);
  }

  private complete(connection: Connection): void {
    const reader = connection.reader;
    const { slot } = connection;
    if (reader.keepsAlive && this.reusesConnections && connection.restEnd === 0) {
      connection.state = State.idle;
      this.events.answered(slot, reader.status, reader.answerBytes);
      this.events.freed(slot);
      return;
    }
    const { status, answerBytes } = reader;
    this.retire(connection, true);
    this.events.answered(slot, status, answerBytes);
    this.reopen(this.create(slot));
  }

  private onClose(connection: Connection, error: unknown): void {
    // The runtime closes a socket it does not read only when that has failed; an orderly end is read here first.
    this.onEnd(connection, connection.fd >= 0 || (error !== undefined && error !== null));
  }

  private onEnd(connection: Connection, wasReset: boolean): void {
    if (connection.isReplaced || connection.socket === null) return;
    if (connection.state !== State.busy) {
      this.drop(connection, Failure.none);
      return;
    }
    if (wasReset) {
      this.drop(connection, Failure.reset);
    } else if (connection.reader.finish() === ReadResult.complete) {
      this.complete(connection);
    } else {
      this.drop(connection, connection.reader.failure);
    }
  }

  /** The runtime also hands over what a handler throws: that is a bug of ours, and ends the process. @cold */
  private onError(connection: Connection, error: Error): void {
    if ("code" in error) {
      this.onClose(connection, error);
      return;
    }
    queueMicrotask(() => {
      throw error;
    });
  }

  /** Ends a connection that cannot go on; an exchange on it fails. */
  private drop(connection: Connection, failure: Failure): void {
    const { slot, state } = connection;
    this.retire(connection, false);
    if (state === State.busy) this.events.failed(slot, failure);
    else if (this.reusesConnections) this.events.lost(slot);
    this.reopen(this.create(slot));
  }

  private retire(connection: Connection, isClean: boolean): void {
    const socket = connection.socket;
    connection.isReplaced = true;
    connection.state = State.down;
    this.opener.ended(connection);
    if (connection.fd >= 0) this.direct!.unwatch(connection.fd);
    connection.fd = -1;
    if (socket === null) return;
    if (isClean) socket.end();
    else socket.terminate();
  }

  private reopen(connection: Connection): void {
    connection.wasTried = true;
    if (this.reusesConnections) this.opener.enqueue(connection);
    else this.events.freed(connection.slot);
  }

  private sendRest(connection: Connection, request: RenderedRequest, from: number): void {
    this.keepRest(connection, request, from);
    // The runtime tells when the socket takes more; it must have tried and been refused.
    if (connection.fd >= 0) this.writeRest(connection);
  }

  private keepRest(connection: Connection, request: RenderedRequest, from: number): void {
    const length = request.length - from;
    if (connection.rest.length < length) connection.rest = new Uint8Array(length);
    copyBytes(request.bytes, from, request.length, connection.rest, 0);
    connection.restOffset = 0;
    connection.restEnd = length;
  }

  private writeRest(connection: Connection): void {
    const length = connection.restEnd - connection.restOffset;
    if (length === 0 || connection.socket === null) return;
    const written = connection.socket.write(connection.rest, connection.restOffset, length);
    if (written > 0) connection.restOffset += written;
    if (connection.restOffset === connection.restEnd) {
      connection.restOffset = 0;
      connection.restEnd = 0;
    }
  }
}

function descriptorOf(socket: Socket<never> | Socket<OpenedConnection> | Socket<Connection>): number {
  // The runtime has it; its types do not.
  return (socket as unknown as { readonly fd: number }).fd;
}
