/**
 * The instrument goes first. Where generator and gateway share a machine, a gateway that uses every core would starve the
 * generator, and the run would be void exactly where it gets interesting. Client processes inherit this process's priority;
 * what is measured is put back to the normal one (see target/child.ts). It takes the right to do so, which root has.
 */
import { setPriority } from "node:os";

const raised = -10;

/** Raises this process and all it will start; false where that is not allowed. */
export function raisePriority(): boolean {
  try {
    setPriority(0, raised);
    return true;
  } catch {
    return false;
  }
}
