/**
 * The only door through which time enters. Durations, timers, limits and leases use the monotonic clock, which a step of
 * the wall clock never changes; the wall clock is for what people and other systems read (dates, token expiry).
 */

/** A source of time. Policies take one as an argument, so that tests and the simulation can drive it. */
export interface Clock {
  /** Monotonic time in nanoseconds since process start: exact to about a microsecond, never steps back. */
  monotonicNs(): number;
  /** Monotonic time in milliseconds (fractional) since process start. */
  monotonicMs(): number;
  /** Wall-clock time in milliseconds since 1970-01-01T00:00:00Z. */
  wallMs(): number;
}

export const systemClock: Clock = {
  monotonicNs: () => Bun.nanoseconds(),
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};

/** As close together as two readings are when nothing comes between them, milliseconds. */
const togetherMs = 0.05;
const togetherTries = 10;

/**
 * Both times of one moment. A process that is held up between two readings would find the wall clock off by as long as that, so
 * the closest of a few tries counts.
 */
export function readTogether(clock: Clock): { readonly monotonicMs: number; readonly wallMs: number } {
  let closest = { monotonicMs: 0, wallMs: 0 };
  let apartMs = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < togetherTries && apartMs > togetherMs; tries++) {
    const beforeMs = clock.monotonicMs();
    const wallMs = clock.wallMs();
    const afterMs = clock.monotonicMs();
    if (afterMs - beforeMs >= apartMs) continue;
    apartMs = afterMs - beforeMs;
    closest = { monotonicMs: (beforeMs + afterMs) / 2, wallMs };
  }
  return closest;
}

/** A clock that moves only when told to. */
export class FakeClock implements Clock {
  private nowNs = 0;
  private wallOffsetMs: number;

  /** @param wallStartMs wall time at monotonic zero */
  constructor(wallStartMs = 0) {
    this.wallOffsetMs = wallStartMs;
  }

  monotonicNs(): number {
    return this.nowNs;
  }

  monotonicMs(): number {
    return this.nowNs / 1e6;
  }

  wallMs(): number {
    return this.wallOffsetMs + this.nowNs / 1e6;
  }

  advanceMs(ms: number): void {
    this.nowNs += ms * 1e6;
  }

  /** Steps the wall clock alone, as NTP or an operator would. */
  stepWallMs(ms: number): void {
    this.wallOffsetMs += ms;
  }
}
