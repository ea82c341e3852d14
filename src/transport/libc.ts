/**
 * The C library's socket and process calls that the runtime does not offer: listening sockets that nobody accepts on
 * until a worker inherits them, socket options, processor affinity, descriptor limits.
 *
 * Every result is checked at once and `errno` read in the next call: nothing runs in between that could change it. Scratch
 * memory is views of one long-lived ArrayBuffer, because the address of a small typed array goes stale when the engine
 * moves it. Linux on x86-64 and arm64 only; constants are those of their kernel headers.
 */
import { ptr as addressOf, dlopen, FFIType, read } from "bun:ffi";
import { readdirSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { assert } from "../base/mod.ts";

const { i32, u32, u64, i64, ptr } = FFIType;

const libc = dlopen("libc.so.6", {
  __errno_location: { args: [], returns: ptr },
  socket: { args: [i32, i32, i32], returns: i32 },
  bind: { args: [i32, ptr, u32], returns: i32 },
  connect: { args: [i32, ptr, u32], returns: i32 },
  listen: { args: [i32, i32], returns: i32 },
  close: { args: [i32], returns: i32 },
  fcntl: { args: [i32, i32, i64], returns: i32 },
  setsockopt: { args: [i32, i32, i32, ptr, u32], returns: i32 },
  getsockopt: { args: [i32, i32, i32, ptr, ptr], returns: i32 },
  getsockname: { args: [i32, ptr, ptr], returns: i32 },
  inet_pton: { args: [i32, ptr, ptr], returns: i32 },
  inet_ntop: { args: [i32, ptr, ptr, u32], returns: ptr },
  sched_setaffinity: { args: [i32, u64, ptr], returns: i32 },
  getrlimit: { args: [i32, ptr], returns: i32 },
  setrlimit: { args: [i32, ptr], returns: i32 },
}).symbols;

/** Where a socket listens: the parsed form of a listener's address. */
export type SocketAddress =
  | { readonly kind: "ip"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** Socket families, types and flags of Linux. */
const AF = { unix: 1, inet: 2, inet6: 10 } as const;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const F_GETFD = 1;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const RLIMIT_NOFILE = 7;

/** Instructions of classic BPF; `randomOffset` is the kernel's random number as a load (SKF_AD_OFF + SKF_AD_RANDOM). */
const BPF = { loadWord: 0x20, modulo: 0x94, jumpEqual: 0x15, returnConstant: 0x06, randomOffset: 0xfffff038 } as const;

/** `[level, name]` of the integer socket options that Weir sets. */
export const SocketOption = {
  reuseAddress: [1, 2],
  error: [1, 4],
  keepAlive: [1, 9],
  priority: [1, 12],
  reusePort: [1, 15],
  attachReusePortCbpf: [1, 51],
  detachReusePortBpf: [1, 68],
  busyPoll: [1, 46],
  ipTypeOfService: [0, 1],
  ipv6TrafficClass: [41, 67],
  ipv6Only: [41, 26],
  tcpNoDelay: [6, 1],
  tcpDeferAccept: [6, 9],
  tcpNotSentLowat: [6, 25],
  tcpUserTimeout: [6, 18],
} as const;
export type SocketOption = (typeof SocketOption)[keyof typeof SocketOption];

// sockaddr_un is the largest structure used here: 110 bytes. The text and length areas are apart from it.
const scratch = new ArrayBuffer(12_288);
const structBytes = new Uint8Array(scratch, 0, 1024);
const structView = new DataView(scratch, 0, 1024);
const lengthBytes = new Uint8Array(scratch, 1024, 64);
const lengthView = new DataView(scratch, 1024, 64);
const textBytes = new Uint8Array(scratch, 2048, 1024);
const programBytes = new Uint8Array(scratch, 4096, 8192);
const programView = new DataView(scratch, 4096, 8192);

const errnoNames = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]));

/** A call the kernel refused. `errno` is its name, as `EADDRINUSE`. Callers turn it into what the user needs to know. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  readonly call: string;
  readonly errno: string;

  constructor(call: string, errno: string) {
    super(`${call} failed with ${errno}`);
    this.call = call;
    this.errno = errno;
  }
}

function check(call: string, result: number): number {
  if (result >= 0) return result;
  throw new SystemCallError(call, lastErrno());
}

/** Must be the next call after the one that failed. */
function lastErrno(): string {
  const number = read.i32(libc.__errno_location()!, 0);
  return errnoNames.get(number) ?? `errno ${number}`;
}

/** A new stream socket of the address's family: not blocking, and closed in programs this process starts. */
export function openSocket(address: SocketAddress): number {
  return check("socket", libc.socket(familyOf(address), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

export function bindSocket(descriptor: number, address: SocketAddress): void {
  check("bind", libc.bind(descriptor, structBytes, writeAddress(address)));
}

/** Begins to connect; throws `SystemCallError` with EINPROGRESS where the answer takes time (never for Unix sockets). */
export function connectSocket(descriptor: number, address: SocketAddress): void {
  check("connect", libc.connect(descriptor, structBytes, writeAddress(address)));
}

/** Begins to connect a socket that does not block; an empty string where the answer is to come, else the error's name. */
export function beginConnect(descriptor: number, address: SocketAddress): string {
  if (libc.connect(descriptor, structBytes, writeAddress(address)) >= 0) return "";
  const errno = lastErrno();
  return errno === "EINPROGRESS" ? "" : errno;
}

/** How a connect that was begun ended: an empty string, or the error's name. */
export function connectError(descriptor: number): string {
  const number = getSocketOption(descriptor, SocketOption.error);
  return number === 0 ? "" : (errnoNames.get(number) ?? `errno ${number}`);
}

/** Makes the kernel queue connections; nobody accepts them before a process listens on the descriptor. */
export function listenSocket(descriptor: number, backlog: number): void {
  check("listen", libc.listen(descriptor, backlog));
}

export function closeDescriptor(descriptor: number): void {
  check("close", libc.close(descriptor));
}

/** Whether the descriptor stays open in a program started with `exec`. Spawning with it in `stdio` needs nothing. */
export function setInheritable(descriptor: number, isInheritable: boolean): void {
  const flags = check("fcntl", libc.fcntl(descriptor, F_GETFD, 0));
  check("fcntl", libc.fcntl(descriptor, F_SETFD, isInheritable ? flags & ~FD_CLOEXEC : flags | FD_CLOEXEC));
}

/** Sets an integer option, e.g. `setSocketOption(socket.fd, SocketOption.busyPoll, 50)`. */
export function setSocketOption(descriptor: number, [level, name]: SocketOption, value: number): void {
  structView.setInt32(0, value, true);
  check("setsockopt", libc.setsockopt(descriptor, level, name, structBytes, 4));
}

export function getSocketOption(descriptor: number, [level, name]: SocketOption): number {
  lengthView.setUint32(0, 4, true);
  check("getsockopt", libc.getsockopt(descriptor, level, name, structBytes, lengthBytes));
  return structView.getInt32(0, true);
}

/** Three instructions, a socket's two, and the kernel's limit is 4,096. */
const steeredMax = 256;

/**
 * From now on the kernel gives new connections of this reuse-port group to the sockets listed, spread by a hash that the
 * processor chooses; the others only keep what they have queued. `indices` are positions in the group, which are the order
 * in which its sockets began to listen. A classic BPF program, which needs no privilege.
 */
export function steerReusePort(descriptor: number, indices: readonly number[]): void {
  assert(indices.length >= 1 && indices.length <= steeredMax, "the program for so many sockets fits its memory");
  let count = 0;
  const add = (code: number, jumpFalse: number, constant: number): void => {
    programView.setUint16(count * 8, code, true);
    programView.setUint8(count * 8 + 2, 0);
    programView.setUint8(count * 8 + 3, jumpFalse);
    programView.setUint32(count * 8 + 4, constant, true);
    count += 1;
  };
  add(BPF.loadWord, 0, BPF.randomOffset);
  add(BPF.modulo, 0, indices.length);
  for (let i = 0; i < indices.length; i++) {
    add(BPF.jumpEqual, 1, i);
    add(BPF.returnConstant, 0, indices[i]!);
  }
  add(BPF.returnConstant, 0, indices[0]!);
  structView.setUint16(0, count, true);
  structView.setBigUint64(8, BigInt(addressOf(programBytes)), true);
  const [level, name] = SocketOption.attachReusePortCbpf;
  check("setsockopt", libc.setsockopt(descriptor, level, name, structBytes, 16));
}

/** Ends steering: the kernel spreads new connections over all sockets of the group again. */
export function unsteerReusePort(descriptor: number): void {
  const [level, name] = SocketOption.detachReusePortBpf;
  const result = libc.setsockopt(descriptor, level, name, structBytes, 4);
  // ENOENT: the group was not steered.
  if (result < 0 && lastErrno() !== "ENOENT") check("setsockopt", result);
}

/** The address a socket is bound to, with the port the kernel chose for port 0. */
export function localAddress(descriptor: number): SocketAddress {
  lengthView.setUint32(0, structBytes.length, true);
  check("getsockname", libc.getsockname(descriptor, structBytes, lengthBytes));
  const family = structView.getUint16(0, true);
  if (family === AF.unix) {
    const length = Math.min(lengthView.getUint32(0, true), 110);
    return { kind: "unix", path: textOf(structBytes, 2, length) };
  }
  const port = structView.getUint16(2, false);
  const address = structBytes.subarray(family === AF.inet6 ? 8 : 4);
  if (libc.inet_ntop(family, address, textBytes, textBytes.length) === null) check("inet_ntop", -1);
  return { kind: "ip", host: textOf(textBytes, 0, textBytes.length), port };
}

/** Binds a process's first thread, which serves, to a processor. Threads that it makes from then on inherit it: see `freeHelpers`. */
export function pinProcess(pid: number, cpu: number): void {
  check("sched_setaffinity", allow(pid, [cpu]));
}

/**
 * Lets a process's other threads run on these processors. The runtime makes compilers and collectors as it needs them and lets
 * them end when they are idle; on the processor of the thread that serves, requests would wait for them.
 */
export function freeHelpers(pid: number, cpus: readonly number[]): void {
  for (const thread of threadsOf(pid)) if (thread !== pid) allow(thread, cpus);
}

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    // It has ended.
    return [];
  }
}

function allow(thread: number, cpus: readonly number[]): number {
  structBytes.fill(0, 0, 128);
  for (const cpu of cpus) {
    assert(cpu >= 0 && cpu < 1024, "a processor's number is below 1024");
    structBytes[cpu >> 3]! |= 1 << (cpu & 7);
  }
  return libc.sched_setaffinity(thread, 128, structBytes);
}

/** The processors this process may run on, by rising number. */
export function allowedCpus(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return list.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** How many descriptors this process may have open: now, and at most without privilege. */
export interface DescriptorLimit {
  readonly soft: number;
  readonly hard: number;
}

export function descriptorLimit(): DescriptorLimit {
  check("getrlimit", libc.getrlimit(RLIMIT_NOFILE, structBytes));
  return { soft: Number(structView.getBigUint64(0, true)), hard: Number(structView.getBigUint64(8, true)) };
}

/** Sets both limits; the processes this one starts inherit them. Raising the hard limit needs privilege. */
export function setDescriptorLimit(limit: DescriptorLimit): void {
  structView.setBigUint64(0, BigInt(limit.soft), true);
  structView.setBigUint64(8, BigInt(limit.hard), true);
  check("setrlimit", libc.setrlimit(RLIMIT_NOFILE, structBytes));
}

function familyOf(address: SocketAddress): number {
  if (address.kind === "unix") return AF.unix;
  return address.host.includes(":") ? AF.inet6 : AF.inet;
}

/** Writes the socket address into the scratch structure and returns its length. */
function writeAddress(address: SocketAddress): number {
  structBytes.fill(0, 0, 128);
  const family = familyOf(address);
  structView.setUint16(0, family, true);
  if (address.kind === "unix") {
    const path = new TextEncoder().encode(address.path);
    assert(path.length < 108, "the path of a Unix socket is at most 107 bytes");
    structBytes.set(path, 2);
    return 2 + path.length + 1;
  }
  structView.setUint16(2, address.port, false);
  const { written } = new TextEncoder().encodeInto(`${address.host}\0`, textBytes);
  assert(written === address.host.length + 1, "an address is plain ASCII");
  const isWritten = libc.inet_pton(family, textBytes, structBytes.subarray(family === AF.inet6 ? 8 : 4)) === 1;
  assert(isWritten, `${address.host} is an IP address`);
  return family === AF.inet6 ? 28 : 16;
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  const zero = bytes.subarray(start, end).indexOf(0);
  return new TextDecoder().decode(bytes.subarray(start, zero < 0 ? end : start + zero));
}
