/**
 * One TLS connection through the library's own connection object: handshakes of both sides, and the bytes of those
 * connections that stay with the library (TLS 1.2, and clients, which must be able to take tickets at any time).
 *
 * All sessions share one pair of memory BIOs. That works because the library empties the input within the call in which it
 * was filled, into buffers it gives back when idle, and because output is taken out before the call returns.
 *
 *     receive: BIO_write(input) -> SSL_read ... -> onPlaintext        write: SSL_write -> BIO_read(output) -> onCiphertext
 *
 * Limits: about 14 KB for as long as the library's object lives.
 */

import type { ClientHello } from "./client-hello.ts";
import type { TlsHandler, TlsPeerCertificate, TlsSession, TlsState, TlsVersion } from "./engine.ts";
import type { HandshakeCallbacks, HandshakeTarget, PlacedAlpn } from "./openssl-callbacks.ts";
import { PROTOCOL_TLS_13 } from "./openssl-context.ts";
import { Arena, addressOf, type OpenSslLibrary } from "./openssl-library.ts";
import { RECORD_HEADER_BYTES, type RecordSuites } from "./record-protection.ts";
import type { TicketKeys, TicketStrings } from "./ticket-keys.ts";
import { ContentType } from "./tls13-records.ts";
import type { TrafficSecrets } from "./traffic-secrets.ts";

/** What all contexts and sessions of the process share. */
export interface OpenSslCore {
  readonly library: OpenSslLibrary;
  readonly callbacks: HandshakeCallbacks;
  readonly suites: RecordSuites;
  readonly secrets: TrafficSecrets;
  readonly ticketStrings: TicketStrings;
  readonly hello: ClientHello;
}

const SSL_ERROR_WANT_READ = 2;
const SSL_ERROR_ZERO_RETURN = 6;
const SSL_SENT_AND_RECEIVED_SHUTDOWN = 3;
/** Content given to the library in one call: what the shared output BIO may grow to. */
const WRITE_BYTES_MAX = 65_536;
/** XN_FLAG_RFC2253 without the escaping of characters outside ASCII. */
const NAME_FLAGS = 0x1110313;

export abstract class OpenSslSession implements TlsSession, HandshakeTarget {
  state: TlsState;
  alpn = "";
  serverName = "";
  version: TlsVersion = "1.3";
  isResumed = false;
  peerCertificate: TlsPeerCertificate | undefined = undefined;
  alpnOffered: PlacedAlpn | undefined = undefined;
  ticketKeys: TicketKeys | undefined = undefined;
  protected readonly core: OpenSslCore;
  protected readonly handler: TlsHandler;
  /** The library's object, or 0. */
  protected connection = 0;

  protected constructor(core: OpenSslCore, handler: TlsHandler, state: TlsState) {
    this.core = core;
    this.handler = handler;
    this.state = state;
  }

  abstract start(): void;
  abstract receive(bytes: Uint8Array, from: number, to: number): void;
  /** Called when the handshake is done and its last flight was given out; `flightRecords` counts that flight's records. */
  protected abstract complete(bytes: Uint8Array, to: number, flightRecords: number): void;
  /** What the library or the peer's certificate says about a failed handshake. */
  protected abstract failureReason(): string;

  write(bytes: Uint8Array, from: number, to: number): void {
    if (this.state !== "open" && this.state !== "closing") return;
    const { ssl } = this.core.library;
    for (let next = from; next < to && this.connection !== 0; ) {
      const part = Math.min(to - next, WRITE_BYTES_MAX);
      const written = ssl.SSL_write(this.connection, addressOf(bytes, next), part);
      if (written <= 0) {
        this.fail(this.core.library.takeErrors());
        return;
      }
      next += written;
      this.giveOutput();
    }
  }

  shutdown(): void {
    if (this.connection === 0 || (this.state !== "open" && this.state !== "closing")) return;
    this.core.library.ssl.SSL_shutdown(this.connection);
    this.giveOutput();
  }

  free(): void {
    this.state = "closed";
    this.freeConnection();
  }

  chooseAlpn(name: string): void {
    this.alpn = name;
  }

  keepSecret(_isClient: boolean, _line: number): void {}

  /** Takes over a new library object and puts it between the shared BIOs. */
  protected adopt(connection: number): void {
    const { ssl, crypto, input, output } = this.core.library;
    this.connection = connection;
    crypto.BIO_up_ref(input);
    crypto.BIO_up_ref(output);
    ssl.SSL_set_bio(connection, input, output);
  }

  /** Puts bytes before the library. */
  protected feed(bytes: Uint8Array, from: number, to: number): void {
    const { library } = this.core;
    if (to > from) library.check(library.crypto.BIO_write(library.input, addressOf(bytes, from), to - from));
  }

  /** Moves the handshake on by what was fed from `bytes[..., to)`. */
  protected stepHandshake(bytes: Uint8Array, to: number): void {
    const { library, callbacks } = this.core;
    callbacks.current = this;
    const result = library.ssl.SSL_do_handshake(this.connection);
    callbacks.current = undefined;
    if (result !== 1) {
      const error = library.ssl.SSL_get_error(this.connection, result);
      const reason = error === SSL_ERROR_WANT_READ ? "" : this.failureReason();
      this.giveOutput();
      if (error !== SSL_ERROR_WANT_READ) this.fail(reason === "" ? "the peer closed during the handshake" : reason);
      return;
    }
    const flightRecords = this.giveOutput();
    if (this.connection !== 0) this.complete(bytes, to, flightRecords);
  }

  /** Reads the facts of a finished handshake. */
  protected readFacts(wantsCertificate: boolean): void {
    const { library } = this.core;
    this.version = library.ssl.SSL_version(this.connection) === PROTOCOL_TLS_13 ? "1.3" : "1.2";
    this.isResumed = library.ssl.SSL_session_reused(this.connection) === 1;
    if (wantsCertificate) this.peerCertificate = readPeerCertificate(library, this.connection);
  }

  /** Reads all that the library can decrypt and gives it out. */
  protected readAll(): void {
    const { library } = this.core;
    const { ssl, base, memory, input } = library;
    let at: number = Arena.plaintext;
    let isMore = true;
    while (isMore && this.connection !== 0) {
      const result = ssl.SSL_read(this.connection, base + at, Arena.ciphertext - at);
      if (result > 0) {
        at += result;
        isMore = library.pending(input) > 0;
      } else isMore = this.readEnded(result);
      if (at > Arena.plaintext && (!isMore || at >= Arena.plaintextEnd)) {
        this.handler.onPlaintext(memory, Arena.plaintext, at);
        at = Arena.plaintext;
      }
    }
    this.afterRead();
  }

  /** Called after every read; the place where a client looks for tickets. */
  protected afterRead(): void {
    if (this.connection !== 0) this.giveOutput();
    if (this.readResult === "failed") this.fail(this.readReason);
    else if (this.readResult === "closed" && this.state === "open") {
      this.state = "closing";
      this.handler.onPeerClosed();
    }
  }

  private readResult: "going" | "closed" | "failed" = "going";
  private readReason = "";

  // What ends the reading is acted on after the plaintext before it was given out.
  private readEnded(result: number): false {
    const { library } = this.core;
    const error = library.ssl.SSL_get_error(this.connection, result);
    if (error === SSL_ERROR_WANT_READ) return false;
    library.clear(library.input);
    this.readResult = error === SSL_ERROR_ZERO_RETURN ? "closed" : "failed";
    this.readReason = this.readResult === "failed" ? library.takeErrors() : "";
    return false;
  }

  /** Gives out what the library wants sent; returns how many application records it were. */
  protected giveOutput(): number {
    const { library } = this.core;
    const room = Arena.bytes - Arena.ciphertext;
    let records = 0;
    for (;;) {
      const bytes = library.crypto.BIO_read(library.output, library.base + Arena.ciphertext, room);
      if (bytes <= 0) return records;
      records += countRecords(library.memory, Arena.ciphertext, Arena.ciphertext + bytes);
      // A handler that freed the session is given no more, but the shared BIO is emptied all the same.
      if (this.connection !== 0) {
        this.handler.onCiphertext(library.memory, Arena.ciphertext, Arena.ciphertext + bytes);
      }
      if (bytes < room) return records;
    }
  }

  /** Ends the session for a reason; whatever alert there was, was given out. */
  protected fail(reason: string): void {
    if (this.state === "closed") return;
    this.free();
    this.handler.onFailure(reason);
  }

  protected freeConnection(): void {
    if (this.connection === 0) return;
    const { library } = this.core;
    if (library.pending(library.input) > 0) library.clear(library.input);
    // Without a close on record the library would spoil the session for resumption, though TLS 1.3 asks for no such thing.
    library.ssl.SSL_set_shutdown(this.connection, SSL_SENT_AND_RECEIVED_SHUTDOWN);
    library.ssl.SSL_free(this.connection);
    library.crypto.ERR_clear_error();
    this.connection = 0;
  }
}

/** Records of type application data; of the bytes of a handshake's last flight these are the ones under its final keys. */
function countRecords(bytes: Uint8Array, from: number, to: number): number {
  let count = 0;
  for (let at = from; at + RECORD_HEADER_BYTES <= to; ) {
    if (bytes[at] === ContentType.data) count++;
    at += RECORD_HEADER_BYTES + ((bytes[at + 3]! << 8) | bytes[at + 4]!);
  }
  return count;
}

function readPeerCertificate(library: OpenSslLibrary, connection: number): TlsPeerCertificate | undefined {
  const { crypto, ssl } = library;
  const certificate = ssl.SSL_get1_peer_certificate(connection);
  if (certificate === null || certificate === 0) return undefined;
  const bio = library.memoryBio();
  library.check(crypto.i2d_X509_bio(bio, certificate));
  const der = library.takeAll(bio);
  crypto.X509_NAME_print_ex(bio, crypto.X509_get_subject_name(certificate), 0, NAME_FLAGS);
  const subject = Buffer.from(library.takeAll(bio)).toString("utf8");
  crypto.BIO_free(bio);
  crypto.X509_free(certificate);
  return { subject, fingerprint: new Bun.CryptoHasher("sha256").update(der).digest("hex"), der };
}
