/**
 * Proves at start, through the real path, that the library does what the engine relies on: a full handshake in memory with
 * verification and ALPN, bytes both ways in our own record layer, a resumed handshake, and a damaged record that is refused.
 * Takes about two milliseconds. A library that fails it is named and not used.
 */
import { say, WeirError } from "../../base/mod.ts";
import type { TlsByteEngine, TlsCertificate } from "./engine.ts";
import { Loopback } from "./loopback.ts";
import { tlsMessages } from "./messages.ts";

const NAME = "self-check.weir.invalid";

/** A key that protects nothing: it is in the source for everyone to read, and its name cannot exist (RFC 6761). */
const KEY_PEM = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyuQcSSyg5mNOn0EG
9uWEfstlXXLtGuHTXTcqs077KNOhRANCAASmP0CEDT7ZOf0S07NL+qB+XiRg511m
HvM5U3NZ/tjV/PC+22SILOlHlfuq0xatCbrSXeaeTjiKdiX0HQ2q4Kk3
-----END PRIVATE KEY-----
`;
const CERTIFICATE_PEM = `-----BEGIN CERTIFICATE-----
MIIBwDCCAWWgAwIBAgIUDfnlDFuiL/dhrCYTRmZlQUbhvqQwCgYIKoZIzj0EAwIw
IjEgMB4GA1UEAwwXc2VsZi1jaGVjay53ZWlyLmludmFsaWQwIBcNMDAwMTAxMDAw
MDAwWhgPMjA5OTEyMDcwMDAwMDBaMCIxIDAeBgNVBAMMF3NlbGYtY2hlY2sud2Vp
ci5pbnZhbGlkMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEpj9AhA0+2Tn9EtOz
S/qgfl4kYOddZh7zOVNzWf7Y1fzwvttkiCzpR5X7qtMWrQm60l3mnk44inYl9B0N
quCpN6N3MHUwHQYDVR0OBBYEFNl4oXQB2JSRjYLXmPCgfRNtJlTCMB8GA1UdIwQY
MBaAFNl4oXQB2JSRjYLXmPCgfRNtJlTCMA8GA1UdEwEB/wQFMAMBAf8wIgYDVR0R
BBswGYIXc2VsZi1jaGVjay53ZWlyLmludmFsaWQwCgYIKoZIzj0EAwIDSQAwRgIh
AJf1yLvip8BItnVUzgqvaDFQg2qkj9oUH8275Baug0YTAiEAzj2Sptq7KQGsTiQb
+xtnikiffXhXO0ZfohUVx0oHvTI=
-----END CERTIFICATE-----
`;

/** The certificate of the self-check, for tests that need any certificate. */
export const selfCheckCertificate: TlsCertificate = {
  names: [NAME],
  chainPem: CERTIFICATE_PEM,
  keyPem: KEY_PEM,
};

/** Throws `tls.self-check-failed` with what went wrong. */
export function selfCheck(engine: TlsByteEngine): void {
  const reason = firstFault(engine);
  if (reason === "") return;
  throw new WeirError("tls.self-check-failed", say(tlsMessages.selfCheckFailed, { engine: engine.name, reason }), {
    hint: say(tlsMessages.selfCheckHint, { version: engine.version }),
  });
}

/** The first fault found, or an empty string. */
function firstFault(engine: TlsByteEngine): string {
  const server = engine.server({
    name: "self-check",
    certificates: [selfCheckCertificate],
    versionMin: "1.3",
    alpn: ["h2", "http/1.1"],
    clientCertificates: { mode: "none" },
    requireKnownName: true,
    sessionLifetimeSeconds: 60,
  });
  const client = engine.client({
    verify: true,
    authoritiesPem: CERTIFICATE_PEM,
    versionMin: "1.3",
    alpn: ["http/1.1"],
  });
  const connect = (): Loopback =>
    new Loopback(
      (handler) => server.session(handler),
      (handler) => client.session(handler, NAME),
    );
  try {
    const first = connect();
    const fault = handshakeFault(first, false) || exchangeFault(first);
    first.free();
    if (fault !== "") return fault;
    const second = connect();
    const secondFault = handshakeFault(second, true) || exchangeFault(second) || damageFault(second);
    second.free();
    return secondFault;
  } finally {
    server.free();
    client.free();
  }
}

function handshakeFault(loopback: Loopback, isResumed: boolean): string {
  const { server, client } = loopback;
  if (!server.isSecure || !client.isSecure) {
    return `handshake: ${server.failure || client.failure || "not finished"}`;
  }
  if (server.session?.alpn !== "http/1.1" || client.session?.alpn !== "http/1.1") return "ALPN: not agreed";
  if (server.session.serverName !== NAME) return "server name: not read";
  if (server.session.isResumed !== isResumed) return "session tickets: not resumed";
  return "";
}

function exchangeFault(loopback: Loopback): string {
  const { server, client } = loopback;
  const question = "question ".repeat(3000);
  client.write(question);
  loopback.settle();
  if (server.takeText() !== question) return "records: the server read something else";
  server.write(question);
  loopback.settle();
  return client.takeText() === question ? "" : "records: the client read something else";
}

function damageFault(loopback: Loopback): string {
  const { server, client } = loopback;
  client.write("damaged");
  const record = client.sent[0];
  if (record === undefined) return "records: nothing was sent";
  record[record.length - 1]! ^= 1;
  loopback.settle();
  return server.failure !== "" && server.received.length === 0 ? "" : "records: a damaged one was taken";
}
