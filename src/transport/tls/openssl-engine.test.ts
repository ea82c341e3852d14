import { afterAll, expect, test } from "bun:test";
import { TestAuthority } from "../../../test/authority.ts";
import type { TlsClientSettings, TlsServerContext, TlsServerSettings } from "./engine.ts";
import { Loopback } from "./loopback.ts";
import { makeOpenSslEngine, openSslEngine } from "./openssl-engine.ts";
import { loadOpenSsl, openSslLibrary } from "./openssl-library.ts";
import { TrafficSecrets } from "./traffic-secrets.ts";

const engine = openSslEngine();
const authority = new TestAuthority();
const stranger = new TestAuthority("A stranger");
const certificate = authority.certificate({ names: ["api.example.com", "*.wild.example.com"] });
const other = authority.certificate({ names: ["other.example.com"], kind: "rsa" });
afterAll(() => {
  authority.free();
  stranger.free();
});

const serverSettings = (changes: Partial<TlsServerSettings> = {}): TlsServerSettings => ({
  name: "edge",
  certificates: [certificate],
  versionMin: "1.3",
  alpn: ["h2", "http/1.1"],
  clientCertificates: { mode: "none" },
  requireKnownName: false,
  sessionLifetimeSeconds: 600,
  ...changes,
});
const clientSettings = (changes: Partial<TlsClientSettings> = {}): TlsClientSettings => ({
  verify: true,
  authoritiesPem: authority.pem,
  versionMin: "1.3",
  alpn: ["http/1.1"],
  ...changes,
});

interface Wish {
  server?: Partial<TlsServerSettings>;
  client?: Partial<TlsClientSettings>;
  name?: string;
}

/** Connects once and says how it went; everything is freed again. */
function attempt(wish: Wish, use: (loopback: Loopback) => void = () => {}): unknown {
  const server = engine.server(serverSettings(wish.server));
  const client = engine.client(clientSettings(wish.client));
  const loopback = new Loopback(
    (handler) => server.session(handler),
    (handler) => client.session(handler, wish.name ?? "api.example.com"),
  );
  use(loopback);
  const { server: there, client: here } = loopback;
  const result = { server: there.failure || there.isSecure, client: here.failure || here.isSecure };
  loopback.free();
  server.free();
  client.free();
  return result;
}

const fine = { server: true, client: true };

test("protocols are agreed in the server's order, and none in common is refused", () => {
  const agreed: string[] = [];
  const ask = (alpn: string[]): unknown =>
    attempt({ client: { alpn } }, (loopback) => agreed.push(loopback.server.session?.alpn ?? "?"));
  expect(ask(["http/1.1", "h2"])).toEqual(fine);
  expect(ask([])).toEqual(fine);
  expect(ask(["imap"])).toEqual({ server: "no application protocol", client: "tlsv1 alert no application protocol" });
  expect(agreed).toEqual(["h2", "", ""]);
});

test("the certificate is chosen by server name, exact before wildcard, else the first", () => {
  const wrong = "certificate refused: hostname mismatch";
  const certificates = [certificate, other];
  const ask = (name: string): unknown => attempt({ server: { certificates }, name });
  expect(ask("API.example.com")).toEqual(fine);
  expect(ask("a.wild.example.com")).toEqual(fine);
  expect(ask("other.example.com")).toEqual(fine);
  expect(ask("unknown.example.com")).toEqual({ server: "sslv3 alert bad certificate", client: wrong });
  expect(attempt({ server: { certificates, requireKnownName: true }, name: "unknown.example.com" })).toEqual({
    server: "the server name is not known",
    client: "tlsv1 unrecognized name",
  });
});

test("a server of an unknown authority is refused unless verification is off", () => {
  expect(attempt({ client: { authoritiesPem: stranger.pem } })).toEqual({
    server: "tlsv1 alert unknown ca",
    client: "certificate refused: unable to get local issuer certificate",
  });
  expect(attempt({ client: { authoritiesPem: stranger.pem, verify: false }, name: "any" })).toEqual(fine);
});

test("client certificates: required, optional, of a stranger, and what is told of them", () => {
  const desk = authority.certificate({ names: [], subject: "/O=华泰/CN=desk-7" });
  const foreign = stranger.certificate({ names: [], subject: "/CN=desk-7" });
  const required = { clientCertificates: { mode: "required", authoritiesPem: authority.pem } } as const;
  const optional = { clientCertificates: { mode: "optional", authoritiesPem: authority.pem } } as const;
  const told: unknown[] = [];
  const ask = (server: Partial<TlsServerSettings>, client: Partial<TlsClientSettings>): unknown =>
    attempt({ server, client }, ({ server: there }) => {
      const peer = there.session?.peerCertificate;
      if (peer) told.push([peer.subject, peer.fingerprint.length, peer.der.length > 200]);
    });
  expect(ask(required, { certificate: desk })).toEqual(fine);
  expect(ask(optional, { certificate: desk })).toEqual(fine);
  expect(ask(optional, {})).toEqual(fine);
  expect(ask(required, {})).toMatchObject({ server: "peer did not return a certificate" });
  expect(ask(required, { certificate: foreign })).toMatchObject({ server: "certificate verify failed" });
  expect(ask(optional, { certificate: foreign })).toMatchObject({ server: "certificate verify failed" });
  expect(told).toEqual([
    ["CN=desk-7,O=华泰", 64, true],
    ["CN=desk-7,O=华泰", 64, true],
  ]);
});

test("content of every size passes in both directions, however the bytes are cut", () => {
  attempt({}, (loopback) => {
    const { server, client } = loopback;
    const text = Buffer.alloc(200_000, "0123456789abcdefghijklmnopqrstuvwxyz").toString();
    for (const [bytes, cut] of [
      [1, 1],
      [17, 1],
      [5000, 7],
      [16_383, 1000],
      [16_384, 16_385],
      [16_385, 1460],
      [200_000, 9000],
      [200_000, 300_000],
    ] as const) {
      client.write(text.slice(0, bytes));
      server.write(text.slice(0, bytes));
      loopback.settle(cut);
      expect([server.takeText().length, client.takeText().length]).toEqual([bytes, bytes]);
    }
  });
});

test("a handshake cut into single bytes completes", () => {
  const server = engine.server(serverSettings());
  const client = engine.client(clientSettings());
  const loopback = new Loopback(
    (handler) => server.session(handler),
    (handler) => client.session(handler, "api.example.com"),
    1,
  );
  expect([loopback.server.isSecure, loopback.client.isSecure]).toEqual([true, true]);
  loopback.free();
  server.free();
  client.free();
});

test("close_notify is told to each side, and the other direction goes on", () => {
  attempt({}, (loopback) => {
    const { server, client } = loopback;
    client.write("last");
    client.session?.shutdown();
    loopback.settle();
    expect([server.takeText(), server.isPeerClosed, server.session?.state]).toEqual(["last", true, "closing"]);
    server.write("answer");
    server.session?.shutdown();
    loopback.settle();
    expect([client.takeText(), client.isPeerClosed, server.failure + client.failure]).toEqual(["answer", true, ""]);
  });
});

/** Whether a second connection of one client resumes a session begun on `first` when it goes to `second`. */
function resumes(first: TlsServerContext, second: TlsServerContext): boolean {
  const client = engine.client(clientSettings());
  const connect = (server: TlsServerContext): boolean => {
    const loopback = new Loopback(
      (handler) => server.session(handler),
      (handler) => client.session(handler, "api.example.com"),
    );
    const isResumed = loopback.server.session?.isResumed === true && loopback.client.session?.isResumed === true;
    expect(loopback.server.isSecure).toBe(true);
    loopback.free();
    return isResumed;
  };
  connect(first);
  const result = connect(second);
  client.free();
  return result;
}

const ticketKey = (fill: number): Uint8Array => new Uint8Array(80).fill(fill);

test("a session resumes in another process that has the key, also a former key, and nowhere else", () => {
  const make = (keys: number[], changes: Partial<TlsServerSettings> = {}): TlsServerContext => {
    const context = engine.server(serverSettings(changes));
    if (keys.length > 0) context.setTicketKeys(keys.map(ticketKey));
    return context;
  };
  const first = make([1]);
  const contexts: Record<string, TlsServerContext> = {
    "same key": make([1]),
    "former key": make([2, 1]),
    "key dropped": make([3]),
    "no keys given": make([]),
    "another listener": make([1], { name: "internal" }),
    "renewed certificate": make([1], { certificates: [authority.certificate({ names: certificate.names })] }),
    "client certificates asked": make([1], {
      clientCertificates: { mode: "optional", authoritiesPem: authority.pem },
    }),
  };
  const results = Object.fromEntries(
    Object.entries(contexts).map(([name, context]) => [name, resumes(first, context)]),
  );
  expect(results).toEqual({
    "same key": true,
    "former key": true,
    "key dropped": false,
    "no keys given": false,
    "another listener": false,
    "renewed certificate": true,
    "client certificates asked": false,
  });
  first.setTicketKeys([2, 1].map(ticketKey));
  expect(resumes(first, contexts["key dropped"]!)).toBe(false);
  for (const context of [first, ...Object.values(contexts)]) context.free();
});

test("an update takes the new certificate and leaves sessions alone; a wrong one changes nothing", () => {
  const server = engine.server(serverSettings());
  const client = engine.client(clientSettings());
  const connect = (name: string): Loopback =>
    new Loopback(
      (handler) => server.session(handler),
      (handler) => client.session(handler, name),
    );
  const before = connect("api.example.com");
  const mismatched = { ...certificate, keyPem: authority.certificate({ names: ["any"] }).keyPem };
  expect(() => server.prepare(serverSettings({ certificates: [mismatched] }))).toThrow(
    "OpenSSL refused: key values mismatch",
  );
  expect(connect("api.example.com").client.isSecure).toBe(true);
  server.prepare(serverSettings({ certificates: [other] })).commit();
  expect(connect("other.example.com").client.isSecure).toBe(true);
  before.client.write("still here");
  before.settle();
  expect(before.server.takeText()).toBe("still here");
});

test("a library that is missing is named with the command that installs it", () => {
  expect(() => loadOpenSsl("libssl.so.99", "libcrypto.so.99")).toThrow(
    expect.objectContaining({ code: "tls.library-missing", hint: expect.stringContaining("apt-get install libssl3") }),
  );
});

test("where the connection object does not tell the secrets, the key log does", () => {
  const library = openSslLibrary();
  const exchange = (secrets: TrafficSecrets): string => {
    const slow = makeOpenSslEngine(library, secrets);
    const server = slow.server(serverSettings());
    const client = slow.client(clientSettings());
    const loopback = new Loopback(
      (handler) => server.session(handler),
      (handler) => client.session(handler, "api.example.com"),
    );
    loopback.client.write("hello");
    loopback.settle();
    const text = loopback.server.takeText();
    loopback.free();
    server.free();
    client.free();
    return text;
  };
  const secrets = new TrafficSecrets();
  expect(exchange(secrets)).toBe("hello");
  secrets.settle();
  expect(secrets.isLocated).toBe(false);
  expect(exchange(secrets)).toBe("hello");
  secrets.settle();
  expect(secrets.isLocated).toBe(true);
  expect(exchange(secrets)).toBe("hello");
});
