/**
 * Finds the epoll set that the runtime's own event loop sleeps on, so that the poller can be woken by it. The runtime does not
 * tell, so a socket of its own is looked for among what /proc shows of each set in this process. Linux only; once a process.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The descriptor, or -1 where it cannot be told: without /proc. */
export function findRuntimeSet(): number {
  const sets = pollSets();
  // Threads of the runtime may have sets of their own.
  return sets.length === 1 ? sets[0]! : findByProbe(sets);
}

function findByProbe(sets: readonly number[]): number {
  if (sets.length === 0) return -1;
  const path = join(tmpdir(), `weir-probe-${process.pid}.sock`);
  const probe = Bun.listen({ unix: path, socket: { data() {} } });
  // The runtime's types do not tell of the descriptor that its listeners have.
  const { fd } = probe as unknown as { fd: number };
  const watching = new RegExp(`^tfd:\\s+${fd}\\s`, "m");
  const found = sets.find((set) => watching.test(readFileSync(`/proc/self/fdinfo/${set}`, "utf8")));
  probe.stop(true);
  return found ?? -1;
}

function pollSets(): number[] {
  try {
    return readdirSync("/proc/self/fd").filter(isPollSet).map(Number);
  } catch {
    // No /proc: the poller sleeps in short spells instead.
    return [];
  }
}

function isPollSet(name: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${name}`) === "anon_inode:[eventpoll]";
  } catch {
    // The descriptor of the directory listing itself is gone by now.
    return false;
  }
}
