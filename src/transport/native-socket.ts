/**
 * A stream socket that is read and written past the runtime: the kernel's calls and the poller's events, and what they mean
 * to the wire on it. @hot
 *
 *     connecting ─► open ─► peer ended / we ended (either first) ─► closed
 *
 * The kernel tells of readiness for as long as it lasts, so what is not wanted must be asked away: reading while it is
 * paused, lazily, when an event shows that bytes are there; and after the peer's end. One read an event, so that a busy
 * connection does not keep others waiting.
 */
import { assert } from "../base/mod.ts";
import { SocketOption, setSocketOption } from "./libc.ts";
import { type Polled, poller } from "./poller.ts";
import {
  closeSocket,
  lastError,
  Ready,
  receive,
  received,
  resetSocket,
  send,
  shutdownSending,
  wouldBlock,
} from "./socket-calls.ts";
import type { Wire } from "./wire.ts";

/** What a wire needs of its socket. The runtime's own sockets, which carry its TLS, offer the same. */
export interface WireSocket {
  /** The wire that the socket carries. */
  data: Wire;
  readonly remoteAddress: string;
  /** Sends `bytes[from, from + length)`; returns how much was taken, or a negative number where the socket is closing. */
  write(bytes: Uint8Array, from: number, length: number): number;
  pause(): void;
  resume(): void;
  /** Sends the end of the stream; the peer may still send. */
  shutdown(): void;
  /** Closes; what was taken is still delivered. */
  end(): void;
  /** Closes with a reset. */
  terminate(): void;
  setNoDelay(isNoDelay: boolean): unknown;
}

export class NativeSocket implements WireSocket, Polled {
  data!: Wire;
  readonly remoteAddress: string;
  /** -1 when it is closed. */
  private descriptor: number;
  /** What the poller asks the kernel for; -1 while it does not watch at all. */
  private interest = -1;
  private isReadPaused = false;
  private isPeerEnded = false;
  private isShutDown = false;
  private isWriteBlocked = false;
  private failure = "";

  constructor(descriptor: number, remoteAddress: string) {
    this.descriptor = descriptor;
    this.remoteAddress = remoteAddress;
  }

  get fd(): number {
    return this.descriptor;
  }

  /** Begins to read, unless whoever got the socket has closed it or reads nothing yet. */
  begin(): void {
    if (this.descriptor >= 0 && this.interest < 0) this.watchFor(this.wanted());
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
    this.watchFor(this.interest < 0 ? Ready.write : this.interest | Ready.write);
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
    if (this.descriptor < 0 || this.isPeerEnded) return;
    if (this.interest < 0 || (this.interest & Ready.read) === 0) this.watchFor(this.wanted());
  }

  shutdown(): void {
    if (this.descriptor < 0) return;
    this.isShutDown = true;
    shutdownSending(this.descriptor);
    // A hang-up that came while nothing was to be told of it.
    if (this.interest < 0) this.watchFor(this.wanted());
  }

  end(): void {
    const fd = this.release();
    if (fd < 0) return;
    closeSocket(fd);
    this.data.handleClose("");
  }

  terminate(): void {
    const fd = this.release();
    if (fd < 0) return;
    resetSocket(fd);
    this.data.handleClose("");
  }

  setNoDelay(isNoDelay: boolean): void {
    if (this.descriptor >= 0) setSocketOption(this.descriptor, SocketOption.tcpNoDelay, isNoDelay ? 1 : 0);
  }

  onReady(events: number): void {
    if (this.descriptor < 0) return;
    if (this.failure !== "") {
      this.failed(this.failure);
      return;
    }
    if ((events & Ready.write) !== 0 && this.isWriteBlocked) {
      this.isWriteBlocked = false;
      this.watchFor(this.wanted());
      this.data.handleDrain();
      if (this.descriptor < 0) return;
    }
    if ((events & Ready.read) !== 0 && !this.isPeerEnded) {
      // Resumed, it asks again.
      if (this.isReadPaused) this.watchFor(this.wanted());
      else this.read();
      return;
    }
    if ((events & (Ready.failed | Ready.hungUp)) !== 0) this.hungUp(events);
  }

  private read(): void {
    const count = receive(this.descriptor);
    if (count > 0) {
      this.data.handleData(received, 0, count);
      return;
    }
    if (count < 0) {
      if (!wouldBlock()) this.failed(lastError());
      return;
    }
    this.isPeerEnded = true;
    if (this.isShutDown) {
      this.end();
      return;
    }
    this.watchFor(this.wanted());
    this.data.handleEnd();
  }

  /** Both directions have ended, or the connection is broken. @cold */
  private hungUp(events: number): void {
    if ((events & Ready.failed) !== 0) this.failed("ECONNRESET");
    else if (this.isPeerEnded) this.end();
    // Bytes may still be there to be read, when reading goes on.
    else this.unwatch();
  }

  /** @cold */
  private failed(error: string): void {
    const fd = this.release();
    assert(fd >= 0, "a socket fails once");
    closeSocket(fd);
    this.data.handleClose(error);
  }

  private wanted(): number {
    const reads = this.isReadPaused || this.isPeerEnded ? 0 : Ready.read;
    return this.isWriteBlocked ? reads | Ready.write : reads;
  }

  private watchFor(interest: number): void {
    if (interest === this.interest) return;
    if (this.interest < 0) poller.add(this.descriptor, interest, this);
    else poller.modify(this.descriptor, interest);
    this.interest = interest;
  }

  private unwatch(): void {
    if (this.interest < 0) return;
    poller.remove(this.descriptor);
    this.interest = -1;
  }

  /** The descriptor, to be closed by the caller; -1 where it is closed. */
  private release(): number {
    const { descriptor } = this;
    if (descriptor < 0) return -1;
    this.unwatch();
    this.descriptor = -1;
    return descriptor;
  }
}
