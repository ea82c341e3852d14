/** The program of one watcher (see standstill.ts): sleeps and wakes on its core, and tells when it was late. It ends with its channel. */
import { openMachineClock } from "../../base/mod.ts";
import { bindTo } from "./cores.ts";
import type { Gap } from "./standstill.ts";
import { openSleep } from "./stillness.ts";

const napMs = 2;
/** Less is what interrupts and system calls take. */
const lateMsMin = 1;
/** The runtime gets its turn this often, and notices that the channel has ended. */
const turnMs = 100;

const clock = openMachineClock();
const sleep = openSleep();

function watch(): void {
  const leaveMs = clock.monotonicMs() + turnMs;
  for (let before = clock.monotonicMs(); before < leaveMs; ) {
    sleep!(napMs * 1000);
    const now = clock.monotonicMs();
    const gap: Gap = { atMs: before + napMs, lateMs: now - before - napMs };
    if (gap.lateMs >= lateMsMin) process.send!(gap);
    before = now;
  }
  setImmediate(watch);
}

process.on("disconnect", () => process.exit(0));
process.on("SIGINT", () => {});
bindTo(process.pid, [Number(process.argv[2])]);
if (sleep !== null) watch();
