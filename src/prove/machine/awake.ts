/**
 * Keeps processors from falling asleep between requests: on a virtual machine each falling asleep and each waking goes through
 * the host, which doubles how late a sleeper is woken and costs a gateway at half load a tenth of its processor time.
 */
import { openSync, writeSync } from "node:fs";

/** The kernel keeps what is written for as long as the file is open (PM QoS; the kernel's power/pm_qos_interface). */
const latencyFile = "/dev/cpu_dma_latency";

/** For as long as this process lives; false where this is not allowed (root may), or not known. */
export function keepAwake(): boolean {
  try {
    writeSync(openSync(latencyFile, "r+"), new Int32Array([0]));
    return true;
  } catch {
    // Figures are then those of a machine that saves power, which the report says.
    return false;
  }
}
