/**
 * Finds the process that listens on an address, so that "address in use" can name it. It reads what the kernel shows under
 * /proc: the socket's inode in the table of its family, then the process that has a descriptor of that inode. Limit:
 * processes of other users show their descriptors to root alone; then nobody is found.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { SocketAddress } from "./libc.ts";

export interface SocketHolder {
  readonly pid: number;
  readonly command: string;
}

const stateListening = "0A";

/** The first process found that listens on the address, or null. */
export function findHolder(address: SocketAddress): SocketHolder | null {
  const inodes = address.kind === "unix" ? unixInodes(address.path) : tcpInodes(address.port);
  if (inodes.size === 0) return null;
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry) || !holdsOneOf(entry, inodes)) continue;
    return { pid: Number(entry), command: commandOf(entry) };
  }
  return null;
}

/** Inodes of listening sockets with the port, on any address: a wildcard and a single address collide too. */
function tcpInodes(port: number): Set<string> {
  const inodes = new Set<string>();
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of readLines(table)) {
      const columns = line.trim().split(/\s+/);
      if (columns[1]?.endsWith(suffix) && columns[3] === stateListening) inodes.add(columns[9] ?? "");
    }
  }
  return inodes;
}

function unixInodes(path: string): Set<string> {
  const inodes = new Set<string>();
  for (const line of readLines("/proc/net/unix")) {
    const columns = line.trim().split(/\s+/);
    if (columns.slice(7).join(" ") === path) inodes.add(columns[6] ?? "");
  }
  return inodes;
}

function holdsOneOf(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((descriptor) => {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${descriptor}`))?.[1];
      return inode !== undefined && inodes.has(inode);
    });
  } catch {
    // The process has ended or belongs to another user: it cannot be looked at.
    return false;
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // A descriptor may be closed between being listed and being read.
    return "";
  }
}

function commandOf(pid: string): string {
  const line = readLines(`/proc/${pid}/cmdline`).join(" ").replaceAll("\0", " ").trim();
  return line.length > 80 ? `${line.slice(0, 77)}...` : line;
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch {
    // A machine without IPv6 has no tcp6 table.
    return [];
  }
}
