/**
 * Opens the sockets that clients connect to, before any worker runs, and says clearly why one cannot be opened.
 *
 * The kernel lets two programs of one user share a port with SO_REUSEPORT, each getting half of the connections. That is
 * wanted among the workers of one gateway and never between two gateways, so the first socket of an address is preceded by
 * a bind without the option, which fails where anybody listens already. Limits: a program that binds in the same
 * millisecond can slip through; on a Unix path the file decides and nothing can.
 */
import { lstatSync, readFileSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { type Message, say, WeirError } from "../base/mod.ts";
import {
  bindSocket,
  closeDescriptor,
  connectSocket,
  listenSocket,
  openSocket,
  type SocketAddress,
  SocketOption,
  SystemCallError,
  setSocketOption,
} from "./libc.ts";
import { messages } from "./messages.ts";
import { findHolder } from "./socket-holder.ts";

export interface ListenOptions {
  /** Connections the kernel holds until they are accepted; it cuts the number to net.core.somaxconn. */
  readonly backlog: number;
  /** Several sockets share the address, one per worker (SO_REUSEPORT). */
  readonly reusePort: boolean;
  /** This process has a socket of the address already; another may join it. */
  readonly isFirst: boolean;
  /** Access to a Unix socket's file, e.g. 0o600; left out, as the process's mask says. */
  readonly mode?: number;
}

/** As it is written in a configuration. */
export function formatSocketAddress(address: SocketAddress): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** A listening socket's descriptor. Connections queue on it from now on. Throws `WeirError` `listener.*`. */
export function openListeningSocket(address: SocketAddress, options: ListenOptions): number {
  let descriptor = -1;
  try {
    if (address.kind === "unix") removeStaleSocket(address);
    else if (options.isFirst && options.reusePort) probe(address);
    descriptor = openSocket(address);
    prepare(descriptor, address, options.reusePort);
    bindWithMode(descriptor, address, options.mode);
    listenSocket(descriptor, options.backlog);
    return descriptor;
  } catch (error) {
    if (descriptor >= 0) closeDescriptor(descriptor);
    throw error instanceof SystemCallError ? explain(error, address) : error;
  }
}

/** Whether the address could be listened on now. */
export function isFree(address: SocketAddress): boolean {
  try {
    probeAddress(address);
    return true;
  } catch (error) {
    if (error instanceof WeirError) return false;
    throw error;
  }
}

/** Throws the same errors when the address could not be listened on now; for servers that open their socket themselves. */
export function probeAddress(address: SocketAddress): void {
  try {
    if (address.kind === "unix") removeStaleSocket(address);
    else probe(address);
  } catch (error) {
    throw error instanceof SystemCallError ? explain(error, address) : error;
  }
}

function prepare(descriptor: number, address: SocketAddress, reusePort: boolean): void {
  if (address.kind === "unix") return;
  setSocketOption(descriptor, SocketOption.reuseAddress, 1);
  if (reusePort) setSocketOption(descriptor, SocketOption.reusePort, 1);
  // `[::]` is IPv6 alone on every system, whatever net.ipv6.bindv6only says, so that it can stand beside 0.0.0.0.
  if (address.host.includes(":")) setSocketOption(descriptor, SocketOption.ipv6Only, 1);
}

function probe(address: SocketAddress): void {
  const descriptor = openSocket(address);
  try {
    prepare(descriptor, address, false);
    bindSocket(descriptor, address);
  } finally {
    closeDescriptor(descriptor);
  }
}

function bindWithMode(descriptor: number, address: SocketAddress, mode: number | undefined): void {
  if (address.kind !== "unix" || mode === undefined) {
    bindSocket(descriptor, address);
    return;
  }
  // The mask, not a later chmod: the file must never exist with wider access.
  const mask = process.umask(0o777 & ~mode);
  try {
    bindSocket(descriptor, address);
  } finally {
    process.umask(mask);
  }
}

/** A file left by a process that was killed is removed; anything else in the way is an error. */
function removeStaleSocket(address: SocketAddress & { kind: "unix" }): void {
  const found = lstatSync(address.path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    const values = { address: formatSocketAddress(address) };
    throw new WeirError("listener.not-a-socket", say(messages.notASocket, values), {
      hint: say(messages.notASocketHint),
    });
  }
  if (isAnswering(address.path)) throw new SystemCallError("bind", "EADDRINUSE");
  unlinkSync(address.path);
}

/** Whether anybody listens on the path: a full queue counts as an answer. */
export function isAnswering(path: string): boolean {
  const address = { kind: "unix", path } as const;
  const descriptor = openSocket(address);
  try {
    connectSocket(descriptor, address);
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && ["ECONNREFUSED", "ENOENT"].includes(error.errno)) return false;
    return true;
  } finally {
    closeDescriptor(descriptor);
  }
}

function explain(error: SystemCallError, address: SocketAddress): WeirError {
  const text = formatSocketAddress(address);
  const make = (code: string, message: Message, hint: string, more: Record<string, string | number> = {}): WeirError =>
    new WeirError(code, say(message, { address: text, ...more }), { hint, cause: error });
  switch (error.errno) {
    case "EADDRINUSE": {
      const found = findHolder(address);
      const holder = found === null ? "" : say(messages.holder, { pid: found.pid, command: found.command });
      return make("listener.address-in-use", messages.addressInUse, say(messages.addressInUseHint), { holder });
    }
    case "EACCES":
    case "EPERM":
      return make("listener.not-permitted", messages.notPermitted, permissionHint(address));
    case "EADDRNOTAVAIL":
      return make("listener.no-such-address", messages.noSuchAddress, say(messages.noSuchAddressHint));
    case "EAFNOSUPPORT":
      return make("listener.no-ipv6", messages.noFamily, say(messages.noFamilyHint));
    case "ENOENT":
    case "ENOTDIR":
      return make("listener.no-folder", messages.noFolder, say(messages.notPermittedPathHint));
    case "EMFILE":
    case "ENFILE":
      return make("listener.no-descriptor", messages.tooManyDescriptors, say(messages.tooManyDescriptorsHint));
    default:
      return make("listener.failed", messages.listenFailed, "", { reason: error.message });
  }
}

function permissionHint(address: SocketAddress): string {
  if (address.kind === "unix") return say(messages.notPermittedPathHint, { folder: dirname(address.path) });
  const first = readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8").trim();
  return say(messages.notPermittedPortHint, { first });
}
