import { afterEach, expect, test } from "bun:test";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import {
  allowedCpus,
  bindSocket,
  closeDescriptor,
  descriptorLimit,
  freeHelpers,
  getSocketOption,
  listenSocket,
  localAddress,
  openSocket,
  pinProcess,
  type SocketAddress,
  SocketOption,
  SystemCallError,
  setDescriptorLimit,
  setSocketOption,
  steerReusePort,
  unsteerReusePort,
} from "./libc.ts";

const opened: number[] = [];

afterEach(() => {
  for (const descriptor of opened.splice(0)) closeSync(descriptor);
});

function open(address: SocketAddress, reusePort = false): number {
  const descriptor = openSocket(address);
  opened.push(descriptor);
  if (reusePort) setSocketOption(descriptor, SocketOption.reusePort, 1);
  bindSocket(descriptor, address);
  listenSocket(descriptor, 128);
  return descriptor;
}

test("a bound socket tells its address in every family", () => {
  const path = join(tmpdir(), `weir-libc-${process.pid}.sock`);
  const v4 = localAddress(open({ kind: "ip", host: "127.0.0.1", port: 0 })) as { port: number };
  const v6 = localAddress(open({ kind: "ip", host: "::1", port: 0 })) as { port: number };
  expect(v4).toEqual({ kind: "ip", host: "127.0.0.1", port: v4.port } as never);
  expect(v6).toEqual({ kind: "ip", host: "::1", port: v6.port } as never);
  expect(v4.port).toBeGreaterThan(0);
  expect(localAddress(open({ kind: "unix", path }))).toEqual({ kind: "unix", path });
  Bun.file(path).delete();
});

test("errno is read exactly, however often a call fails", () => {
  const names = new Set<string>();
  const plainFile = openSync("/dev/null", "r");
  opened.push(plainFile);
  for (let i = 0; i < 20_000; i++) {
    try {
      if (i % 2 === 0) closeDescriptor(-1);
      else setSocketOption(plainFile, SocketOption.tcpNoDelay, 1);
    } catch (error) {
      names.add(`${i % 2} ${(error as SystemCallError).errno}`);
    }
  }
  expect([...names].sort()).toEqual(["0 EBADF", "1 ENOTSOCK"]);
});

test("an integer socket option reads back as it was set", () => {
  const descriptor = open({ kind: "ip", host: "127.0.0.1", port: 0 });
  setSocketOption(descriptor, SocketOption.ipTypeOfService, 0xb8);
  expect(getSocketOption(descriptor, SocketOption.ipTypeOfService)).toBe(0xb8);
  expect(() => setSocketOption(descriptor, [6, 9999] as never, 1)).toThrow(SystemCallError);
});

test("a listening socket queues connections that a runtime listener on the descriptor then serves", async () => {
  const descriptor = open({ kind: "ip", host: "127.0.0.1", port: 0 });
  const { port } = localAddress(descriptor) as { port: number };
  const answered = Promise.withResolvers<string>();
  const client = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: { data: (_, bytes) => answered.resolve(bytes.toString()) },
  });
  opened.pop();
  const listener = Bun.listen({
    fd: descriptor,
    socket: { open: (socket: Bun.Socket) => void socket.write("served"), data() {} },
  } as never);
  expect(await answered.promise).toBe("served");
  client.end();
  listener.stop(true);
});

test("steering gives new connections to the chosen sockets alone, and the others keep what they have", async () => {
  const first = open({ kind: "ip", host: "127.0.0.1", port: 0 }, true);
  const { port } = localAddress(first) as { port: number };
  const group = [first, ...[1, 2, 3].map(() => open({ kind: "ip", host: "127.0.0.1", port }, true))];
  unsteerReusePort(first);
  for (const chosen of [[2], [0, 3], [0, 1, 2, 3]]) {
    if (chosen.length < 4) steerReusePort(first, chosen);
    else unsteerReusePort(first);
    const before = group.map((descriptor) => queued(descriptor));
    const clients = await Promise.all(Array.from({ length: 60 }, () => connect(port)));
    const gained = group.map((descriptor, index) => queued(descriptor) - before[index]!);
    expect(gained.reduce((sum, count) => sum + count, 0)).toBe(60);
    gained.forEach((count, index) => {
      expect(count > 0).toBe(chosen.includes(index));
    });
    for (const client of clients) client.terminate();
  }
});

test("the thread that serves is bound to a processor, and the others are let off it", async () => {
  const program = `const { Worker } = require("node:worker_threads");
    new Worker("setInterval(() => {}, 1e6)", { eval: true }).on("online", () => console.log("two threads"));`;
  await using child = Bun.spawn([process.execPath, "-e", program], { stdio: ["ignore", "pipe", "ignore"] });
  await child.stdout.getReader().read();
  const allowed = (thread: number): string =>
    /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync(`/proc/${child.pid}/task/${thread}/status`, "utf8"))![1]!;
  const others = readdirSync(`/proc/${child.pid}/task`)
    .map(Number)
    .filter((thread) => thread !== child.pid);
  expect(others.length).toBeGreaterThan(0);
  const cpus = allowedCpus();
  pinProcess(child.pid, cpus[0]!);
  freeHelpers(child.pid, [cpus.at(-1)!]);
  expect(allowed(child.pid)).toBe(String(cpus[0]));
  const left = others.filter((thread) => existsSync(`/proc/${child.pid}/task/${thread}`));
  expect(left.map(allowed)).toEqual(left.map(() => String(cpus.at(-1))));
});

test("the processors allowed are as many as the runtime counts", () => {
  expect(allowedCpus().length).toBe(availableParallelism());
});

test("the descriptor limit is read and set", () => {
  const limit = descriptorLimit();
  expect(limit.soft).toBeGreaterThan(0);
  setDescriptorLimit({ soft: limit.soft - 1, hard: limit.hard });
  expect(descriptorLimit()).toEqual({ soft: limit.soft - 1, hard: limit.hard });
  setDescriptorLimit(limit);
});

function connect(port: number): Promise<Bun.Socket> {
  return Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
}

/** Connections that wait in a listening socket's queue: the kernel shows them as its receive queue. */
function queued(descriptor: number): number {
  const inode = /\d+/.exec(readlinkSync(`/proc/self/fd/${descriptor}`))![0];
  const rows = readFileSync("/proc/net/tcp", "utf8").split("\n");
  const row = rows.map((line) => line.trim().split(/\s+/)).find((columns) => columns[9] === inode);
  return Number.parseInt(row![4]!.split(":")[1]!, 16);
}
