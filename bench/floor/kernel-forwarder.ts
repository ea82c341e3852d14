/**
 * The ceiling below the runtime: the least that a forwarder in this language can do, on the kernel's calls alone, without the
 * runtime's sockets. As `forwarder.ts` it reads no head, adds and removes nothing, and relies on one request a read; it
 * forwards with exclusive connections. What it costs is the kernel's part of any gateway that makes two reads and two
 * writes for a request.
 *
 *     bun bench/floor/kernel-forwarder.ts PORT BACKEND_PORT
 */
import { dlopen } from "bun:ffi";

const [port, backendPort] = process.argv.slice(2).map(Number);
const DESCRIPTORS_MAX = 20_000;
const EVENTS_MAX = 512;
const READ_BYTES = 65_536;
const EPOLLIN_EPOLLET = 1 | (1 << 31);
const MSG_DONTWAIT_NOSIGNAL = 0x4040;
const SOCK_NONBLOCK = 0o4000;

const { symbols: libc } = dlopen("libc.so.6", {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  listen: { args: ["i32", "i32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  accept4: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  epoll_create1: { args: ["i32"], returns: "i32" },
  epoll_ctl: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  epoll_wait: { args: ["i32", "ptr", "i32", "i32"], returns: "i32" },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
  send: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
});

// `struct epoll_event` is packed on x86-64 only.
const eventInts = process.arch === "x64" ? 3 : 4;
const dataInt = eventInts - 2;
const events = new Int32Array(new ArrayBuffer(EVENTS_MAX * eventInts * 4));
const change = new Int32Array(new ArrayBuffer(16));
const one = new Int32Array(new ArrayBuffer(4)).fill(1);
const bytes = new Uint8Array(new ArrayBuffer(READ_BYTES));
const address = new Uint8Array(new ArrayBuffer(16));

function loopback(tcpPort: number): Uint8Array {
  address.set([2, 0, tcpPort >> 8, tcpPort & 255, 127, 0, 0, 1]);
  return address;
}

const set = libc.epoll_create1(0);

function watch(fd: number): void {
  change[0] = fd === listening ? 1 : EPOLLIN_EPOLLET;
  change[dataInt] = fd;
  libc.epoll_ctl(set, 1, fd, change);
}

const listening = libc.socket(2, 1 | SOCK_NONBLOCK, 0);
libc.setsockopt(listening, 1, 2, one, 4);
if (libc.bind(listening, loopback(port!), 16) < 0) throw new Error(`port ${port} cannot be bound`);
libc.listen(listening, 4096);
watch(listening);

/** By upstream descriptor, the client it answers; by client descriptor, -1. */
const clientOf = new Int32Array(DESCRIPTORS_MAX).fill(-1);
const isUpstream = new Uint8Array(DESCRIPTORS_MAX);
const idle: number[] = [];

function openUpstream(): number {
  const fd = libc.socket(2, 1, 0);
  libc.setsockopt(fd, 6, 1, one, 4);
  libc.connect(fd, loopback(backendPort!), 16);
  isUpstream[fd] = 1;
  watch(fd);
  return fd;
}

function acceptOne(): void {
  const fd = libc.accept4(listening, null, null, SOCK_NONBLOCK);
  if (fd < 0) return;
  libc.setsockopt(fd, 6, 1, one, 4);
  isUpstream[fd] = 0;
  watch(fd);
}

function forward(fd: number): void {
  const count = libc.recv(fd, bytes, READ_BYTES, MSG_DONTWAIT_NOSIGNAL);
  if (count === 0) libc.close(fd);
  if (count <= 0) return;
  if (isUpstream[fd] === 1) {
    libc.send(clientOf[fd]!, bytes, count, MSG_DONTWAIT_NOSIGNAL);
    idle.push(fd);
    return;
  }
  const upstream = idle.pop() ?? openUpstream();
  clientOf[upstream] = fd;
  libc.send(upstream, bytes, count, MSG_DONTWAIT_NOSIGNAL);
}

for (;;) {
  const count = libc.epoll_wait(set, events, EVENTS_MAX, -1);
  for (let index = 0; index < count; index++) {
    const fd = events[index * eventInts + dataInt]!;
    if (fd === listening) acceptOne();
    else forward(fd);
  }
}
