/**
 * @hot
 * TLS 1.3 over descriptors: OpenSSL reads and writes the socket itself, so that a record costs no copy through the runtime.
 * One context a process; a session a connection, known by the library's pointer.
 *
 * With `resumes`, each connection that ends leaves the last ticket it got, and the next one opens with it; a ticket may be used by
 * many, as OpenSSL allows, so that nearly every handshake but the first is resumed where the server agrees. Without it every
 * handshake is a full one. Early data is never sent. Limits: needs `DirectSockets`, that is Linux with glibc, and libssl 3.
 */
import { isIP } from "node:net";
import { say, WeirError } from "../base/mod.ts";
import { Received } from "./direct-sockets.ts";
import { messages } from "./messages.ts";
import type { PlanTls } from "./plan.ts";
import { cText, openTlsLibrary, type TlsLibrary, textAt, tlsReason } from "./tls-library.ts";

const SSL_ERROR_SSL = 1;
const SSL_ERROR_WANT_READ = 2;
const SSL_ERROR_WANT_WRITE = 3;
const SSL_ERROR_ZERO_RETURN = 6;
const SSL_CTRL_MODE = 33;
const SSL_CTRL_SET_TLSEXT_HOSTNAME = 55;
const SSL_CTRL_SET_READ_AHEAD = 41;
const SSL_CTRL_SET_MIN_PROTO_VERSION = 123;
const TLS1_3_VERSION = 0x0304;
/** Partial writes, and a second attempt from wherever the bytes lie then; idle connections own no buffers. */
const modes = 0x1 | 0x2 | 0x10;
/** A connection that ends without a word is an end, as over plain TCP; the answer's own length tells whether it was early. */
const SSL_OP_IGNORE_UNEXPECTED_EOF = 1 << 7;
const SSL_VERIFY_PEER = 1;
const SSL_FILETYPE_PEM = 1;
const bothShutDown = 3;

/** How a handshake stands. */
export const Handshake = { done: 0, wantsRead: 1, wantsWrite: 2, failed: 3, untrusted: 4, noProtocol: 5 } as const;
export type Handshake = (typeof Handshake)[keyof typeof Handshake];

export class TlsClient {
  /** Why the last handshake failed, in the library's words. */
  reason = "";
  private readonly library: TlsLibrary;
  private readonly context: number;
  private readonly resumes: boolean;
  private readonly serverName: string;
  private readonly verifies: boolean;
  private readonly protocol: string;
  /** The session of the last connection that ended; null before. */
  private session: number | null = null;
  /** Where the library says which protocol was chosen: its place, and its length in four bytes. */
  private readonly alpnAt = new Uint8Array(new ArrayBuffer(8));
  private readonly alpnLength = new Uint8Array(new ArrayBuffer(4));
  private readonly noPassword = new Uint8Array(new ArrayBuffer(8));

  /**
   * Throws a WeirError that names the file where one cannot be used. @cold
   * @param protocol the name to offer by ALPN
   */
  constructor(tls: PlanTls, host: string, protocol: string) {
    this.library = openTlsLibrary();
    this.resumes = tls.resumes;
    this.verifies = tls.verifies;
    this.serverName = tls.serverName ?? host;
    this.protocol = protocol;
    const { library } = this;
    const context = library.SSL_CTX_new(library.TLS_client_method());
    if (context === null)
      throw new WeirError("load.tls-library", tlsReason(library), { hint: say(messages.tlsLibraryHint) });
    this.context = context;
    library.SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_3_VERSION, null);
    library.SSL_CTX_ctrl(context, SSL_CTRL_MODE, modes, null);
    // A record's head and body are then read at once.
    library.SSL_CTX_ctrl(context, SSL_CTRL_SET_READ_AHEAD, 1, null);
    library.SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    const alpn = Buffer.from(`${String.fromCharCode(protocol.length)}${protocol}`, "latin1");
    library.SSL_CTX_set_alpn_protos(context, alpn, alpn.length);
    this.useAuthorities(tls);
    this.useCertificate(tls);
  }

  /** Begins a session over a connected descriptor; its handshake goes on with `handshake`. */
  start(fd: number): number {
    const { library } = this;
    const session = library.SSL_new(this.context)!;
    const name = cText(this.serverName);
    if (isIP(this.serverName) === 0) {
      library.SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, 0, name);
      if (this.verifies) library.SSL_set1_host(session, name);
    } else if (this.verifies) library.X509_VERIFY_PARAM_set1_ip_asc(library.SSL_get0_param(session), name);
    if (this.session !== null) library.SSL_set_session(session, this.session);
    library.SSL_set_fd(session, fd);
    library.SSL_set_connect_state(session);
    return session;
  }

  /** Goes on with a handshake as far as the bytes at hand allow. */
  handshake(session: number): Handshake {
    const { library } = this;
    const result = library.SSL_do_handshake(session);
    if (result === 1) return this.judgeProtocol(session);
    const error = library.SSL_get_error(session, result);
    if (error === SSL_ERROR_WANT_READ) return Handshake.wantsRead;
    if (error === SSL_ERROR_WANT_WRITE) return Handshake.wantsWrite;
    const verified = library.SSL_get_verify_result(session);
    this.reason = tlsReason(library);
    if (!this.verifies || verified === 0) return Handshake.failed;
    this.reason = textAt(library.X509_verify_cert_error_string(verified));
    return Handshake.untrusted;
  }

  wasResumed(session: number): boolean {
    return this.library.SSL_session_reused(session) === 1;
  }

  /** Reads one record's bytes, at most as many as the target has room for: their number, or a value of `Received`. */
  read(session: number, target: Uint8Array): number {
    const { library } = this;
    const count = library.SSL_read(session, target, target.length);
    if (count > 0) return count;
    const error = library.SSL_get_error(session, count);
    if (error === SSL_ERROR_WANT_READ || error === SSL_ERROR_WANT_WRITE) return Received.nothing;
    if (error === SSL_ERROR_ZERO_RETURN) return Received.end;
    if (error === SSL_ERROR_SSL) this.reason = tlsReason(library);
    library.ERR_clear_error();
    return error === SSL_ERROR_SSL ? Received.broken : Received.reset;
  }

  /** Whether bytes were taken off the socket that `read` has not returned yet. */
  hasMore(session: number): boolean {
    return this.library.SSL_has_pending(session) === 1;
  }

  /** Writes what the socket takes now: a number of bytes, 0 where it takes none or has failed. */
  write(session: number, bytes: Uint8Array, length: number): number {
    const count = this.library.SSL_write(session, bytes, length);
    if (count > 0) return count;
    this.library.ERR_clear_error();
    return 0;
  }

  /** Ends a session; `isClean` says so to the server. Its ticket is kept where sessions are resumed. */
  end(session: number, isEstablished: boolean, isClean: boolean): void {
    const { library } = this;
    if (this.resumes && isEstablished) this.keepTicket(session);
    if (isClean) library.SSL_shutdown(session);
    // A session that is freed without an end is taken for a broken one, and would not be resumed.
    else library.SSL_set_shutdown(session, bothShutDown);
    library.ERR_clear_error();
    library.SSL_free(session);
  }

  /** Takes the ticket of a connection that has answered: for connections that stay open. */
  keepTicket(session: number): void {
    const { library } = this;
    const kept = library.SSL_get1_session(session);
    if (kept === null) return;
    if (library.SSL_SESSION_is_resumable(kept) === 0) {
      library.SSL_SESSION_free(kept);
      return;
    }
    if (this.session !== null) library.SSL_SESSION_free(this.session);
    this.session = kept;
  }

  /** @cold */
  close(): void {
    if (this.session !== null) this.library.SSL_SESSION_free(this.session);
    this.session = null;
    this.library.SSL_CTX_free(this.context);
  }

  /** A server may leave ALPN out, unless the protocol is one that nobody guesses. */
  private judgeProtocol(session: number): Handshake {
    const { library, alpnAt, alpnLength } = this;
    library.SSL_get0_alpn_selected(session, alpnAt, alpnLength);
    // The library refuses a choice that was not offered, so a choice is the one name that was.
    if (alpnLength[0] !== 0 || this.protocol !== "h2") return Handshake.done;
    return Handshake.noProtocol;
  }

  /** @cold */
  private useAuthorities(tls: PlanTls): void {
    const { library, context } = this;
    library.SSL_CTX_set_verify(context, tls.verifies ? SSL_VERIFY_PEER : 0, null);
    if (!tls.verifies) return;
    if (tls.authorityFile === null) library.SSL_CTX_set_default_verify_paths(context);
    else if (library.SSL_CTX_load_verify_locations(context, cText(tls.authorityFile), null) !== 1) {
      throw this.badFile("--cacert", tls.authorityFile);
    }
  }

  /** @cold */
  private useCertificate(tls: PlanTls): void {
    const { library, context } = this;
    if (tls.certificateFile === null) return;
    if (library.SSL_CTX_use_certificate_chain_file(context, cText(tls.certificateFile)) !== 1) {
      throw this.badFile("--cert", tls.certificateFile);
    }
    const keyFile = tls.keyFile ?? tls.certificateFile;
    // An empty password, so that a key that needs one is an error and not a question on the terminal.
    library.SSL_CTX_set_default_passwd_cb_userdata(context, this.noPassword);
    const isKey = library.SSL_CTX_use_PrivateKey_file(context, cText(keyFile), SSL_FILETYPE_PEM) === 1;
    if (!isKey || library.SSL_CTX_check_private_key(context) !== 1) throw this.badFile("--key", keyFile);
  }

  /** @cold */
  private badFile(option: string, file: string): WeirError {
    const reason = tlsReason(this.library);
    this.library.SSL_CTX_free(this.context);
    return new WeirError("load.tls-file", say(messages.tlsFile, { option, file }), { hint: reason });
  }
}
