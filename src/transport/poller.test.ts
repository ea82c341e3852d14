import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../base/mod.ts";
import { type Listening, listenOn, openListeningSocket, poller } from "./mod.ts";
import { findRuntimeSet } from "./runtime-set.ts";

const folder = mkdtempSync(join(tmpdir(), "weir-poller-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** Something to watch that never gets ready, so that the poller has reason to sleep. */
function watchNothing(): Listening {
  const fd = openListeningSocket(
    { kind: "unix", path: join(folder, `${systemClock.monotonicMs()}.sock`) },
    { backlog: 1, reusePort: false, isFirst: true },
  );
  return listenOn(fd, (socket) => socket.terminate());
}

test("the runtime's set is among this process's, and is found beside others", () => {
  const set = findRuntimeSet();
  expect(readlinkSync(`/proc/self/fd/${set}`)).toBe("anon_inode:[eventpoll]");
  const listening = watchNothing();
  const sets = readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === "anon_inode:[eventpoll]";
    } catch {
      return false;
    }
  });
  expect(sets.length).toBeGreaterThan(1);
  expect(findRuntimeSet()).toBe(set);
  listening.stop();
});

test("promises, the runtime's own sockets and its timers go on while the poller sleeps", async () => {
  const listening = watchNothing();
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("here") });
  const answers: string[] = [];
  for (let index = 0; index < 20; index++) answers.push(await (await fetch(server.url)).text());
  expect(answers).toEqual(Array.from({ length: 20 }, () => "here"));
  const start = systemClock.monotonicMs();
  await new Promise((resolve) => setTimeout(resolve, 1));
  // The runtime has its turn every 10 ms at least; the rest is what a busy machine may take.
  expect(systemClock.monotonicMs() - start).toBeLessThan(500);
  await server.stop(true);
  listening.stop();
});

test("ticks come when they are due, and end when they are ended", async () => {
  const listening = watchNothing();
  const gapsMs: number[] = [];
  let lastMs = systemClock.monotonicMs();
  await new Promise<void>((resolve) => {
    const end = poller.every(2, () => {
      const nowMs = systemClock.monotonicMs();
      gapsMs.push(nowMs - lastMs);
      lastMs = nowMs;
      if (gapsMs.length < 30) return;
      end();
      resolve();
    });
  });
  expect(Math.min(...gapsMs)).toBeGreaterThanOrEqual(2);
  expect(gapsMs.toSorted((a, b) => a - b)[0]!).toBeLessThan(4);
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(gapsMs).toHaveLength(30);
  listening.stop();
});

test("what a callback's promises call is called before the next sleep", async () => {
  const listening = watchNothing();
  let afterMs = 0;
  await new Promise<void>((resolve) => {
    const end = poller.every(1, () => {
      end();
      const atMs = systemClock.monotonicMs();
      void Promise.resolve().then(() => {
        afterMs = systemClock.monotonicMs() - atMs;
        resolve();
      });
    });
  });
  // The runtime's own turn would come up to 100 ms later.
  expect(afterMs).toBeLessThan(50);
  listening.stop();
});
