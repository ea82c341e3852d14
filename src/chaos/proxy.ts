/**
 * The fault proxy: listens, calls the upstream for every connection, and lets the faults in force act on both directions.
 * Faults may change at any time and act on open connections at once.
 *
 * A TCP proxy in user space, after the model of Shopify's Toxiproxy: nothing needs privileges or changes the machine, and
 * several can stand side by side. The price: it disturbs connections, not packets, and costs about as much CPU as a plain
 * proxy, so it has no place in a measurement of speed.
 */
import { type Clock, randomSeed, say, systemClock, WeirError } from "../base/mod.ts";
import { type Address, formatAddress, type ListenAddress } from "../config/mod.ts";
import { type Fault, formatFault, parseFault } from "./fault.ts";
import { type ActiveFault, Link, type LinkOwner, type Side } from "./link.ts";
import { messages } from "./messages.ts";

export interface ProxyOptions {
  readonly listen: ListenAddress;
  readonly upstream: Address;
  /** Of everything random; drawn when absent, see `seed`. */
  readonly seed?: number;
  /** What one direction of one connection may hold. */
  readonly queueBytesMax?: number;
  readonly clock?: Clock;
}

export interface ProxySnapshot {
  readonly listen: string;
  readonly upstream: string;
  readonly seed: number;
  readonly faults: readonly { readonly name: string; readonly fault: string }[];
  readonly connections: { readonly open: number; readonly total: number; readonly reset: number };
  readonly bytes: { readonly up: number; readonly down: number; readonly lost: number; readonly waiting: number };
}

const queueBytesMaxDefault = 1024 * 1024;
/** More than anybody can keep in mind; a bound against a control client gone wrong. */
const faultsMax = 64;

export class FaultProxy implements LinkOwner {
  readonly clock: Clock;
  readonly queueBytesMax: number;
  readonly seed: number;
  private readonly options: ProxyOptions;
  private readonly listener: Bun.SocketListener<Side>;
  private readonly links = new Set<Link>();
  private active: ActiveFault[] = [];
  private totalCount = 0;
  private resetCount = 0;
  private endedBytes = { up: 0, down: 0, lost: 0 };

  constructor(options: ProxyOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.queueBytesMax = options.queueBytesMax ?? queueBytesMaxDefault;
    this.seed = options.seed ?? randomSeed();
    this.listener = this.open(options.listen);
  }

  /** Where it listens, with the port that port 0 became. */
  get address(): ListenAddress {
    const { listen } = this.options;
    return listen.kind === "unix" ? listen : { ...listen, port: this.port };
  }

  /** 0 on a Unix socket. */
  get port(): number {
    return "port" in this.listener ? (this.listener as { port: number }).port : 0;
  }

  /** Puts a fault in force, in the place of one of the same name. @param fault as `parseFault` reads it */
  set(name: string, fault: string | Fault): void {
    const parsed = typeof fault === "string" ? parseFault(fault) : fault;
    const others = this.active.filter((each) => each.name !== name);
    if (others.length >= faultsMax) {
      throw new WeirError("chaos.faults-max", say(messages.faultsMax, { count: faultsMax }), {
        hint: say(messages.faultsMaxHint),
      });
    }
    this.active = [...others, { name, fault: parsed, sinceMs: this.clock.monotonicMs() }];
    this.apply();
  }

  /** Ends one fault, or all. Returns the names of those that ended. */
  clear(name?: string): string[] {
    const ended = this.active.filter((each) => name === undefined || each.name === name).map((each) => each.name);
    if (name !== undefined && ended.length === 0) {
      throw new WeirError("chaos.no-such-fault", say(messages.noSuchFault, { name }), {
        hint: say(messages.noSuchFaultHint),
      });
    }
    this.active = this.active.filter((each) => !ended.includes(each.name));
    this.apply();
    return ended;
  }

  snapshot(): ProxySnapshot {
    const links = [...this.links];
    const sum = (of: (link: Link) => number): number => links.reduce((total, link) => total + of(link), 0);
    return {
      listen: formatAddress(this.address),
      upstream: formatAddress(this.options.upstream),
      seed: this.seed,
      faults: this.active.map(({ name, fault }) => ({ name, fault: formatFault(fault) })),
      connections: { open: links.length, total: this.totalCount, reset: this.resetCount },
      bytes: {
        up: this.endedBytes.up + sum((link) => link.up.passedBytes),
        down: this.endedBytes.down + sum((link) => link.down.passedBytes),
        lost: this.endedBytes.lost + sum((link) => link.up.lostBytes + link.down.lostBytes),
        waiting: sum((link) => link.up.waitingBytes + link.down.waitingBytes),
      },
    };
  }

  /** Closes the port and every connection, with resets. */
  stop(): void {
    this.listener.stop(true);
    for (const link of [...this.links]) link.destroy();
  }

  connectUpstream(side: Side): void {
    const { upstream } = this.options;
    const options = { allowHalfOpen: true, data: side, socket: handlers };
    const attempt =
      upstream.kind === "unix"
        ? Bun.connect<Side>({ ...options, unix: upstream.path })
        : Bun.connect<Side>({ ...options, hostname: upstream.host, port: upstream.port });
    // The handler of failed connections has been told already.
    attempt.catch(() => side.link.connectFailed());
  }

  ended(link: Link, wasReset: boolean): void {
    if (!this.links.delete(link)) return;
    if (wasReset) this.resetCount++;
    this.endedBytes.up += link.up.passedBytes;
    this.endedBytes.down += link.down.passedBytes;
    this.endedBytes.lost += link.up.lostBytes + link.down.lostBytes;
  }

  private apply(): void {
    for (const link of [...this.links]) link.use(this.active);
  }

  private open(listen: ListenAddress): Bun.SocketListener<Side> {
    const socket: Bun.SocketHandler<Side> = {
      ...handlers,
      open: (accepted) => {
        const link = new Link(this, this.totalCount++, this.seed);
        accepted.data = link.client;
        this.links.add(link);
        link.opened(link.client, accepted);
        link.use(this.active);
      },
    };
    try {
      return listen.kind === "unix"
        ? Bun.listen<Side>({ unix: listen.path, allowHalfOpen: true, socket })
        : Bun.listen<Side>({ hostname: listen.host, port: listen.port, allowHalfOpen: true, socket });
    } catch (error) {
      throw new WeirError("chaos.listen", say(messages.listenFailed, { address: formatAddress(listen) }), {
        hint: say(messages.listenFailedHint, { reason: (error as { code?: string }).code ?? String(error) }),
        cause: error,
      });
    }
  }
}

const handlers: Bun.SocketHandler<Side> = {
  open: (socket) => socket.data.link.opened(socket.data, socket),
  data: (socket, bytes) => socket.data.link.received(socket.data, bytes),
  drain: (socket) => socket.data.link.drained(socket.data),
  end: (socket) => socket.data.link.sentEnd(socket.data),
  close: (socket, error) => socket.data?.link.closed(socket.data, error !== undefined && error !== null),
  connectError: (socket) => socket.data.link.connectFailed(),
  error: (socket) => void socket.terminate(),
};
