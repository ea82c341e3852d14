/** Finds the epoll descriptor of the runtime's event loop, so that others can sleep on it or watch it. Linux only. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/**
 * The epoll descriptor that watches the socket, by what /proc tells of each one in this process. Without a socket (-1) the
 * only one there is beside `exceptFd`; the runtime opens others for threads of its own. -1 when it cannot be told.
 */
export function findEventLoop(socketFd: number, exceptFd = -1): number {
  try {
    const found = readdirSync("/proc/self/fd").filter((name) => Number(name) !== exceptFd && isEpoll(name));
    const watching = new RegExp(`^tfd:\\s+${socketFd}\\s`, "m");
    const name =
      socketFd >= 0
        ? found.find((each) => watching.test(readFileSync(`/proc/self/fdinfo/${each}`, "utf8")))
        : found.length === 1
          ? found[0]
          : undefined;
    return name === undefined ? -1 : Number(name);
  } catch {
    // No /proc: the caller goes on without, and the result names how.
    return -1;
  }
}

function isEpoll(name: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${name}`) === "anon_inode:[eventpoll]";
  } catch {
    // The descriptor of the directory listing itself is gone by now.
    return false;
  }
}
