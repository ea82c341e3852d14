/**
 * The C library's calls of the data path, past the runtime: one epoll set, one receive buffer, nothing allocated for a read or a
 * write. `errno` is read in the next call after the one that failed: nothing runs in between that could change it.
 *
 * An address is taken with `ptr` right before the call that uses it, so it cannot go stale. Linux on x86-64 and arm64 only;
 * constants are those of its headers. @hot
 */
import { ptr as addressOf, dlopen, FFIType, type Pointer, read } from "bun:ffi";
import { constants } from "node:os";

const { i32, u32, u64, ptr } = FFIType;

const { symbols: libc } = dlopen("libc.so.6", {
  __errno_location: { args: [], returns: ptr },
  epoll_create1: { args: [i32], returns: i32 },
  epoll_ctl: { args: [i32, i32, i32, ptr], returns: i32 },
  epoll_wait: { args: [i32, ptr, i32, i32], returns: i32 },
  accept4: { args: [i32, ptr, ptr, i32], returns: i32 },
  // What these two return fits 32 bits: at most the length they are given.
  recv: { args: [i32, ptr, u64, i32], returns: i32 },
  send: { args: [i32, ptr, u64, i32], returns: i32 },
  shutdown: { args: [i32, i32], returns: i32 },
  setsockopt: { args: [i32, i32, i32, ptr, u32], returns: i32 },
  close: { args: [i32], returns: i32 },
});

/** What epoll tells and is asked for (`man 2 epoll_ctl`): `ended` is EPOLLRDHUP, `changes` EPOLLET. */
export const Ready = { read: 1, write: 4, failed: 8, hungUp: 16, ended: 0x2000, changes: 0x80000000 | 0 } as const;

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SHUT_WR = 1;
const SOL_SOCKET = 1;
const SO_LINGER = 13;

/** One read brings this much at most: what a loopback segment carries, and what a connection may have in hand. */
export const RECEIVE_BYTES = 65_536;
/** Memory for what is received before it is handled. */
export const RECEIVED_BYTES = 4 * RECEIVE_BYTES;
/** How many ready descriptors one round handles. */
const EVENTS_MAX = 512;

/** `struct epoll_event` is packed on x86-64 only: 12 bytes there, 16 elsewhere. */
const isPacked = process.arch === "x64";
const eventInts = isPacked ? 3 : 4;
const dataInt = isPacked ? 1 : 2;

const change = new Int32Array(new ArrayBuffer(16));
const events = new Int32Array(new ArrayBuffer(EVENTS_MAX * eventInts * 4));
const resetOnClose = new Int32Array(new ArrayBuffer(8));
resetOnClose[0] = 1;
const peerAddress = new Uint8Array(new ArrayBuffer(128));
const peerAddressLength = new Int32Array(new ArrayBuffer(4));

/** What `receive` fills. */
export const received: Uint8Array = Buffer.from(new ArrayBuffer(RECEIVED_BYTES));
/** Memory of an ArrayBuffer that lives as long as the process stays where it is. */
const receivedAt = addressOf(received);

const errnoNames = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]));
const errnoAt = libc.__errno_location()!;

/** The name of the last call's error, such as ECONNRESET. Must be the next thing after the call that failed. @cold */
export function lastError(): string {
  const number = read.i32(errnoAt, 0);
  return errnoNames.get(number) ?? `errno ${number}`;
}

/** Whether the last call failed only because it would have had to wait, or was interrupted. */
export function wouldBlock(): boolean {
  const number = read.i32(errnoAt, 0);
  return number === constants.errno.EAGAIN || number === constants.errno.EINTR;
}

/** A new epoll set, or -1. @cold */
export function createPollSet(): number {
  return libc.epoll_create1(EPOLL_CLOEXEC);
}

/** Adds a descriptor with its interest and a mark that comes back with its events. Returns whether the kernel took it. */
export function pollAdd(set: number, fd: number, interest: number, mark: number): boolean {
  change[0] = interest;
  change[dataInt] = fd;
  change[dataInt + 1] = mark;
  return libc.epoll_ctl(set, EPOLL_CTL_ADD, fd, change) === 0;
}

export function pollModify(set: number, fd: number, interest: number, mark: number): void {
  change[0] = interest;
  change[dataInt] = fd;
  change[dataInt + 1] = mark;
  libc.epoll_ctl(set, EPOLL_CTL_MOD, fd, change);
}

export function pollRemove(set: number, fd: number): void {
  libc.epoll_ctl(set, EPOLL_CTL_DEL, fd, change);
}

/** Waits until something is ready, `timeoutMs` at the longest; returns how many are. */
export function pollWait(set: number, timeoutMs: number): number {
  return libc.epoll_wait(set, events, EVENTS_MAX, timeoutMs);
}

/** Of the ready descriptor at an index of the last `pollWait`: what it is ready for, its number, its mark. */
export function readyFor(index: number): number {
  return events[index * eventInts]!;
}

export function readyDescriptor(index: number): number {
  return events[index * eventInts + dataInt]!;
}

export function readyMark(index: number): number {
  return events[index * eventInts + dataInt + 1]!;
}

/** Receives into `received` from `offset` on: a number of bytes, 0 at the end of the stream, -1 with an error. */
export function receive(fd: number, offset: number): number {
  return libc.recv(fd, (receivedAt + offset) as Pointer, RECEIVE_BYTES, MSG_DONTWAIT);
}

/** Sends from `bytes[from, to)` what the kernel takes: a number of bytes, or -1 with an error. */
export function send(fd: number, bytes: Uint8Array, from: number, to: number): number {
  return libc.send(fd, (addressOf(bytes) + from) as Pointer, to - from, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/** `accept`: nobody waits, or who did is gone; and: this process or the machine has no descriptor left. */
export const NOBODY = -1;
export const NO_DESCRIPTOR = -2;

/** Accepts a connection from a listening socket: its descriptor, or one of the above. `peerHost` tells who it is. */
export function accept(fd: number): number {
  peerAddressLength[0] = peerAddress.length;
  const descriptor = libc.accept4(fd, peerAddress, peerAddressLength, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (descriptor >= 0) return descriptor;
  const number = read.i32(errnoAt, 0);
  const { EMFILE, ENFILE, ENOBUFS, ENOMEM } = constants.errno;
  return number === EMFILE || number === ENFILE || number === ENOBUFS || number === ENOMEM ? NO_DESCRIPTOR : NOBODY;
}

/** The IP address of the last accepted connection's peer as text, an empty string for a Unix socket. @cold once a connection */
export function peerHost(): string {
  const family = peerAddress[0]! | (peerAddress[1]! << 8);
  if (family === 2) return `${peerAddress[4]}.${peerAddress[5]}.${peerAddress[6]}.${peerAddress[7]}`;
  return family === 10 ? ipv6Text(peerAddress, 8) : "";
}

/** RFC 5952: lower case, the longest run of zero groups left out, an embedded IPv4 address in its own form. @cold */
function ipv6Text(bytes: Uint8Array, at: number): string {
  const groups = Array.from({ length: 8 }, (_, index) => (bytes[at + 2 * index]! << 8) | bytes[at + 2 * index + 1]!);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${bytes.subarray(at + 12, at + 16).join(".")}`;
  }
  let runFrom = 0;
  let runLength = 0;
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && groups[to] === 0) to++;
    if (to - from > runLength) [runFrom, runLength] = [from, to - from];
  }
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(":");
  if (runLength < 2) return text(groups);
  return `${text(groups.slice(0, runFrom))}::${text(groups.slice(runFrom + runLength))}`;
}

/** Ends the sending side. */
export function shutdownSending(fd: number): void {
  libc.shutdown(fd, SHUT_WR);
}

/** Closes a descriptor; what the kernel has taken is still delivered. */
export function closeSocket(fd: number): void {
  libc.close(fd);
}

/** Closes a descriptor with a reset: what the kernel has taken and not delivered is lost. */
export function resetSocket(fd: number): void {
  libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, resetOnClose, 8);
  libc.close(fd);
}
