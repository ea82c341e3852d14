/**
 * A stream socket that is read and written past the runtime: the kernel's calls and the poller's events, and what they mean
 * to the wire on it. @hot
 *
 *     connecting ─► open ─► peer ended / we ended (either first) ─► closed
 *
 * The poller tells of changes only (EPOLLET), so stopping and going on cost no call. In return what was told must be kept in
 * mind here: bytes that came while reading was paused, bytes that a full read may have left behind, and an end that came
 * together with bytes. Then the socket asks to be told again. One read a round, so that a busy connection does not keep
 * others waiting.
 */
import { assert } from "../base/mod.ts";
import { batch, type Receiver } from "./batch.ts";
import type { WireSocket } from "./carrying.ts";
import { SocketOption, setSocketOption } from "./libc.ts";
import { type Polled, poller } from "./poller.ts";
import {
  closeSocket,
  lastError,
  RECEIVE_BYTES,
  Ready,
  resetSocket,
  send,
  shutdownSending,
  wouldBlock,
} from "./socket-calls.ts";
import type { Wire } from "./wire.ts";

/** What every socket is watched for, all its life; for room to write only from the first time it had to wait for some. */
export const readInterest = Ready.read | Ready.ended | Ready.changes;
export const fullInterest = readInterest | Ready.write;

export class NativeSocket implements WireSocket, Polled, Receiver {
  /** Undefined until a wire adopts it. */
  data!: Wire;
  readonly remoteAddress: string;
  /** -1 when it is closed. */
  private descriptor: number;
  private interest: number;
  private isReadPaused = false;
  /** There was something to read, and it was not read. */
  private isReadDue = false;
  /** The peer has sent its last byte; it may still have to be read. */
  private hasEnd = false;
  private isPeerEnded = false;
  private isShutDown = false;
  private isWriteBlocked = false;
  private failure = "";

  /** @param interest what the poller watches the descriptor for */
  constructor(descriptor: number, interest: number, remoteAddress: string) {
    this.descriptor = descriptor;
    this.interest = interest;
    this.remoteAddress = remoteAddress;
  }

  /** -1 when it is closed. */
  get fd(): number {
    return this.descriptor;
  }

  write(bytes: Uint8Array, from: number, length: number): number {
    const { descriptor } = this;
    if (descriptor < 0 || this.failure !== "") return -1;
    const taken = send(descriptor, bytes, from, from + length);
    if (taken === length) return taken;
    if (taken < 0 && !wouldBlock()) {
      this.fail();
      return -1;
    }
    this.isWriteBlocked = true;
    if (this.interest !== fullInterest) {
      this.interest = fullInterest;
      poller.tellAgain(descriptor, fullInterest);
    }
    return taken < 0 ? 0 : taken;
  }

  /** What the kernel said of a write: told in the next round, because the writer is in the middle of something. @cold */
  private fail(): void {
    this.failure = lastError();
    poller.defer(this);
  }

  pause(): void {
    this.isReadPaused = true;
  }

  resume(): void {
    this.isReadPaused = false;
    if (this.isReadDue && this.descriptor >= 0) this.tellAgain();
  }

  /** @cold only after bytes had to wait */
  private tellAgain(): void {
    this.isReadDue = false;
    poller.tellAgain(this.descriptor, this.interest);
  }

  shutdown(): void {
    if (this.descriptor < 0) return;
    this.isShutDown = true;
    shutdownSending(this.descriptor);
  }

  end(): void {
    const fd = this.release();
    if (fd < 0) return;
    closeSocket(fd);
    this.data?.handleClose("");
  }

  terminate(): void {
    const fd = this.release();
    if (fd < 0) return;
    resetSocket(fd);
    this.data?.handleClose("");
  }

  /** Unix sockets, whose peers have no address, never delay. */
  setNoDelay(isNoDelay: boolean): void {
    if (this.descriptor < 0 || this.remoteAddress === "") return;
    setSocketOption(this.descriptor, SocketOption.tcpNoDelay, isNoDelay ? 1 : 0);
  }

  onReady(events: number): void {
    if (this.descriptor < 0) return;
    if (this.failure !== "") {
      this.failed(this.failure);
      return;
    }
    if (this.isWriteBlocked && (events & Ready.write) !== 0) {
      this.isWriteBlocked = false;
      this.data.handleDrain();
      if (this.descriptor < 0) return;
    }
    if ((events & Ready.ended) !== 0) this.hasEnd = true;
    if (this.isReadPaused) {
      if ((events & Ready.failed) !== 0) this.failed("ECONNRESET");
      else if ((events & ~Ready.write) !== 0) this.isReadDue = true;
    } else if ((events & Ready.read) !== 0 && !this.isPeerEnded) {
      // A read meets the error or the end too, behind the bytes.
      this.read();
    } else if ((events & (Ready.failed | Ready.hungUp)) !== 0) this.hungUp(events);
  }

  private read(): void {
    const count = batch.receive(this.descriptor, this);
    if (count > 0) {
      // More may be there, of which nothing new will be told.
      if (count === RECEIVE_BYTES || this.hasEnd) this.isReadDue = true;
      return;
    }
    if (count < 0) {
      if (!wouldBlock()) this.failed(lastError());
      return;
    }
    this.isPeerEnded = true;
    if (this.isShutDown) this.end();
    else this.data.handleEnd();
  }

  /** What was read is handed over, even where reading was paused since: it is one read at most. */
  onArrival(bytes: Uint8Array, from: number, to: number): void {
    // Somebody else's bytes in the same batch may have closed this socket.
    if (this.descriptor < 0) return;
    this.data.handleData(bytes, from, to);
    if (this.isReadDue && !this.isReadPaused && this.descriptor >= 0) this.tellAgain();
  }

  /** The connection is broken, or both directions have ended. @cold */
  private hungUp(events: number): void {
    if ((events & Ready.failed) !== 0) this.failed("ECONNRESET");
    else if (this.isPeerEnded) this.end();
  }

  /** @cold */
  private failed(error: string): void {
    const fd = this.release();
    assert(fd >= 0, "a socket fails once");
    closeSocket(fd);
    this.data?.handleClose(error);
  }

  /** The descriptor, to be closed by the caller; -1 where it is closed. */
  private release(): number {
    const { descriptor } = this;
    if (descriptor < 0) return -1;
    this.descriptor = -1;
    poller.remove(descriptor);
    return descriptor;
  }
}
