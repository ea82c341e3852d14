/**
 * Opens the connections of one client process and keeps them open: at most `connectPerSecond` a second and 512 attempts at
 * a time (so that a listener's queue is not flooded), and 100 ms after a failure (so that a dead server is not hammered).
 * What is said over a connection is the protocol client's business.
 */
import type { Socket, SocketHandler, TCPSocketConnectOptions } from "bun";
import type { Clock } from "../base/mod.ts";
import { Failure } from "./failures.ts";
import type { ClientEvents, ConnectOptions } from "./protocol-client.ts";
import { HistogramIndex } from "./recorder.ts";

const connectingMax = 512;
const retryAfterNs = 100_000_000;

/** What the opener needs to know of a connection. */
export interface OpenedConnection {
  /** Its place among the process's connections, which the next connection in this place takes over. */
  readonly index: number;
  socket: Socket<OpenedConnection> | null;
  connectStartNs: number;
  notBeforeNs: number;
  wasTried: boolean;
  /** Everything that must come before the first exchange is done: TLS, and what the protocol begins with. */
  isReady: boolean;
  /** The attempt was given up; whatever comes of it is closed at once. */
  isReplaced: boolean;
}

export interface ConnectionOwner<C extends OpenedConnection> {
  readonly handlers: SocketHandler<C>;
  /** A connection for the place, instead of any before. */
  create(index: number): C;
  notOpened(connection: C, failure: Failure): void;
  /** Ends a connection that another has replaced. */
  discard(connection: C): void;
}

export class ConnectionOpener<C extends OpenedConnection> {
  openCount = 0;
  pendingCount = 0;
  private readonly connecting = new Set<C>();
  private readonly queue: C[] = [];
  private mayOpen = true;
  private budget = 1;
  private lastTickNs = -1;
  private sourceIndex = 0;
  private readonly options: ConnectOptions;
  private readonly events: ClientEvents;
  private readonly clock: Clock;
  private readonly owner: ConnectionOwner<C>;

  constructor(options: ConnectOptions, events: ClientEvents, clock: Clock, owner: ConnectionOwner<C>) {
    this.options = options;
    this.events = events;
    this.clock = clock;
    this.owner = owner;
  }

  /** Opens the connection as soon as the limits allow, which may be now. */
  enqueue(connection: C): void {
    if (!this.mayOpen) return;
    if (this.queue.length === 0 && this.hasRoom() && connection.notBeforeNs <= this.clock.monotonicNs()) {
      this.budget -= 1;
      this.openNow(connection);
    } else {
      this.queue.push(connection);
    }
  }

  /** Opens a connection now, whatever the queue. */
  openNow(connection: C): void {
    connection.connectStartNs = this.clock.monotonicNs();
    this.connecting.add(connection);
    const { host, port, sourceAddresses } = this.options;
    const connectOptions: TCPSocketConnectOptions<C> & { localAddress?: string } = {
      hostname: host,
      port,
      data: connection,
      socket: this.owner.handlers,
    };
    if (sourceAddresses.length > 0) {
      connectOptions.localAddress = sourceAddresses[this.sourceIndex % sourceAddresses.length]!;
      this.sourceIndex++;
    }
    // A failure is told twice: to `connectError`, where it is handled, and here.
    Bun.connect<C>(connectOptions).catch((error: unknown) => this.failed(connection, error));
  }

  /** For the socket's `open` handler: false when nobody waits for this connection any more. */
  accept(connection: C, socket: Socket<C>): boolean {
    if (connection.isReplaced) {
      this.connecting.delete(connection);
      socket.terminate();
      return false;
    }
    socket.setNoDelay(true);
    connection.socket = socket as unknown as Socket<OpenedConnection>;
    this.events.stepped(HistogramIndex.connect, this.clock.monotonicNs() - connection.connectStartNs);
    return true;
  }

  /** The connection can carry exchanges from now on; until then the limit on the time to connect holds. */
  ready(connection: C): void {
    this.connecting.delete(connection);
    this.noteTried(connection);
    connection.isReady = true;
    this.openCount++;
  }

  /** A connection's socket ended. */
  ended(connection: C): void {
    if (connection.socket === null) return;
    connection.socket = null;
    if (connection.isReady) this.openCount--;
    else this.connecting.delete(connection);
  }

  /** The socket's `connectError`, or a rejected attempt. */
  failed(connection: C, error: unknown): void {
    if (!this.connecting.delete(connection) || connection.isReplaced) return;
    this.giveUp(connection, connectFailure(error));
  }

  /** An attempt came to nothing: the connection, which may be a new one in its place, is tried again in a while. */
  giveUp(connection: C, failure: Failure): void {
    this.noteTried(connection);
    connection.notBeforeNs = this.clock.monotonicNs() + retryAfterNs;
    this.owner.notOpened(connection, failure);
  }

  tick(nowNs: number): void {
    const elapsedNs = this.lastTickNs < 0 ? 0 : nowNs - this.lastTickNs;
    this.lastTickNs = nowNs;
    const perSecond = this.options.connectPerSecond;
    // At most 50 ms worth at once, so that a stall is not followed by a flood.
    this.budget = Math.min(this.budget + (elapsedNs / 1e9) * perSecond, Math.max(1, perSecond / 20));
    this.giveUpLate(nowNs);
    let waiting = this.queue.length;
    while (waiting-- > 0 && this.hasRoom()) {
      const connection = this.queue.shift()!;
      if (connection.notBeforeNs > nowNs) {
        this.queue.push(connection);
        continue;
      }
      this.budget -= 1;
      this.openNow(connection);
    }
  }

  stop(): void {
    this.mayOpen = false;
    this.queue.length = 0;
  }

  private hasRoom(): boolean {
    return this.budget >= 1 && this.connecting.size < connectingMax;
  }

  private noteTried(connection: C): void {
    if (connection.wasTried) return;
    connection.wasTried = true;
    this.pendingCount--;
  }

  private giveUpLate(nowNs: number): void {
    const timeoutNs = this.options.connectTimeoutMs * 1e6;
    for (const connection of this.connecting) {
      // Attempts are kept in the order they began.
      if (nowNs - connection.connectStartNs < timeoutNs) break;
      this.replace(connection, Failure.connectTimeout);
    }
  }

  /** Gives up a connection that is not ready, and puts another in its place. */
  replace(connection: C, failure: Failure): void {
    this.connecting.delete(connection);
    if (connection.isReplaced) return;
    const { wasTried } = connection;
    this.owner.discard(connection);
    const next = this.owner.create(connection.index);
    next.wasTried = wasTried;
    this.giveUp(next, failure);
  }
}

function connectFailure(error: unknown): Failure {
  const code = (error as { code?: unknown }).code;
  if (code === "ECONNREFUSED") return Failure.connectRefused;
  if (code === "ETIMEDOUT") return Failure.connectTimeout;
  if (code === "EADDRNOTAVAIL" || code === "EADDRINUSE") return Failure.noLocalPort;
  if (code === "ECONNRESET") return Failure.reset;
  return Failure.connectFailed;
}
