/** @hot
 * The record layer of a TLS 1.3 connection after its handshake (RFC 8446 sections 5 and 4.6.3): splits what arrives into
 * records, opens them, and seals what is sent. Server's side: the only handshake message a client may still send is KeyUpdate.
 *
 * Records are opened in place, so a chunk from the socket becomes plaintext without being copied, and the receiver of the
 * plaintext owns it. Nothing of a record is given before its tag was verified. Every rule a peer breaks ends the connection
 * with the alert that the section names.
 *
 * Limits: one record is buffered per connection, in memory that grows with what has arrived of it; a peer that sends 32
 * records in a row without content is cut off.
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
const PARTIAL_BYTES_MIN = 64;
const RECORD_BYTES_MAX = RECORD_HEADER_BYTES + PROTECTED_BYTES_MAX;

/** What the records tell their session. */
export interface RecordsOwner {
  /** Content; the receiver owns the range. */
  onPlaintext(bytes: Uint8Array, from: number, to: number): void;
  onCiphertext(bytes: Uint8Array, from: number, to: number): void;
  /** close_notify arrived. */
  onPeerClosed(): void;
  /** The connection is over; the alert was sent. */
  onFailure(reason: string): void;
}

export class Tls13Records {
  private readonly library: OpenSslLibrary;
  private readonly owner: RecordsOwner;
  private readonly reading: RecordProtection;
  private readonly writing: RecordProtection;
  private partial: Uint8Array | undefined = undefined;
  private partialBytes = 0;
  private idleRecords = 0;
  private isReading = true;
  private isFreed = false;

  constructor(library: OpenSslLibrary, owner: RecordsOwner, reading: RecordProtection, writing: RecordProtection) {
    this.library = library;
    this.owner = owner;
    this.reading = reading;
    this.writing = writing;
  }

  /** Takes bytes from the socket. */
  receive(bytes: Uint8Array, from: number, to: number): void {
    let at = this.partialBytes > 0 ? this.completePartial(bytes, from, to) : from;
    while (this.isReading && to - at >= RECORD_HEADER_BYTES) {
      const bodyBytes = this.checkHeader(bytes, at);
      if (bodyBytes < 0 || to - at < RECORD_HEADER_BYTES + bodyBytes) break;
      this.openRecord(bytes, at, bodyBytes);
      at += RECORD_HEADER_BYTES + bodyBytes;
    }
    if (this.isReading && at < to) this.appendPartial(bytes, at, to, to - at);
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
    const innerBytes = this.reading.open(bytes, at, bodyBytes);
    if (innerBytes < 0) {
      this.fail(Alert.badRecordMac, "decryption failed or bad record mac");
      return;
    }
    const start = at + RECORD_HEADER_BYTES;
    let end = start + innerBytes;
    while (end > start && bytes[end - 1] === 0) end--;
    if (end === start) this.fail(Alert.unexpectedMessage, "record without a type");
    else this.takeContent(bytes[end - 1]!, bytes, start, end - 1);
  }

  private takeContent(type: number, bytes: Uint8Array, from: number, to: number): void {
    if (to - from > CONTENT_BYTES_MAX) {
      this.fail(Alert.recordOverflow, "record too long");
      return;
    }
    if (type === ContentType.data && to > from) {
      this.idleRecords = 0;
      this.owner.onPlaintext(bytes, from, to);
      return;
    }
    this.idleRecords++;
    if (this.idleRecords > IDLE_RECORDS_MAX) this.fail(Alert.unexpectedMessage, "too many records without content");
    else if (type === ContentType.handshake) this.takeHandshake(bytes, from, to);
    else if (type === ContentType.alert) this.takeAlert(bytes, from, to);
    else if (type !== ContentType.data) this.fail(Alert.unexpectedMessage, "unexpected record type");
  }

  // KeyUpdate is five bytes and must end its record, because the key changes with it (section 5.1).
  private takeHandshake(bytes: Uint8Array, from: number, to: number): void {
    if (to - from !== 5 || bytes[from] !== MESSAGE_KEY_UPDATE || bytes[from + 3] !== 1) {
      this.fail(Alert.unexpectedMessage, "unexpected handshake message");
      return;
    }
    const request = bytes[from + 4]!;
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

  private takeAlert(bytes: Uint8Array, from: number, to: number): void {
    if (to - from !== 2) {
      this.fail(Alert.decodeError, "bad alert");
      return;
    }
    const description = bytes[from + 1]!;
    if (description === Alert.userCanceled) return;
    this.isReading = false;
    this.dropPartial();
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
    this.dropPartial();
    this.openRecord(whole, 0, bodyBytes);
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

  /**
   * Room for `bytes` of the partial record. Memory grows with what has come, not with what the header announces: once half a
   * record is there, the rest is believed.
   */
  private reservePartial(bytes: number): void {
    const present = this.partial;
    if (present !== undefined && present.length >= bytes) return;
    const larger = new Uint8Array(Math.min(Math.max(bytes * 2, PARTIAL_BYTES_MIN), RECORD_BYTES_MAX));
    if (present !== undefined) copyBytes(present, 0, this.partialBytes, larger, 0);
    this.partial = larger;
  }

  private dropPartial(): void {
    this.partial = undefined;
    this.partialBytes = 0;
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
