/**
 * A wire is one socket with everything the kernel does not do for it: bytes it would not take yet are kept in order, its end
 * waits for them, and reading can be stopped. Client and upstream connections extend it, so that a connection is one object. @hot
 *
 *     write ──► kernel            (nothing kept: straight through)
 *       │
 *       └────► backlog [from,to) ──drain──► kernel ──empty──► onWritable
 *
 * `write` copies what it must keep; the caller may reuse its buffer at once. How much may wait is the owner's business: it
 * stops its source when `backlogBytes` passes its mark, and goes on in `onWritable`.
 *
 * `gather` only appends; all gathered wires are written at the end of the event-loop round, one system call each.
 */
import { assert, copyBytes } from "../base/mod.ts";
import { batch, type Sender } from "./batch.ts";
import { acquireBlock, releaseBlock } from "./blocks.ts";
import type { WireSocket } from "./carrying.ts";
import type { NativeConnect } from "./native-connect.ts";
import { atRoundEnd } from "./round.ts";
import type { TlsHandler, TlsSession } from "./tls/mod.ts";
import { type SecurityFacts, WireSecurity } from "./wire-security.ts";

/** Values of `Wire.due`, one field because every idle connection has it. */
const nothingDue = 0;
const gatheredDue = 1;
const firstPart = 2;

export abstract class Wire implements Sender {
  /** Null before the connection is open and after it is closed. */
  socket: WireSocket | null = null;
  /** While the connection is being made past the runtime. */
  connecting: NativeConnect | null = null;
  private backlog: Uint8Array | null = null;
  private backlogFrom = 0;
  private backlogTo = 0;
  /** What is written later by itself: nothing, what was gathered, or from `firstPart` on a part of the batch's outbox. */
  private due = nothingDue;
  /** The end of the stream was asked for. */
  isEnding = false;
  /** TLS between this wire and its socket; null without, and where the socket itself does it. */
  private security: WireSecurity | null = null;
  /** What the handshake found out; null before it is done, and without TLS. */
  facts: SecurityFacts | null = null;
  /** With the runtime's own TLS: the peer's certificate need not be verified. */
  takesAnyPeer = false;
  private isPaused = false;
  /** Bytes written to this wire's socket since it was made, taken by the kernel or not; with TLS, encrypted ones. */
  writtenBytes = 0;
  // One timer a connection, in the worker's timer wheel; the fields are the wheel's.
  timerNext: Wire | null = null;
  timerPrevious: Wire | null = null;
  timerDeadlineMs = 0;
  timerTick = -1;

  /** Bytes arrived: `bytes[from, to)`, valid during the call alone; what is needed later must be copied. */
  abstract onBytes(bytes: Uint8Array, from: number, to: number): void;
  /** Everything that waited is with the kernel. */
  abstract onWritable(): void;
  /** The peer will send nothing more; it may still read. */
  abstract onPeerEnd(): void;
  /** The socket is gone; `error` is the system's code, such as ECONNRESET, or an empty string. Called once. */
  abstract onClosed(error: string): void;

  /** The TLS handshake is done and `facts` are known. */
  onSecure(): void {}
  /** TLS failed, during the handshake or later. The alert, where one is due, was written. */
  onSecurityFailed(_reason: string): void {
    this.destroy();
  }

  /** The connection's timer is due. */
  abstract onTimer(nowMs: number): void;

  get isOpen(): boolean {
    return this.socket !== null;
  }

  /** Bytes that wait for the kernel. */
  get backlogBytes(): number {
    return this.backlogTo - this.backlogFrom;
  }

  /** Whether the peer's stream ended without the end that TLS asks for, so that the last bytes may be missing. */
  get isTruncated(): boolean {
    return this.security?.isTruncated ?? false;
  }

  /** Puts a TLS session between this wire and its socket; `onSecure` follows. */
  secure(open: (handler: TlsHandler) => TlsSession): void {
    this.security = new WireSecurity(this, open);
    this.security.session.start();
  }

  /** Gives the socket, with its TLS and what waits for it, to another wire. This one is over, without `onClosed`. */
  handOverTo(other: Wire): void {
    this.sendPosted();
    const socket = this.socket;
    if (socket === null) return;
    other.socket = socket;
    socket.data = other;
    this.socket = null;
    other.security = this.security;
    other.facts = this.facts;
    this.security?.moveTo(other);
    this.security = null;
    other.isPaused = this.isPaused;
    if (this.backlog !== null) other.keep(this.backlog, this.backlogFrom, this.backlogTo);
    this.dropBacklog();
  }

  /** Sends `bytes[from, to)`, keeping a copy of what the kernel does not take. Returns whether nothing waits. */
  write(bytes: Uint8Array, from: number, to: number): boolean {
    if (this.security === null) return this.writeRaw(bytes, from, to);
    if (this.socket === null) return true;
    this.security.write(bytes, from, to);
    return this.backlog === null;
  }

  /** As `write`, past TLS. For the TLS of this wire. */
  writeRaw(bytes: Uint8Array, from: number, to: number): boolean {
    const socket = this.socket;
    if (socket === null) return true;
    assert(!this.isEnding, "nothing is written after the end");
    this.writtenBytes += to - from;
    this.sendPosted();
    if (this.backlog !== null) {
      this.keep(bytes, from, to);
      return false;
    }
    const taken = socket.write(bytes, from, to - from);
    if (taken === to - from) return true;
    // A negative count means that the socket is closing; its close event reports why.
    if (taken >= 0) this.keep(bytes, from + taken, to);
    return false;
  }

  /**
   * As `write`, at the end of the batch that is being handled. For the last bytes of a message, whose writer need not know
   * whether they had to wait: what the kernel does not take goes on as backlog.
   */
  post(bytes: Uint8Array, from: number, to: number): void {
    if (this.security === null) this.postRaw(bytes, from, to);
    else if (this.socket !== null) this.security.post(bytes, from, to);
  }

  /** As `post`, past TLS. For the TLS of this wire. */
  postRaw(bytes: Uint8Array, from: number, to: number): void {
    // What was posted before may not be the outbox's last.
    const mayWait = this.socket !== null && this.backlog === null && this.due === nothingDue;
    const part = mayWait ? batch.post(this, bytes, from, to) : -1;
    if (part < 0) {
      this.writeRaw(bytes, from, to);
      return;
    }
    assert(!this.isEnding, "nothing is written after the end");
    this.writtenBytes += to - from;
    this.due = firstPart + part;
  }

  /** Sends what was posted; nothing where that was sent, or lost with the socket, before. */
  sendPosted(): void {
    const { due, socket } = this;
    if (due < firstPart) return;
    this.due = nothingDue;
    if (socket === null) return;
    const from = batch.partStart(due - firstPart);
    const to = batch.partEnd(due - firstPart);
    const taken = socket.write(batch.outbox, from, to - from);
    if (taken >= 0 && taken < to - from) this.keep(batch.outbox, from + taken, to);
  }

  /** Appends `bytes[from, to)` to what is written at the end of this event-loop round. */
  gather(bytes: Uint8Array, from: number, to: number): void {
    if (this.security === null) this.gatherRaw(bytes, from, to);
    else if (this.socket !== null) this.security.gather(bytes, from, to);
  }

  /** As `gather`, past TLS. For the TLS of this wire. */
  gatherRaw(bytes: Uint8Array, from: number, to: number): void {
    if (this.socket === null) return;
    this.writtenBytes += to - from;
    this.sendPosted();
    this.keep(bytes, from, to);
    if (this.due === gatheredDue) return;
    this.due = gatheredDue;
    atRoundEnd(this);
  }

  /** Stops reading from the socket, so that the peer is slowed down by its own window. */
  pauseReading(): void {
    if (this.isPaused || this.socket === null) return;
    this.isPaused = true;
    this.socket.pause();
  }

  resumeReading(): void {
    if (!this.isPaused || this.socket === null) return;
    this.isPaused = false;
    this.socket.resume();
  }

  /** Sends the end of the stream when everything before it is with the kernel. The peer may still send. */
  endWriting(): void {
    if (this.socket === null || this.isEnding) return;
    this.security?.session.shutdown();
    this.sendPosted();
    this.isEnding = true;
    if (this.backlog === null) this.socket.shutdown();
  }

  /** Closes; what the kernel has taken is still delivered, however slowly the peer takes it. */
  close(): void {
    this.sendPosted();
    const socket = this.socket;
    if (socket === null) return;
    this.dropBacklog();
    socket.end();
  }

  /** Closes at once with a reset; what waits is lost, here and in the kernel. */
  destroy(): void {
    this.connecting?.cancel();
    const socket = this.socket;
    if (socket === null) return;
    this.dropBacklog();
    socket.terminate();
  }

  /** Called by the socket handlers, and for what follows something that came before TLS. */
  handleData(bytes: Uint8Array, from: number, to: number): void {
    if (this.socket === null) return;
    if (this.security === null) this.onBytes(bytes, from, to);
    else this.security.receive(bytes, from, to);
  }

  /** Called by the socket handlers alone. */
  handleEnd(): void {
    if (this.socket === null) return;
    if (this.security === null) this.onPeerEnd();
    else this.security.endReceived();
  }

  /** Called by the TLS of this wire alone. */
  handleSecure(facts: SecurityFacts): void {
    this.facts = facts;
    this.onSecure();
  }

  /** Called by the socket handlers alone. */
  handleDrain(): void {
    if (this.socket === null || this.backlog === null) return;
    this.flush();
  }

  /** Called by the socket handlers alone. */
  handleClose(error: string): void {
    if (this.socket === null) return;
    this.socket = null;
    this.dropBacklog();
    this.security?.session.free();
    this.onClosed(error);
  }

  /** The end of a round in which this wire gathered. */
  writeRound(): void {
    this.due = nothingDue;
    this.flush();
  }

  /** Writes what waits. Calls `onWritable` when nothing is left. */
  flush(): void {
    const socket = this.socket;
    const backlog = this.backlog;
    if (socket === null || backlog === null) return;
    const taken = socket.write(backlog, this.backlogFrom, this.backlogTo - this.backlogFrom);
    if (taken < 0) return;
    this.backlogFrom += taken;
    if (this.backlogFrom < this.backlogTo) return;
    this.dropBacklog();
    if (this.isEnding) socket.shutdown();
    else this.onWritable();
  }

  private keep(bytes: Uint8Array, from: number, to: number): void {
    const needed = to - from;
    const waiting = this.backlogTo - this.backlogFrom;
    let backlog = this.backlog;
    if (backlog === null) {
      backlog = this.adopt(acquireBlock(needed), 0);
    } else if (backlog.length - this.backlogTo < needed) {
      const target = acquireBlock(waiting + needed);
      copyBytes(backlog, this.backlogFrom, this.backlogTo, target, 0);
      releaseBlock(backlog);
      backlog = this.adopt(target, waiting);
    }
    this.backlogTo = copyBytes(bytes, from, to, backlog, this.backlogTo);
  }

  private adopt(block: Uint8Array, holds: number): Uint8Array {
    this.backlog = block;
    this.backlogFrom = 0;
    this.backlogTo = holds;
    return block;
  }

  private dropBacklog(): void {
    if (this.backlog !== null) releaseBlock(this.backlog);
    this.backlog = null;
    this.backlogFrom = 0;
    this.backlogTo = 0;
  }
}
