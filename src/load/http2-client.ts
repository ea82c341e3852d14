/**
 * @hot
 * HTTP/2, over TLS by ALPN or in the clear by prior knowledge: a slot is a stream of a connection, `streams` of them on each. What
 * is sent in one round is written together. A connection that the server takes leave of ends when its exchanges have, and
 * another is opened in its place; streams beyond what the server allows stay unused, and the result says so.
 */
import { say } from "../base/mod.ts";
import { Failure } from "./failures.ts";
import { Http2Scratch, type Http2SessionEvents } from "./http2-events.ts";
import type { Http2Request } from "./http2-request.ts";
import { Http2Session } from "./http2-session.ts";
import { messages } from "./messages.ts";
import type { ConnectOptions, RenderedRequest } from "./protocol-client.ts";
import { type SocketAccess, SocketClient, SocketConnection } from "./socket-client.ts";

/** What a seat is to the engine: not there, free, or busy. */
const Seat = { down: 0, free: 1, busy: 2 } as const;

class Http2Connection extends SocketConnection {
  readonly http2: Http2Session;
  readonly seats: Uint8Array;
  /** A request was written before the connection was there: one connection per request. */
  isDeparting = false;
  isDirty = false;

  constructor(index: number, streams: number, scratch: Http2Scratch, events: Http2SessionEvents) {
    super(index);
    this.http2 = new Http2Session(index, streams, this.output, scratch, events);
    this.seats = new Uint8Array(streams);
  }
}

export class Http2Client extends SocketClient<Http2Connection> implements Http2SessionEvents {
  readonly slotsCount: number;
  private readonly streams: number;
  private readonly scratch = new Http2Scratch();
  /** Connections with frames to be written at the end of the round. */
  private readonly dirty: Http2Connection[] = [];
  private dirtyCount = 0;

  constructor(options: ConnectOptions, access: SocketAccess) {
    super(options, access);
    this.streams = options.streamsPerConnection;
    this.slotsCount = options.connectionsCount * this.streams;
  }

  open(): void {
    const { connectionsCount, reusesConnections } = this.options;
    for (let index = 0; index < connectionsCount; index++) {
      if (reusesConnections) this.openPlace(index);
      else {
        this.create(index);
        this.events.freed(index);
      }
    }
    this.openIdle();
  }

  send(slot: number, request: RenderedRequest): void {
    const connection = this.connectionOf(slot);
    const seat = slot % this.streams;
    connection.seats[seat] = Seat.busy;
    const isOpen = connection.isReady;
    if (!isOpen) connection.http2.begin();
    // The sources of this protocol's requests are made beside it.
    connection.http2.request(seat, request as Http2Request);
    if (isOpen) this.markDirty(connection);
    else {
      connection.isDeparting = true;
      this.opener.openNow(connection);
    }
  }

  flush(): void {
    for (let index = 0; index < this.dirtyCount; index++) {
      const connection = this.dirty[index]!;
      connection.isDirty = false;
      if (!connection.isReplaced) this.flushOutput(connection);
    }
    this.dirtyCount = 0;
  }

  abandon(slot: number): void {
    const connection = this.connectionOf(slot);
    const { http2 } = connection;
    const seat = slot % this.streams;
    if (!connection.isReady) {
      this.retire(connection, false);
      this.events.failed(slot, Failure.connectTimeout);
      this.reopen(connection);
      return;
    }
    const failure = http2.hasBegun(seat) ? Failure.slowAnswer : Failure.timeout;
    // A server from which nothing came at all may be gone: its connection is not used again.
    const isSilent = !http2.wasHeardSince(seat);
    http2.cancel(seat);
    this.markDirty(connection);
    this.onFailed(http2, seat, failure);
    if (isSilent) http2.leave();
  }

  notOpened(connection: Http2Connection, failure: Failure): void {
    if (this.keeps(connection)) {
      this.events.connectFailed(failure);
      this.opener.enqueue(connection);
      return;
    }
    // One connection per request: what was written for it is lost with it.
    connection.isReplaced = true;
    const { index } = this.create(connection.index);
    this.events.failed(index, failure);
    this.events.freed(index);
  }

  onReady(http2: Http2Session): void {
    const connection = this.connections[http2.index]!;
    this.opener.ready(connection);
    this.markDirty(connection);
    if (connection.isDeparting || this.isIdle(connection)) return;
    this.noteAllowed(http2.streamsAllowed);
    this.freeSeats(connection);
  }

  onStreamsAllowed(http2: Http2Session): void {
    const connection = this.connections[http2.index]!;
    if (connection.isDeparting || this.isIdle(connection)) return;
    this.noteAllowed(http2.streamsAllowed);
    for (let seat = 0; seat < this.streams; seat++) {
      if (seat < http2.streamsAllowed || connection.seats[seat] !== Seat.free) continue;
      connection.seats[seat] = Seat.down;
      this.events.lost(this.slotOf(connection, seat));
    }
    this.freeSeats(connection);
  }

  onAnswer(http2: Http2Session, seat: number, status: number, receivedBytes: number): void {
    const connection = this.connections[http2.index]!;
    const slot = this.slotOf(connection, seat);
    connection.seats[seat] = Seat.down;
    if (!this.options.reusesConnections) {
      http2.stop();
      this.retire(connection, true);
      this.events.answered(slot, status, receivedBytes);
      this.reopen(connection);
      return;
    }
    this.events.answered(slot, status, receivedBytes);
    this.afterExchange(connection, seat);
  }

  onFailed(http2: Http2Session, seat: number, failure: Failure): void {
    const connection = this.connections[http2.index]!;
    connection.seats[seat] = Seat.down;
    if (!this.options.reusesConnections) {
      http2.stop();
      this.retire(connection, false);
      this.events.failed(this.slotOf(connection, seat), failure);
      this.reopen(connection);
      return;
    }
    this.events.failed(this.slotOf(connection, seat), failure);
    this.afterExchange(connection, seat);
  }

  onLeaving(http2: Http2Session): void {
    const connection = this.connections[http2.index]!;
    for (let seat = 0; seat < this.streams; seat++) {
      if (connection.seats[seat] !== Seat.free) continue;
      connection.seats[seat] = Seat.down;
      this.events.lost(this.slotOf(connection, seat));
    }
    if (http2.busyCount === 0) this.end(connection, Failure.none);
  }

  onBroken(http2: Http2Session, failure: Failure): void {
    const connection = this.connections[http2.index]!;
    if (failure === Failure.noHttp2 && this.problem === "") this.problem = say(messages.noHttp2);
    this.flushOutput(connection);
    this.end(connection, failure);
  }

  protected make(index: number): Http2Connection {
    return new Http2Connection(index, this.streams, this.scratch, this);
  }

  protected begin(connection: Http2Connection): void {
    if (connection.isDeparting) this.events.departed(connection.index);
    else connection.http2.begin();
    this.flushOutput(connection);
  }

  protected onBytes(connection: Http2Connection, bytes: Uint8Array, start: number, end: number): void {
    connection.http2.receive(bytes, start, end);
    if (!connection.isReplaced) this.markDirty(connection);
  }

  protected onEnd(connection: Http2Connection, failure: Failure): void {
    this.end(connection, failure);
  }

  /** Ends a connection with all that is on it, and opens another in its place. */
  private end(connection: Http2Connection, failure: Failure): void {
    if (connection.isReplaced) return;
    const { http2 } = connection;
    http2.stop();
    if (!connection.isReady) {
      this.replaceUnready(connection, failure === Failure.none ? Failure.closedUnanswered : failure);
      return;
    }
    if (this.isIdle(connection)) this.events.noted(failure === Failure.protocolError ? failure : Failure.idleClosed);
    this.retire(connection, failure === Failure.none);
    for (let seat = 0; seat < this.streams; seat++) {
      const was = connection.seats[seat];
      connection.seats[seat] = Seat.down;
      if (was === Seat.busy) this.events.failed(this.slotOf(connection, seat), http2.endFailure(seat, failure));
      else if (was === Seat.free) this.events.lost(this.slotOf(connection, seat));
    }
    this.reopen(connection);
  }

  /** A seat is free again, unless its connection is about to end. */
  private afterExchange(connection: Http2Connection, seat: number): void {
    const { http2 } = connection;
    if (http2.isLeaving) {
      if (http2.busyCount === 0) this.end(connection, Failure.none);
    } else if (seat < http2.streamsAllowed) {
      connection.seats[seat] = Seat.free;
      this.events.freed(this.slotOf(connection, seat));
    }
  }

  private freeSeats(connection: Http2Connection): void {
    const { http2, seats } = connection;
    for (let seat = 0; seat < this.streams && seat < http2.streamsAllowed; seat++) {
      if (seats[seat] !== Seat.down || http2.isLeaving) continue;
      seats[seat] = Seat.free;
      this.events.freed(this.slotOf(connection, seat));
    }
  }

  /** Once a connection. @cold */
  private noteAllowed(allowed: number): void {
    if (allowed >= this.streams || this.problem !== "") return;
    this.problem = say(messages.fewStreams, { allowed, asked: this.streams });
  }

  /** Puts a new connection in the place of one that ended. */
  private reopen({ index }: Http2Connection): void {
    const connection = this.create(index);
    connection.wasTried = true;
    if (this.keeps(connection)) this.opener.enqueue(connection);
    else this.events.freed(index);
  }

  private keeps(connection: Http2Connection): boolean {
    return this.options.reusesConnections || this.isIdle(connection);
  }

  private markDirty(connection: Http2Connection): void {
    if (connection.isDirty) return;
    connection.isDirty = true;
    this.dirty[this.dirtyCount++] = connection;
  }

  private connectionOf(slot: number): Http2Connection {
    return this.connections[Math.floor(slot / this.streams)]!;
  }

  private slotOf(connection: Http2Connection, seat: number): number {
    return connection.index * this.streams + seat;
  }
}
