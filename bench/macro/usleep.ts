/** Sleeps of less than the millisecond that the runtime's timers have for a grain; they block the thread. */
import { dlopen } from "bun:ffi";

const libc = dlopen("libc.so.6", { usleep: { args: ["u32"], returns: "i32" } }).symbols;

export function sleepUs(us: number): void {
  libc.usleep(us);
}
