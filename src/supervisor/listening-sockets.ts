/**
 * The sockets that clients connect to. They belong to the supervisor, never to a worker: whatever happens to workers, the
 * kernel goes on queueing connections for whoever listens on the same descriptors next.
 *
 *     listener, reusePort on       socket 0    socket 1    socket 2        one queue each; new connections are spread
 *        3 workers                 worker 0    worker 1    worker 2
 *        then 2 workers            worker 0    worker 1    worker 0        steered: none new for socket 2, the queued
 *                                                                          ones are accepted by worker 0
 *     Unix, or reusePort off       socket 0 by all workers
 *
 * "All workers" are the listener's own where it has some, else those that are nobody's own (`workersOf`).
 *
 * A socket is closed only when its listener is gone from the configuration. Changes are made in two steps: `open` adds what
 * a new configuration needs, and after its workers are ready `adopt` closes what it does not need; `giveUp` takes `open` back.
 */
import { statSync, unlinkSync } from "node:fs";
import { assert } from "../base/mod.ts";
import { type ListenerConfig, workersOf } from "../config/mod.ts";
import {
  closeDescriptor,
  formatSocketAddress,
  listenSocket,
  localAddress,
  openListeningSocket,
  type SocketAddress,
  steerReusePort,
  unsteerReusePort,
} from "../transport/mod.ts";

/** What `weir status` and the first lines of `weir serve` show of a listener. */
export interface OpenListener {
  readonly name: string;
  readonly address: string;
  /** Clients speak TLS here. */
  readonly isSecure: boolean;
  readonly socketsCount: number;
}

/** Which sockets each worker listens on, by worker. */
export type SocketPlan = readonly (readonly { readonly name: string; readonly descriptor: number }[])[];

interface Group {
  /** With the port that port 0 became. */
  readonly address: SocketAddress;
  readonly sockets: number[];
  /** The kernel gives new connections to this many of them, the first ones. */
  active: number;
  /** Of a Unix socket's file, so that another program's file is never removed. */
  readonly fileInode: number;
}

export class ListeningSockets {
  private groups = new Map<string, Group>();
  /** Sockets opened by `open` since the last `adopt`. */
  private fresh = new Set<number>();
  /** Changes with every socket that is opened or closed. */
  version = 0;

  /** Opens what these listeners need beside what is open. Throws `WeirError` `listener.*`, leaving nothing new behind. */
  open(listeners: readonly ListenerConfig[], workersCount: number): SocketPlan {
    assert(this.fresh.size === 0, "one change of listening sockets at a time");
    try {
      for (const listener of listeners) this.openGroup(listener, socketsWanted(listener, listeners, workersCount));
    } catch (error) {
      this.giveUp();
      throw error;
    }
    return this.plan(listeners, workersCount);
  }

  /** Closes what `open` added: its workers did not become ready. */
  giveUp(): void {
    for (const [key, group] of this.groups) {
      const kept = group.sockets.filter((socket) => !this.fresh.has(socket));
      if (kept.length === group.sockets.length) continue;
      for (const socket of group.sockets) if (this.fresh.has(socket)) this.closeOne(socket);
      group.sockets.splice(0, group.sockets.length, ...kept);
      if (kept.length === 0) this.forget(key, group);
      else steer(group, group.active);
    }
    this.fresh.clear();
  }

  /** Closes what these listeners do not need, and gives new connections only to sockets with a worker of their own. */
  adopt(listeners: readonly ListenerConfig[], workersCount: number): void {
    this.fresh.clear();
    const needed = new Set(listeners.map(keyOf));
    for (const [key, group] of this.groups) {
      if (needed.has(key)) continue;
      for (const socket of group.sockets) this.closeOne(socket);
      this.forget(key, group);
    }
    for (const listener of listeners) {
      steer(this.groupOf(listener), socketsWanted(listener, listeners, workersCount));
    }
  }

  /** Closes everything: from now on connections are refused once no worker listens either. */
  closeAll(): void {
    for (const [key, group] of this.groups) {
      for (const socket of group.sockets) this.closeOne(socket);
      this.forget(key, group);
    }
    this.fresh.clear();
  }

  describe(listeners: readonly ListenerConfig[]): OpenListener[] {
    return listeners.flatMap((listener) => {
      const group = this.groups.get(keyOf(listener));
      if (group === undefined) return [];
      const address = formatSocketAddress(group.address);
      return [{ name: listener.name, address, isSecure: listener.tls !== null, socketsCount: group.sockets.length }];
    });
  }

  private openGroup(listener: ListenerConfig, socketsCount: number): void {
    const key = keyOf(listener);
    let group = this.groups.get(key);
    if (group === undefined) {
      const first = this.openOne(listener.address, listener.backlog, !this.ownsPort(listener.address));
      const { address } = listener;
      const fileInode = address.kind === "unix" ? statSync(address.path).ino : 0;
      group = { address: localAddress(first), sockets: [first], active: 1, fileInode };
      this.groups.set(key, group);
    }
    for (const socket of group.sockets) listenSocket(socket, listener.backlog);
    const missing = socketsCount - group.sockets.length;
    // Nobody serves a new socket before its worker is ready: until then it gets no connection that giving up would lose.
    if (missing > 0) steer(group, group.active, group.sockets.length + missing);
    for (let i = 0; i < missing; i++) group.sockets.push(this.openOne(group.address, listener.backlog, false));
  }

  private openOne(address: SocketAddress, backlog: number, isFirst: boolean): number {
    const socket = openListeningSocket(address, { backlog, reusePort: address.kind === "ip", isFirst });
    this.fresh.add(socket);
    this.version++;
    return socket;
  }

  private closeOne(socket: number): void {
    closeDescriptor(socket);
    this.version++;
  }

  /** A listener that moves between 127.0.0.1:80 and 0.0.0.0:80 meets only our own socket on the port. */
  private ownsPort(address: SocketAddress): boolean {
    if (address.kind === "unix") return false;
    return [...this.groups.values()].some(
      (group) => group.address.kind === "ip" && group.address.port === address.port && address.port !== 0,
    );
  }

  private plan(listeners: readonly ListenerConfig[], workersCount: number): SocketPlan {
    return Array.from({ length: workersCount }, (_, worker) =>
      listeners.flatMap((listener) => {
        const { sockets } = this.groupOf(listener);
        const { first, count } = workersOf(listener, listeners, workersCount);
        if (worker < first || worker >= first + count) return [];
        const isCommon = socketsWanted(listener, listeners, workersCount) === 1;
        return sockets
          .filter((_, index) => isCommon || index % count === worker - first)
          .map((descriptor) => ({ name: listener.name, descriptor }));
      }),
    );
  }

  private groupOf(listener: ListenerConfig): Group {
    const group = this.groups.get(keyOf(listener));
    assert(group !== undefined, "the sockets of a listener are open");
    return group;
  }

  private forget(key: string, group: Group): void {
    this.groups.delete(key);
    const { address, fileInode } = group;
    if (address.kind !== "unix") return;
    if (statSync(address.path, { throwIfNoEntry: false })?.ino === fileInode) unlinkSync(address.path);
  }
}

/** Gives new connections to the first `active` sockets alone, of as many as there are or soon will be. */
function steer(group: Group, active: number, socketsCount = group.sockets.length): void {
  group.active = active;
  if (group.address.kind === "unix" || socketsCount === 1) return;
  if (active === socketsCount) unsteerReusePort(group.sockets[0]!);
  else
    steerReusePort(
      group.sockets[0]!,
      Array.from({ length: active }, (_, index) => index),
    );
}

function socketsWanted(listener: ListenerConfig, listeners: readonly ListenerConfig[], workersCount: number): number {
  const isOneEach = listener.address.kind === "ip" && listener.reusePort;
  return isOneEach ? workersOf(listener, listeners, workersCount).count : 1;
}

/** Listeners with port 0 are told apart by name, so that each keeps its port across reloads. */
function keyOf(listener: ListenerConfig): string {
  const { address } = listener;
  const text = formatSocketAddress(address);
  return address.kind === "ip" && address.port === 0 ? `${text} ${listener.name}` : text;
}
