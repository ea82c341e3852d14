/**
 * The server's side of the OpenSSL engine. A connection costs nothing native until its ClientHello is whole; the hello names
 * the certificate; the library does the handshake; then TLS 1.3 goes on in our own record layer and the library's object is
 * freed, which takes an idle connection from 14 KB to about 3.
 *
 *     hello ---- names the certificate ----> handshake (library) --+-- TLS 1.3 --> Tls13Records, library's object freed
 *                                                                  +-- TLS 1.2 --> library
 *
 * Limits: a hello of 16 KB; settings are read once per `prepare`, and sessions under way keep the old ones.
 */
import { copyBytes, WeirError } from "../../base/mod.ts";
import { HELLO_BYTES_MAX, HelloResult } from "./client-hello.ts";
import type { TlsHandler, TlsServerContext, TlsServerSettings, TlsServerUpdate, TlsSession } from "./engine.ts";
import { type PlacedAlpn, readHex } from "./openssl-callbacks.ts";
import { alpnWire, newContext, trustAuthorities, useCertificate } from "./openssl-context.ts";
import { type OpenSslCore, OpenSslSession } from "./openssl-session.ts";
import { RecordProtection } from "./record-protection.ts";
import { ServerNames } from "./server-names.ts";
import { randomTicketKey, TicketKeys } from "./ticket-keys.ts";
import { type RecordsOwner, Tls13Records } from "./tls13-records.ts";
import { SECRET_BYTES_MAX } from "./traffic-secrets.ts";

const SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB = 63;
const SSL_CTRL_SET_TLSEXT_STATUS_REQ_OCSP_RESP = 71;
const SSL_VERIFY_PEER = 1;
const SSL_VERIFY_FAIL_IF_NO_PEER_CERT = 2;
/** Tickets given after a full handshake; OpenSSL's two are for browsers that open several connections at once. */
const TICKETS = 1;

/** One certificate's context. */
interface Identity {
  readonly context: number;
  readonly ocsp: Uint8Array | undefined;
}

/** Everything made from one set of settings. */
interface Generation {
  readonly identities: readonly Identity[];
  readonly names: ServerNames<Identity>;
  readonly alpn: PlacedAlpn | undefined;
  readonly settings: TlsServerSettings;
}

export class OpenSslServerContext implements TlsServerContext {
  generation: Generation;
  readonly ticketKeys: TicketKeys;
  private readonly core: OpenSslCore;

  constructor(core: OpenSslCore, settings: TlsServerSettings) {
    this.core = core;
    this.generation = build(core, settings);
    this.ticketKeys = new TicketKeys(core.ticketStrings, [randomTicketKey()]);
  }

  session(handler: TlsHandler): TlsSession {
    return new OpenSslServerSession(this.core, this, handler);
  }

  prepare(settings: TlsServerSettings): TlsServerUpdate {
    const next = build(this.core, settings);
    return {
      commit: (): void => {
        const former = this.generation;
        this.generation = next;
        freeGeneration(this.core, former);
      },
      discard: (): void => freeGeneration(this.core, next),
    };
  }

  setTicketKeys(keys: readonly Uint8Array[]): void {
    this.ticketKeys.replace(keys);
  }

  free(): void {
    freeGeneration(this.core, this.generation);
    // A connection whose hello is still to come finds no certificate and is refused.
    this.generation = { ...this.generation, identities: [], names: new ServerNames<Identity>() };
    this.ticketKeys.free();
  }
}

class OpenSslServerSession extends OpenSslSession implements RecordsOwner {
  private readonly context: OpenSslServerContext;
  private records: Tls13Records | undefined = undefined;
  private wantsCertificate = false;
  /** The beginning of a hello that did not come in one piece. */
  private helloPart: Uint8Array | undefined = undefined;
  private helloBytes = 0;
  /** Traffic secrets of the client, then of the server, until the record layer has them. */
  private secrets: Uint8Array | undefined = undefined;
  private secretsSeen = 0;

  constructor(core: OpenSslCore, context: OpenSslServerContext, handler: TlsHandler) {
    super(core, handler, "hello");
    this.context = context;
  }

  start(): void {}

  receive(bytes: Uint8Array, from: number, to: number): void {
    if (this.records !== undefined) this.records.receive(bytes, from, to);
    else if (this.state === "hello") this.receiveHello(bytes, from, to);
    else if (this.state === "handshake") {
      this.feed(bytes, from, to);
      this.stepHandshake(bytes, to);
    } else if (this.state === "open") {
      this.feed(bytes, from, to);
      this.readAll();
    }
  }

  override write(bytes: Uint8Array, from: number, to: number): void {
    if (this.records === undefined) super.write(bytes, from, to);
    else if (this.state !== "closed") this.records.write(bytes, from, to);
  }

  override shutdown(): void {
    if (this.records === undefined) super.shutdown();
    else if (this.state !== "closed") this.records.sendClose();
  }

  override free(): void {
    super.free();
    this.helloPart = undefined;
    this.secrets = undefined;
    this.records?.free();
  }

  override keepSecret(isClient: boolean, line: number): void {
    this.secrets ??= new Uint8Array(2 * SECRET_BYTES_MAX);
    readHex(line, this.secrets, isClient ? 0 : SECRET_BYTES_MAX, SECRET_BYTES_MAX);
    this.secretsSeen |= isClient ? 1 : 2;
  }

  onPlaintext(bytes: Uint8Array, from: number, to: number): void {
    this.handler.onPlaintext(bytes, from, to);
  }

  onCiphertext(bytes: Uint8Array, from: number, to: number): void {
    this.handler.onCiphertext(bytes, from, to);
  }

  onPeerClosed(): void {
    this.state = "closing";
    this.handler.onPeerClosed();
  }

  onFailure(reason: string): void {
    this.fail(reason);
  }

  protected override complete(bytes: Uint8Array, to: number, flightRecords: number): void {
    const { library } = this.core;
    this.readFacts(this.wantsCertificate);
    this.state = "open";
    if (this.version === "1.3") {
      const rest = library.pending(library.input);
      this.records = this.takeOver(flightRecords);
      if (this.records !== undefined) {
        this.freeConnection();
        this.handler.onSecure();
        if (rest > 0 && this.state === "open") this.records.receive(bytes, to - rest, to);
        return;
      }
    }
    this.handler.onSecure();
    if (this.state === "open" && library.pending(library.input) > 0) this.readAll();
  }

  protected override failureReason(): string {
    return this.core.library.takeErrors();
  }

  /** Starts our own record layer where the library's left off: nothing read yet, tickets already written. */
  private takeOver(writtenRecords: number): Tls13Records | undefined {
    const { library, suites } = this.core;
    const code = library.ssl.SSL_CIPHER_get_protocol_id(library.ssl.SSL_get_current_cipher(this.connection));
    const suite = suites.find(code);
    if (suite === undefined) return undefined;
    const secrets = this.takeSecrets(suite.hashBytes);
    if (secrets === undefined) return undefined;
    const reading = new RecordProtection(library, suite, "open", secrets);
    const writing = new RecordProtection(library, suite, "seal", secrets.subarray(SECRET_BYTES_MAX));
    writing.sequence = writtenRecords;
    secrets.fill(0);
    this.secrets = undefined;
    return new Tls13Records(library, this, reading, writing);
  }

  private takeSecrets(secretBytes: number): Uint8Array | undefined {
    const source = this.core.secrets;
    if (this.secrets === undefined && source.isLocated) {
      source.read(this.connection, SECRETS);
      return SECRETS;
    }
    if (this.secrets === undefined || this.secretsSeen !== 3) return undefined;
    if (!source.isLocated) source.learn(this.connection, this.secrets, secretBytes);
    return this.secrets;
  }

  private receiveHello(bytes: Uint8Array, from: number, to: number): void {
    if (this.helloPart === undefined) {
      this.takeHello(bytes, from, to);
      return;
    }
    if (this.helloBytes + to - from > this.helloPart.length) {
      this.fail("the ClientHello is too long");
      return;
    }
    this.helloBytes = copyBytes(bytes, from, to, this.helloPart, this.helloBytes);
    this.takeHello(this.helloPart, 0, this.helloBytes);
  }

  private takeHello(bytes: Uint8Array, from: number, to: number): void {
    const { hello } = this.core;
    const result = hello.read(bytes, from, to);
    if (result === HelloResult.incomplete) this.keepHello(bytes, from, to);
    else if (result === HelloResult.complete) this.accept(bytes, from, to);
    else this.fail(result === HelloResult.notTls ? "the client does not speak TLS" : "the ClientHello is malformed");
  }

  private keepHello(bytes: Uint8Array, from: number, to: number): void {
    if (this.helloPart !== undefined) return;
    this.helloPart = new Uint8Array(HELLO_BYTES_MAX + 1024);
    if (to - from > this.helloPart.length) this.fail("the ClientHello is too long");
    else this.helloBytes = copyBytes(bytes, from, to, this.helloPart, 0);
  }

  /** The hello is whole: the certificate is chosen and the library begins. */
  private accept(bytes: Uint8Array, from: number, to: number): void {
    const { library, hello } = this.core;
    const { names, identities, alpn, settings } = this.context.generation;
    this.serverName = nameOf(hello.bytes, hello.serverNameFrom, hello.serverNameTo);
    const named = this.serverName === "" ? undefined : names.find(this.serverName);
    const identity = named ?? (settings.requireKnownName ? undefined : identities[0]);
    if (identity === undefined) {
      this.refuseName();
      return;
    }
    this.alpnOffered = alpn;
    this.ticketKeys = this.context.ticketKeys;
    this.wantsCertificate = settings.clientCertificates.mode !== "none";
    this.adopt(library.need(library.ssl.SSL_new(identity.context)));
    library.ssl.SSL_set_accept_state(this.connection);
    if (identity.ocsp !== undefined && hello.asksForStatus) {
      // The library frees the answer with the connection.
      const answer = library.place(identity.ocsp);
      library.ssl.SSL_ctrl(this.connection, SSL_CTRL_SET_TLSEXT_STATUS_REQ_OCSP_RESP, identity.ocsp.length, answer);
    }
    this.state = "handshake";
    this.feed(bytes, from, to);
    this.helloPart = undefined;
    this.stepHandshake(bytes, to);
  }

  private refuseName(): void {
    this.handler.onCiphertext(UNRECOGNIZED_NAME, 0, UNRECOGNIZED_NAME.length);
    this.fail("the server name is not known");
  }
}

/** Scratch: the secrets of the handshake that is being finished. */
const SECRETS = new Uint8Array(2 * SECRET_BYTES_MAX);
/** Alert record: fatal, unrecognized_name (RFC 6066 section 3). */
const UNRECOGNIZED_NAME = Uint8Array.from([21, 3, 3, 0, 2, 2, 112]);

function nameOf(bytes: Uint8Array, from: number, to: number): string {
  if (to <= from) return "";
  const name = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from)
    .toString("latin1")
    .toLowerCase();
  return name.endsWith(".") ? name.slice(0, -1) : name;
}

function build(core: OpenSslCore, settings: TlsServerSettings): Generation {
  if (settings.certificates.length === 0) {
    throw new WeirError("tls.no-certificate", `the listener ${settings.name} has no certificate`, {
      hint: "give it a certificate and a key",
    });
  }
  const identities: Identity[] = [];
  const names = new ServerNames<Identity>();
  const byNames = new Map<string, Identity>();
  try {
    for (const certificate of settings.certificates) {
      const key = [...certificate.names].sort().join(" ");
      // A second certificate for the same names is another kind of key (RSA beside ECDSA) in the same context.
      let identity = byNames.get(key);
      if (identity === undefined) {
        identity = { context: newServerContext(core, settings, key), ocsp: certificate.ocsp };
        identities.push(identity);
        byNames.set(key, identity);
      }
      useCertificate(core.library, identity.context, certificate);
      for (const name of certificate.names) names.add(name, identity);
    }
    const wire = alpnWire(settings.alpn);
    return { identities, names, alpn: wire.length === 0 ? undefined : placedAlpn(core, wire), settings };
  } catch (error) {
    for (const identity of identities) core.library.ssl.SSL_CTX_free(identity.context);
    throw error;
  }
}

function newServerContext(core: OpenSslCore, settings: TlsServerSettings, names: string): number {
  const { library, callbacks } = core;
  const { ssl } = library;
  const context = newContext(library, "server", settings.versionMin);
  ssl.SSL_CTX_set_max_early_data(context, 0);
  ssl.SSL_CTX_set_num_tickets(context, TICKETS);
  ssl.SSL_CTX_set_timeout(context, settings.sessionLifetimeSeconds);
  const resumption = resumptionContext(settings, names);
  library.check(ssl.SSL_CTX_set_session_id_context(context, resumption, resumption.length));
  if (settings.alpn.length > 0) ssl.SSL_CTX_set_alpn_select_cb(context, callbacks.alpn.ptr as number, null);
  if (!core.secrets.isLocated) ssl.SSL_CTX_set_keylog_callback(context, callbacks.keyLog.ptr as number);
  library.check(ssl.SSL_CTX_set_tlsext_ticket_key_evp_cb(context, callbacks.ticket.ptr as number));
  ssl.SSL_CTX_callback_ctrl(context, SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB, callbacks.status.ptr as number);
  const { mode, authoritiesPem } = settings.clientCertificates;
  if (mode !== "none") {
    if (authoritiesPem !== undefined) trustAuthorities(library, context, authoritiesPem, true);
    const required = mode === "required" ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    ssl.SSL_CTX_set_verify(context, SSL_VERIFY_PEER | required, null);
  }
  return context;
}

/**
 * What a session is bound to besides its key: it resumes only where listener, names and the demands on the client's
 * certificate are the same, or a client could carry a session past a check (RFC 8446 appendix C.4 and OpenSSL's own rule).
 */
function resumptionContext(settings: TlsServerSettings, names: string): Uint8Array {
  const { mode, authoritiesPem } = settings.clientCertificates;
  const text = JSON.stringify([settings.name, names, mode, authoritiesPem ?? ""]);
  return new Uint8Array(new Bun.CryptoHasher("sha256").update(text).digest().buffer);
}

const placedLists = new Map<string, PlacedAlpn>();

/** Lists are few and sessions under way may still refer to them, so they are placed once and kept. */
function placedAlpn(core: OpenSslCore, wire: Uint8Array): PlacedAlpn {
  const key = Buffer.from(wire).toString("latin1");
  let placed = placedLists.get(key);
  if (placed === undefined) {
    placed = { address: core.library.place(wire), bytes: wire.length, wire };
    placedLists.set(key, placed);
  }
  return placed;
}

function freeGeneration(core: OpenSslCore, generation: Generation): void {
  // Sessions under way hold references of their own.
  for (const identity of generation.identities) core.library.ssl.SSL_CTX_free(identity.context);
}
