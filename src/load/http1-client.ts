/**
 * @hot
 * HTTP/1.1, one exchange in flight per connection: a slot is a connection. Requests are written as they were rendered, with
 * TCP_NODELAY; answers are read in place by `Http1Reader`. Nothing is allocated per request beyond what the runtime does.
 */
import { copyBytes } from "../base/mod.ts";
import { Failure } from "./failures.ts";
import { Http1Reader, ReadResult } from "./http1-reader.ts";
import type { ConnectOptions, RenderedRequest } from "./protocol-client.ts";
import { type SocketAccess, SocketClient, SocketConnection } from "./socket-client.ts";

const State = { down: 0, idle: 1, busy: 2, departing: 3 } as const;
type State = (typeof State)[keyof typeof State];

/** One connection and its slot. */
class Http1Connection extends SocketConnection {
  readonly reader = new Http1Reader();
  state: State = State.down;
}

export class Http1Client extends SocketClient<Http1Connection> {
  readonly slotsCount: number;

  constructor(options: ConnectOptions, access: SocketAccess) {
    super(options, access);
    this.slotsCount = options.connectionsCount;
  }

  open(): void {
    const { reusesConnections } = this.options;
    for (let slot = 0; slot < this.slotsCount; slot++) {
      if (reusesConnections) {
        this.openPlace(slot);
      } else {
        this.create(slot);
        this.events.freed(slot);
      }
    }
    this.openIdle();
  }

  send(slot: number, request: RenderedRequest): void {
    const connection = this.connections[slot]!;
    connection.reader.begin(request.expectsNoBody, request.inspector);
    if (connection.state === State.idle) {
      connection.state = State.busy;
      this.write(connection, request.bytes, request.length);
      return;
    }
    connection.state = State.departing;
    const { output } = connection;
    output.reserve(request.length);
    output.end = copyBytes(request.bytes, 0, request.length, output.bytes, output.end);
    this.opener.openNow(connection);
  }

  /** Requests are written as they are sent. */
  flush(): void {}

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
    this.reopen(connection);
  }

  notOpened(connection: Http1Connection, failure: Failure): void {
    if (!this.keeps(connection)) {
      connection.state = State.down;
      // The request that waited for it goes with it.
      connection.output.drain(connection.output.pendingBytes);
      this.events.failed(connection.index, failure);
      this.events.freed(connection.index);
      return;
    }
    this.events.connectFailed(failure);
    this.opener.enqueue(connection);
  }

  protected make(index: number): Http1Connection {
    return new Http1Connection(index);
  }

  protected begin(connection: Http1Connection): void {
    this.opener.ready(connection);
    if (connection.state === State.departing) {
      connection.state = State.busy;
      this.events.departed(connection.index);
      this.flushOutput(connection);
    } else {
      connection.state = State.idle;
      if (!this.isIdle(connection)) this.events.freed(connection.index);
    }
  }

  protected onBytes(connection: Http1Connection, bytes: Uint8Array, start: number, end: number): void {
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

  protected onEnd(connection: Http1Connection, failure: Failure): void {
    if (!connection.isReady) {
      this.replaceUnready(connection, failure === Failure.none ? Failure.closedUnanswered : failure);
    } else if (connection.state !== State.busy) {
      this.drop(connection, Failure.idleClosed);
    } else if (failure !== Failure.none) {
      this.drop(connection, failure);
    } else if (connection.reader.finish() === ReadResult.complete) {
      this.complete(connection);
    } else {
      this.drop(connection, connection.reader.failure);
    }
  }

  private keeps(connection: Http1Connection): boolean {
    return this.options.reusesConnections || this.isIdle(connection);
  }

  private complete(connection: Http1Connection): void {
    const reader = connection.reader;
    const slot = connection.index;
    if (reader.keepsAlive && this.options.reusesConnections && connection.output.pendingBytes === 0) {
      connection.state = State.idle;
      this.events.answered(slot, reader.status, reader.answerBytes);
      this.events.freed(slot);
      return;
    }
    const { status, answerBytes } = reader;
    this.retire(connection, true);
    this.events.answered(slot, status, answerBytes);
    this.reopen(connection);
  }

  /** Ends a connection that cannot go on; an exchange on it fails. */
  private drop(connection: Http1Connection, failure: Failure): void {
    const { index, state } = connection;
    this.retire(connection, false);
    if (this.isIdle(connection)) this.events.noted(failure);
    else if (state === State.busy) this.events.failed(index, failure);
    else if (this.options.reusesConnections) this.events.lost(index);
    this.reopen(connection);
  }

  /** Puts a new connection in the place of one that ended. */
  private reopen({ index }: Http1Connection): void {
    const connection = this.create(index);
    connection.wasTried = true;
    if (this.keeps(connection)) this.opener.enqueue(connection);
    else this.events.freed(index);
  }
}
