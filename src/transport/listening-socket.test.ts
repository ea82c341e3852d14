import { afterAll, afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WeirError } from "../base/mod.ts";
import { closeDescriptor, localAddress, type SocketAddress } from "./libc.ts";
import { isAnswering, type ListenOptions, openListeningSocket } from "./listening-socket.ts";

const folder = mkdtempSync(join(tmpdir(), "weir-listening-"));
const opened: number[] = [];
const options: ListenOptions = { backlog: 128, reusePort: true, isFirst: true };

afterEach(() => {
  for (const descriptor of opened.splice(0)) closeDescriptor(descriptor);
});
afterAll(() => rmSync(folder, { recursive: true }));

function open(address: SocketAddress, changed: Partial<ListenOptions> = {}): number {
  const descriptor = openListeningSocket(address, { ...options, ...changed });
  opened.push(descriptor);
  return descriptor;
}

function failure(address: SocketAddress, changed: Partial<ListenOptions> = {}): WeirError {
  try {
    open(address, changed);
  } catch (error) {
    if (error instanceof WeirError) return error;
    throw error;
  }
  throw new Error("it was opened");
}

test("sockets of one gateway share an address, and another gateway is refused by name", () => {
  const address = localAddress(open({ kind: "ip", host: "127.0.0.1", port: 0 }));
  open(address, { isFirst: false });
  const error = failure(address);
  expect(error.code).toBe("listener.address-in-use");
  expect(error.message).toContain(`process ${process.pid} (`);
  expect(error.message).toContain(`127.0.0.1:${(address as { port: number }).port}`);
});

test("IPv6 and IPv4 wildcards stand beside each other", () => {
  const { port } = localAddress(open({ kind: "ip", host: "::", port: 0 })) as { port: number };
  expect(localAddress(open({ kind: "ip", host: "0.0.0.0", port }))).toEqual({ kind: "ip", host: "0.0.0.0", port });
});

test("an address that this machine does not have is named", () => {
  expect(failure({ kind: "ip", host: "192.0.2.1", port: 8080 }).code).toBe("listener.no-such-address");
});

test("a socket file that nobody listens on is replaced, one in use is not, a plain file never", () => {
  const path = join(folder, "gateway.sock");
  const address = { kind: "unix", path } as const;
  const first = open(address, { mode: 0o600 });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(isAnswering(path)).toBe(true);
  const used = failure(address);
  expect([used.code, used.message.includes(`process ${process.pid} (`)]).toEqual(["listener.address-in-use", true]);
  closeDescriptor(first);
  opened.length = 0;
  expect(isAnswering(path)).toBe(false);
  open(address);
  expect(isAnswering(path)).toBe(true);

  const file = join(folder, "notes.txt");
  writeFileSync(file, "notes");
  expect(failure({ kind: "unix", path: file }).code).toBe("listener.not-a-socket");
  expect(failure({ kind: "unix", path: join(folder, "none/gateway.sock") }).code).toBe("listener.no-folder");
});
