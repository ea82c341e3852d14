/**
 * The access log of one worker. Lines are gathered in one of two buffers of fixed size while the other is being written by
 * the runtime's thread pool: requests never wait for a disk, and memory never grows. When both are full, lines are dropped
 * and counted, and the log says so in a line of its own once it can be written again. A line allocates nothing; a flush does.
 *
 *     write() -> [ gathering buffer ] --swap by size or time--> [ buffer being written ] -> file
 *                                                                 error: kept, tried again each second
 *
 * Several workers append to one file: a whole buffer is one write, which Linux appends in one piece. A file is opened again
 * after rotation by `reopen`; a line cut by a full disk is then written once more as a whole to the new file.
 */
import { close, open, openSync, write } from "node:fs";
import { type Clock, type Random, say, WeirError } from "../base/mod.ts";
import { AccessRecord, accessLogFieldNames, lineLengthMax, writeLine } from "./access-log-line.ts";
import { messages } from "./messages.ts";
import { ProcessCounter } from "./process-counters.ts";

export interface AccessLogOptions {
  /** A file's path, or "stdout". */
  readonly target: string;
  /** Share of requests with outcome `ok` that is logged, 0 to 1. All others always are. */
  readonly sampleRatio: number;
  /** `refused` leaves out the outcomes `ok` and `local`. */
  readonly level: "all" | "refused";
  /** Names of request fields whose values the caller gives in `record.fieldFrom` and `record.fieldTo`. */
  readonly fields: readonly string[];
  readonly flushIntervalMs: number;
  /** Bytes of both buffers together. */
  readonly bufferBytesMax: number;
  /** How long after a failed write it is tried again. */
  readonly retryMs?: number;
}

/** The part of WorkerMetrics that the log uses. */
export interface AccessLogCounters {
  add(counter: number, amount: number): void;
}

/** A buffer fuller than this is written without waiting for the flush interval. */
const flushBytes = 65_536;
const newline = 0x0a;

export class AccessLog {
  /** Fill this, then call `write`. */
  readonly record: AccessRecord = new AccessRecord();
  private readonly options: AccessLogOptions;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly counters: AccessLogCounters;
  private readonly fieldNames: readonly Uint8Array[];
  private readonly time = new Uint8Array(24);
  private timeSecond = -1;
  private descriptor: number;

  private gathering: Uint8Array;
  private gatheredBytes = 0;
  private gatheredLines = 0;
  private writing: Uint8Array;
  private writingFrom = 0;
  private writingTo = 0;
  private writingLines = 0;

  /** A write or an open is under way in the thread pool. */
  private isBusy = false;
  private isReopenWanted = false;
  private droppedLines = 0;
  private flushTimer: Timer | undefined;
  private retryTimer: Timer | undefined;
  private onClosed: (() => void) | undefined;

  /** Opens the file at once; throws `WeirError` when it cannot be. */
  constructor(options: AccessLogOptions, clock: Clock, random: Random, counters: AccessLogCounters) {
    this.options = options;
    this.clock = clock;
    this.random = random;
    this.counters = counters;
    this.fieldNames = accessLogFieldNames(options.fields);
    this.gathering = new Uint8Array(options.bufferBytesMax >> 1);
    this.writing = new Uint8Array(options.bufferBytesMax >> 1);
    this.descriptor = openTarget(options.target);
  }

  /** Whether a request with this outcome is to be logged. Ask once per request, before filling the record. */
  wants(outcomeCode: number): boolean {
    if (outcomeCode > 1) return true;
    if (this.options.level === "refused") return false;
    if (outcomeCode === 1 || this.options.sampleRatio >= 1) return true;
    return this.random.unit() < this.options.sampleRatio;
  }

  /** Appends the line of `record` to the gathered ones, or drops and counts it when there is no room. */
  write(): void {
    if (this.onClosed !== undefined) return;
    const length = lineLengthMax(this.record, this.fieldNames);
    if (this.gathering.length - this.gatheredBytes < length) {
      this.flush();
      if (this.gathering.length - this.gatheredBytes < length) {
        this.droppedLines += 1;
        this.counters.add(ProcessCounter.accessLogDropped, 1);
        return;
      }
    }
    this.readTime();
    this.gatheredBytes = writeLine(this.record, this.fieldNames, this.time, this.gathering, this.gatheredBytes);
    this.gatheredLines += 1;
    if (this.gatheredBytes >= flushBytes) this.flush();
    else this.flushTimer ??= setTimeout(this.onFlushTime, this.options.flushIntervalMs);
  }

  /** Opens the file again, after it was renamed by a log rotation. Lines gathered so far go to one of the two files. */
  reopen(): void {
    if (this.options.target === "stdout") return;
    this.isReopenWanted = true;
    this.advance();
  }

  /** Writes what is left, for at most `limitMs`; what cannot be written by then is counted as dropped. */
  async close(limitMs = 1000): Promise<void> {
    if (this.onClosed !== undefined) return;
    const drained = new Promise<void>((resolve) => {
      this.onClosed = resolve;
    });
    const limit = setTimeout(() => this.onClosed?.(), limitMs);
    this.advance();
    await drained;
    clearTimeout(limit);
    clearTimeout(this.flushTimer);
    clearTimeout(this.retryTimer);
    this.counters.add(ProcessCounter.accessLogDropped, this.gatheredLines + this.writingLines);
    // A descriptor in use by a stuck write stays open until the process ends: its number must not be given to another file.
    if (!this.isBusy && this.descriptor > 2) close(this.descriptor);
  }

  private readonly onFlushTime = (): void => {
    this.flushTimer = undefined;
    this.flush();
  };

  /** Starts writing the gathered lines, if nothing is being written. */
  private flush(): void {
    if (this.isBusy || this.writingTo > this.writingFrom || this.gatheredBytes === 0) return;
    const free = this.writing;
    this.writing = this.gathering;
    this.writingFrom = 0;
    this.writingTo = this.gatheredBytes;
    this.writingLines = this.gatheredLines;
    this.gathering = free;
    this.gatheredBytes = 0;
    this.gatheredLines = 0;
    clearTimeout(this.flushTimer);
    this.flushTimer = undefined;
    this.startWrite();
  }

  private startWrite(): void {
    this.isBusy = true;
    write(this.descriptor, this.writing, this.writingFrom, this.writingTo - this.writingFrom, null, this.onWritten);
  }

  private readonly onWritten = (error: Error | null, bytes: number): void => {
    this.isBusy = false;
    if (error !== null || bytes === 0) {
      this.waitToRetry();
      return;
    }
    this.writingFrom += bytes;
    if (this.writingFrom >= this.writingTo) {
      this.counters.add(ProcessCounter.accessLogLines, this.writingLines);
      this.writingFrom = 0;
      this.writingTo = 0;
      this.writingLines = 0;
      if (this.droppedLines > 0) this.reportDropped();
    }
    this.advance();
  };

  /** The full disk, the closed pipe: the bytes stay where they are and are tried again. */
  private waitToRetry(): void {
    this.retryTimer = setTimeout(this.onRetryTime, this.options.retryMs ?? 1000);
    if (this.isReopenWanted) this.advance();
  }

  private readonly onRetryTime = (): void => {
    this.retryTimer = undefined;
    this.advance();
  };

  /** Does what is due next, one thing at a time: reopen, the rest of a buffer, the next buffer, the end. */
  private advance(): void {
    if (this.isBusy) return;
    if (this.isReopenWanted) {
      this.isReopenWanted = false;
      this.isBusy = true;
      open(this.options.target, "a", 0o640, this.onOpened);
      return;
    }
    if (this.retryTimer !== undefined) return;
    if (this.writingTo > this.writingFrom) {
      this.startWrite();
      return;
    }
    if (this.gatheredBytes >= flushBytes || this.onClosed !== undefined) this.flush();
    if (!this.isBusy && this.gatheredBytes === 0) this.onClosed?.();
  }

  private readonly onOpened = (error: Error | null, descriptor: number): void => {
    this.isBusy = false;
    if (error !== null) {
      // The old file goes on being written until a later reopen succeeds.
      this.advance();
      return;
    }
    if (this.descriptor > 2) close(this.descriptor);
    this.descriptor = descriptor;
    while (this.writingFrom > 0 && this.writing[this.writingFrom - 1] !== newline) this.writingFrom -= 1;
    clearTimeout(this.retryTimer);
    this.retryTimer = undefined;
    this.advance();
  };

  /** Puts a line about lost lines among the gathered ones, if there is room. */
  private reportDropped(): void {
    this.readTime();
    const time = Buffer.from(this.time).toString("latin1");
    const line = Buffer.from(`{"time":"${time}","droppedLines":${this.droppedLines}}\n`, "latin1");
    if (this.gathering.length - this.gatheredBytes < line.length) return;
    this.gathering.set(line, this.gatheredBytes);
    this.gatheredBytes += line.length;
    this.gatheredLines += 1;
    this.droppedLines = 0;
    this.flushTimer ??= setTimeout(this.onFlushTime, this.options.flushIntervalMs);
  }

  /** Sets `time`; only the milliseconds are written when the second is still the same. */
  private readTime(): void {
    const wallMs = this.clock.wallMs();
    const second = Math.floor(wallMs / 1000);
    if (second !== this.timeSecond) {
      this.timeSecond = second;
      const text = new Date(second * 1000).toISOString();
      for (let index = 0; index < 24; index++) this.time[index] = text.charCodeAt(index);
    }
    const rest = Math.floor(wallMs) - second * 1000;
    this.time[20] = 48 + Math.floor(rest / 100);
    this.time[21] = 48 + (Math.floor(rest / 10) % 10);
    this.time[22] = 48 + (rest % 10);
  }
}

function openTarget(target: string): number {
  if (target === "stdout") return 1;
  try {
    return openSync(target, "a", 0o640);
  } catch (cause) {
    throw new WeirError("access-log.cannot-open", say(messages.accessLogClosed, { target }), {
      hint: say(messages.accessLogHint),
      cause,
    });
  }
}
