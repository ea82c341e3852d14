/**
 * The client's side of the OpenSSL engine, for connections to upstreams. The server's certificate and name are verified
 * unless the settings say otherwise, and the newest ticket of each server name is kept, so that reconnecting is cheap.
 *
 * Limits: 64 server names with a kept ticket per context; the least recently added is dropped.
 */
import type { TlsClientContext, TlsClientSettings, TlsHandler, TlsSession } from "./engine.ts";
import { newClientContext } from "./openssl-context.ts";
import { Arena, zeroTerminated } from "./openssl-library.ts";
import { type OpenSslCore, OpenSslSession } from "./openssl-session.ts";

const SSL_CTRL_SET_TLSEXT_HOSTNAME = 55;
const X509_V_OK = 0;
const TICKETS_MAX = 64;
/** Reads after which a server that has given no ticket is taken to give none. */
const TICKET_READS_MAX = 4;

export class OpenSslClientContext implements TlsClientContext {
  private readonly core: OpenSslCore;
  /** 0 after it was freed: a connection that was opening meanwhile fails. */
  private context: number;
  private readonly verifies: boolean;
  /** The library's session objects by server name. */
  private readonly tickets = new Map<string, number>();

  constructor(core: OpenSslCore, settings: TlsClientSettings) {
    this.core = core;
    this.context = newClientContext(core.library, settings);
    this.verifies = settings.verify;
  }

  session(handler: TlsHandler, serverName: string): TlsSession {
    return new OpenSslClientSession(this.core, this, handler, serverName);
  }

  free(): void {
    if (this.context === 0) return;
    this.dropTickets();
    this.core.library.ssl.SSL_CTX_free(this.context);
    this.context = 0;
  }

  get isFreed(): boolean {
    return this.context === 0;
  }

  /** A new library object that asks for `serverName` and verifies it. */
  open(serverName: string): number {
    const { library } = this.core;
    const { ssl, crypto } = library;
    const connection = library.need(ssl.SSL_new(this.context));
    ssl.SSL_set_connect_state(connection);
    const name = zeroTerminated(serverName);
    if (isAddress(serverName)) {
      if (this.verifies) library.check(crypto.X509_VERIFY_PARAM_set1_ip_asc(ssl.SSL_get0_param(connection), name));
    } else if (serverName !== "") {
      library.check(ssl.SSL_ctrl(connection, SSL_CTRL_SET_TLSEXT_HOSTNAME, 0, name));
      if (this.verifies) library.check(ssl.SSL_set1_host(connection, name));
    }
    const ticket = this.tickets.get(serverName);
    if (ticket !== undefined) ssl.SSL_set_session(connection, ticket);
    return connection;
  }

  /** Keeps the connection's session for the next one, where it can be resumed. */
  keepTicket(serverName: string, connection: number): boolean {
    if (this.context === 0) return true;
    const { ssl } = this.core.library;
    const session = ssl.SSL_get1_session(connection);
    if (session === null || session === 0) return false;
    if (ssl.SSL_SESSION_is_resumable(session) !== 1) {
      ssl.SSL_SESSION_free(session);
      return false;
    }
    this.dropTicket(serverName);
    if (this.tickets.size >= TICKETS_MAX) this.dropTicket(this.tickets.keys().next().value!);
    this.tickets.set(serverName, session);
    return true;
  }

  private dropTicket(serverName: string): void {
    const session = this.tickets.get(serverName);
    if (session === undefined) return;
    this.tickets.delete(serverName);
    this.core.library.ssl.SSL_SESSION_free(session);
  }

  private dropTickets(): void {
    for (const name of [...this.tickets.keys()]) this.dropTicket(name);
  }
}

class OpenSslClientSession extends OpenSslSession {
  private readonly context: OpenSslClientContext;
  private ticketReads = 0;

  constructor(core: OpenSslCore, context: OpenSslClientContext, handler: TlsHandler, serverName: string) {
    super(core, handler, "handshake");
    this.context = context;
    this.serverName = serverName;
  }

  start(): void {
    if (this.context.isFreed) {
      this.fail("the configuration was replaced");
      return;
    }
    this.adopt(this.context.open(this.serverName));
    this.stepHandshake(NOTHING, 0);
  }

  receive(bytes: Uint8Array, from: number, to: number): void {
    if (this.connection === 0) return;
    if (this.state === "handshake") {
      this.feed(bytes, from, to);
      this.stepHandshake(bytes, to);
    } else if (this.state === "open") {
      this.feed(bytes, from, to);
      this.readAll();
    }
  }

  protected override complete(): void {
    const { library } = this.core;
    this.readFacts(true);
    this.alpn = this.readAlpn();
    this.state = "open";
    this.handler.onSecure();
    if (this.state === "open" && library.pending(library.input) > 0) this.readAll();
  }

  // Tickets of TLS 1.3 come with the first bytes after the handshake.
  protected override afterRead(): void {
    if (this.ticketReads < TICKET_READS_MAX && this.connection !== 0) {
      const isKept = this.context.keepTicket(this.serverName, this.connection);
      this.ticketReads = isKept ? TICKET_READS_MAX : this.ticketReads + 1;
    }
    super.afterRead();
  }

  protected override failureReason(): string {
    const { library } = this.core;
    const verified = library.ssl.SSL_get_verify_result(this.connection);
    const reason = library.takeErrors();
    if (verified === X509_V_OK) return reason;
    return `certificate refused: ${library.text(library.crypto.X509_verify_cert_error_string(verified))}`;
  }

  private readAlpn(): string {
    const { ssl, base, view } = this.core.library;
    view.setUint32(Arena.small + 8, 0, true);
    ssl.SSL_get0_alpn_selected(this.connection, base + Arena.small, base + Arena.small + 8);
    const bytes = view.getUint32(Arena.small + 8, true);
    if (bytes === 0) return "";
    return this.core.library.text(Number(view.getBigUint64(Arena.small, true)), bytes);
  }
}

/** Whether a name is an address: only addresses have a colon, or nothing but digits and dots. */
function isAddress(name: string): boolean {
  return name.includes(":") || /^[\d.]+$/.test(name);
}

const NOTHING = new Uint8Array(0);
