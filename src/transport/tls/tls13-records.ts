/** @hot
 * The record layer of a TLS 1.3 connection after its handshake (RFC 8446 sections 5 and 4.6.3): splits what arrives into
 * records, opens them, and seals what is sent. Server's side: the only handshake message a client may still send is KeyUpdate.
 *
 * Plaintext of the records of one chunk is gathered and given in one call; nothing of a record is given before its tag was
 * verified. Every rule a peer breaks ends the connection with the alert that the section names.
 *
 * Limits: one record is buffered per connection (from a pool, small until more than 2 KB of it have arrived); a peer that
 * sends 32 records in a row without content is cut off.
 */
import { copyBytes } from "../../base/mod.ts";
import { Arena, type OpenSslLibrary } from "./openssl-library.ts";
import {
  CONTENT_BYTES_MAX,
  PROTECTED_BYTES_MAX,
  RECORD_HEADER_BYTES,
  RECORDS_PER_KEY_MAX,
  type RecordProtection,
  SEAL_OVERHEAD_BYTES,
  TAG_BYTES,
} from "./record-protection.ts";

export const ContentType = { changeCipherSpec: 20, alert: 21, handshake: 22, data: 23 } as const;

/** Alerts of RFC 8446 section 6 that are sent or expected here. */
export const Alert = {
  closeNotify: 0,
  unexpectedMessage: 10,
  badRecordMac: 20,
  recordOverflow: 22,
  decodeError: 50,
  illegalParameter: 47,
  internalError: 80,
  userCanceled: 90,
} as const;

const LEVEL_WARNING = 1;
const LEVEL_FATAL = 2;
const MESSAGE_KEY_UPDATE = 24;
/** Records without content in a row before the peer is taken for an attacker; OpenSSL's number. */
const IDLE_RECORDS_MAX = 32;

/** What the records tell their session. */
export interface RecordsOwner {
  onPlaintext(bytes: Uint8Array, from: number, to: number): void;
  onCiphertext(bytes: Uint8Array, from: number, to: number): void;
  /** close_notify arrived. */
  onPeerClosed(): void;
  /** The connection is over; the alert was sent. */
  onFailure(reason: string): void;
}

/** Buffers for records that arrived in part, shared by the connections of a worker. */
export class RecordBuffers {
  private readonly small: Uint8Array[] = [];
  private readonly large: Uint8Array[] = [];

  acquire(bytes: number): Uint8Array {
    if (bytes <= SMALL_BYTES) return this.small.pop() ?? new Uint8Array(SMALL_BYTES);
    return this.large.pop() ?? new Uint8Array(RECORD_HEADER_BYTES + PROTECTED_BYTES_MAX);
  }

  release(buffer: Uint8Array): void {
    const list = buffer.length === SMALL_BYTES ? this.small : this.large;
    if (list.length < FREE_BUFFERS_MAX) list.push(buffer);
  }
}

const SMALL_BYTES = 2048;
const FREE_BUFFERS_MAX = 64;

export class Tls13Records {
  private readonly library: OpenSslLibrary;
  private readonly buffers: RecordBuffers;
  private readonly owner: RecordsOwner;
  private readonly reading: RecordProtection;
  private readonly writing: RecordProtection;
  private partial: Uint8Array | undefined = undefined;
  private partialBytes = 0;
  private idleRecords = 0;
  private gathered = 0;
  private isReading = true;
  private isFreed = false;

  constructor(
    library: OpenSslLibrary,
    buffers: RecordBuffers,
    owner: RecordsOwner,
    reading: RecordProtection,
    writing: RecordProtection,
  ) {
    this.library = library;
    this.buffers = buffers;
    this.owner = owner;
    this.reading = reading;
    this.writing = writing;
  }

  /** Takes bytes from the socket. */
  receive(bytes: Uint8Array, from: number, to: number): void {
    this.gathered = Arena.plaintext;
    let at = this.partialBytes > 0 ? this.completePartial(bytes, from, to) : from;
    while (this.isReading && to - at >= RECORD_HEADER_BYTES) {
      const bodyBytes = this.checkHeader(bytes, at);
      if (bodyBytes < 0 || to - at < RECORD_HEADER_BYTES + bodyBytes) break;
      this.openRecord(bytes, at, bodyBytes);
      at += RECORD_HEADER_BYTES + bodyBytes;
    }
    if (this.isReading && at < to) this.keepPartial(bytes, at, to);
    this.givePlaintext();
  }

  /** Seals content of any length and gives the records to the owner. */
  write(bytes: Uint8Array, from: number, to: number): void {
    let at: number = Arena.ciphertext;
    for (let next = from; next < to; ) {
      const end = Math.min(to, next + CONTENT_BYTES_MAX);
      if (this.writing.sequence >= RECORDS_PER_KEY_MAX) at = this.sealKeyUpdate(at);
      at = this.writing.seal(ContentType.data, bytes, next, end, at);
      next = end;
      if (at >= Arena.ciphertextEnd) {
        this.owner.onCiphertext(this.library.memory, Arena.ciphertext, at);
        if (this.isFreed) return;
        at = Arena.ciphertext;
      }
    }
    if (at > Arena.ciphertext) this.owner.onCiphertext(this.library.memory, Arena.ciphertext, at);
  }

  /** Says that nothing more will be sent. */
  sendClose(): void {
    this.sendAlert(LEVEL_WARNING, Alert.closeNotify);
  }

  free(): void {
    if (this.isFreed) return;
    this.isFreed = true;
    this.isReading = false;
    this.reading.free();
    this.writing.free();
    this.dropPartial();
  }

  /** Length of the record's body, or -1 after the connection was ended for a header that breaks the rules. */
  private checkHeader(bytes: Uint8Array, at: number): number {
    const bodyBytes = (bytes[at + 3]! << 8) | bytes[at + 4]!;
    if (bytes[at] !== ContentType.data || bytes[at + 1] !== 3 || bytes[at + 2] !== 3) {
      this.fail(Alert.unexpectedMessage, "unexpected record type");
      return -1;
    }
    if (bodyBytes > PROTECTED_BYTES_MAX) {
      this.fail(Alert.recordOverflow, "record too long");
      return -1;
    }
    if (bodyBytes <= TAG_BYTES) {
      this.fail(Alert.decodeError, "record too short");
      return -1;
    }
    return bodyBytes;
  }

  private openRecord(bytes: Uint8Array, at: number, bodyBytes: number): void {
    if (this.gathered >= Arena.plaintextEnd) this.givePlaintext();
    if (!this.isReading) return;
    const start = this.gathered;
    const innerBytes = this.reading.open(bytes, at, bodyBytes, start);
    if (innerBytes < 0) {
      this.fail(Alert.badRecordMac, "decryption failed or bad record mac");
      return;
    }
    const memory = this.library.memory;
    let end = start + innerBytes;
    while (end > start && memory[end - 1] === 0) end--;
    if (end === start) {
      this.fail(Alert.unexpectedMessage, "record without a type");
      return;
    }
    const type = memory[end - 1]!;
    this.takeContent(type, start, end - 1);
  }

  private takeContent(type: number, from: number, to: number): void {
    if (to - from > CONTENT_BYTES_MAX) {
      this.fail(Alert.recordOverflow, "record too long");
      return;
    }
    if (type === ContentType.data && to > from) {
      this.gathered = to;
      this.idleRecords = 0;
      return;
    }
    this.idleRecords++;
    if (this.idleRecords > IDLE_RECORDS_MAX) this.fail(Alert.unexpectedMessage, "too many records without content");
    else if (type === ContentType.handshake) this.takeHandshake(from, to);
    else if (type === ContentType.alert) this.takeAlert(from, to);
    else if (type !== ContentType.data) this.fail(Alert.unexpectedMessage, "unexpected record type");
  }

  // KeyUpdate is five bytes and must end its record, because the key changes with it (section 5.1).
  private takeHandshake(from: number, to: number): void {
    const memory = this.library.memory;
    if (to - from !== 5 || memory[from] !== MESSAGE_KEY_UPDATE || memory[from + 3] !== 1) {
      this.fail(Alert.unexpectedMessage, "unexpected handshake message");
      return;
    }
    const request = memory[from + 4]!;
    if (request > 1) {
      this.fail(Alert.illegalParameter, "bad key update");
      return;
    }
    this.reading.renew();
    if (request === 1) {
      const at = this.sealKeyUpdate(Arena.ciphertext);
      this.owner.onCiphertext(this.library.memory, Arena.ciphertext, at);
    }
  }

  private takeAlert(from: number, to: number): void {
    const memory = this.library.memory;
    if (to - from !== 2) {
      this.fail(Alert.decodeError, "bad alert");
      return;
    }
    const description = memory[from + 1]!;
    if (description === Alert.userCanceled) return;
    this.isReading = false;
    this.dropPartial();
    this.givePlaintext();
    if (this.isFreed) return;
    if (description === Alert.closeNotify) this.owner.onPeerClosed();
    else this.owner.onFailure(alertReason(description));
  }

  /** Appends to the record that arrived in part and opens it once whole; returns where the next record begins. */
  private completePartial(bytes: Uint8Array, from: number, to: number): number {
    let at = this.appendPartial(bytes, from, to, RECORD_HEADER_BYTES);
    if (this.partialBytes < RECORD_HEADER_BYTES) return at;
    const bodyBytes = this.checkHeader(this.partial!, 0);
    if (bodyBytes < 0) return to;
    at = this.appendPartial(bytes, at, to, RECORD_HEADER_BYTES + bodyBytes);
    if (this.partialBytes < RECORD_HEADER_BYTES + bodyBytes) return to;
    const whole = this.partial!;
    this.partial = undefined;
    this.partialBytes = 0;
    this.openRecord(whole, 0, bodyBytes);
    this.buffers.release(whole);
    return at;
  }

  /** Copies until the partial record has `wanted` bytes or the chunk is used up; returns the offset in the chunk. */
  private appendPartial(bytes: Uint8Array, from: number, to: number, wanted: number): number {
    const end = Math.min(to, from + wanted - this.partialBytes);
    if (end <= from) return from;
    this.reservePartial(this.partialBytes + end - from);
    this.partialBytes = copyBytes(bytes, from, end, this.partial!, this.partialBytes);
    return end;
  }

  private keepPartial(bytes: Uint8Array, from: number, to: number): void {
    this.reservePartial(to - from);
    this.partialBytes = copyBytes(bytes, from, to, this.partial!, 0);
  }

  private reservePartial(bytes: number): void {
    const present = this.partial;
    if (present !== undefined && present.length >= bytes) return;
    this.partial = this.buffers.acquire(bytes);
    if (present === undefined) return;
    copyBytes(present, 0, this.partialBytes, this.partial, 0);
    this.buffers.release(present);
  }

  private dropPartial(): void {
    if (this.partial !== undefined) this.buffers.release(this.partial);
    this.partial = undefined;
    this.partialBytes = 0;
  }

  private givePlaintext(): void {
    const end = this.gathered;
    if (end <= Arena.plaintext) return;
    this.gathered = Arena.plaintext;
    if (!this.isFreed) this.owner.onPlaintext(this.library.memory, Arena.plaintext, end);
  }

  /** The message is sealed with the old key; what follows with the next. */
  private sealKeyUpdate(at: number): number {
    const end = this.writing.seal(ContentType.handshake, KEY_UPDATE, 0, KEY_UPDATE.length, at);
    this.writing.renew();
    return end;
  }

  private sendAlert(level: number, description: number): void {
    ALERT[0] = level;
    ALERT[1] = description;
    const at = this.writing.seal(ContentType.alert, ALERT, 0, ALERT.length, Arena.ciphertext);
    this.owner.onCiphertext(this.library.memory, Arena.ciphertext, at);
  }

  private fail(alert: number, reason: string): void {
    this.isReading = false;
    this.dropPartial();
    this.givePlaintext();
    if (this.isFreed) return;
    this.sendAlert(LEVEL_FATAL, alert);
    if (!this.isFreed) this.owner.onFailure(reason);
  }
}

/** update_not_requested: the peer's keys are its own affair. */
const KEY_UPDATE = Uint8Array.from([MESSAGE_KEY_UPDATE, 0, 0, 1, 0]);
const ALERT = new Uint8Array(2);

const reasons = new Map<number, string>();

function alertReason(description: number): string {
  let reason = reasons.get(description);
  if (reason === undefined) {
    reason = "alert ".concat(String(description));
    reasons.set(description, reason);
  }
  return reason;
}

/** Longest result of sealing `bytes` of content. */
export function sealedBytesMax(bytes: number): number {
  return bytes + Math.ceil(bytes / CONTENT_BYTES_MAX) * SEAL_OVERHEAD_BYTES;
}
