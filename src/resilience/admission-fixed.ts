/** @hot A number of requests in flight that never changes, with the lanes' queues: the yardstick for the others. */
import type { Admission, AdmissionSettings } from "./admission.ts";

export class FixedAdmission implements Admission {
  readonly limit: number;
  readonly usesQueue = true;

  constructor(settings: AdmissionSettings) {
    this.limit = settings.initial;
  }

  admits(): boolean {
    return true;
  }

  dropsWaiting(): boolean {
    return false;
  }

  record(): void {}

  tick(): void {}
}
