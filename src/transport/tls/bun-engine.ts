/**
 * The engine `bun`: the runtime's own TLS, inside its sockets. It needs no library and 5 KB per idle connection, and serves
 * where OpenSSL is not installed.
 *
 * Limits, all of the runtime: one certificate per listener, no OCSP stapling, tickets that only the same worker can open, no
 * choice by ClientHello. What the settings ask beyond that is refused by name, never silently left out.
 */
import type { X509Certificate } from "node:crypto";
import { say, WeirError } from "../../base/mod.ts";
import type { TlsClientSettings, TlsPeerCertificate, TlsServerSettings, TlsSocketEngine } from "./engine.ts";
import { tlsMessages } from "./messages.ts";
import { alpnWire } from "./openssl-context.ts";

const SSL_OP_NO_TLSv1_2 = 0x08000000;

export const bunEngine: TlsSocketEngine = {
  kind: "socket",
  name: "bun",
  version: Bun.version,
  listenOptions,
  connectOptions,
};

function listenOptions(settings: TlsServerSettings): Bun.TLSOptions {
  const [certificate] = settings.certificates;
  const { mode, authoritiesPem } = settings.clientCertificates;
  if (settings.certificates.length > 1) refuse(settings.name, "certificates");
  if (certificate?.ocsp !== undefined) refuse(settings.name, "ocsp");
  if (settings.requireKnownName) refuse(settings.name, "requireKnownName");
  return {
    key: certificate!.keyPem,
    cert: certificate!.chainPem,
    ...alpnOption(settings.alpn),
    ...versionOption(settings.versionMin),
    requestCert: mode !== "none",
    rejectUnauthorized: mode === "required",
    ...(authoritiesPem === undefined ? {} : { ca: authoritiesPem }),
  };
}

function connectOptions(settings: TlsClientSettings, serverName: string): Bun.TLSOptions {
  const { certificate, authoritiesPem } = settings;
  return {
    serverName,
    rejectUnauthorized: settings.verify,
    ...alpnOption(settings.alpn),
    ...versionOption(settings.versionMin),
    ...(certificate === undefined ? {} : { key: certificate.keyPem, cert: certificate.chainPem }),
    ...(authoritiesPem === undefined ? {} : { ca: authoritiesPem }),
  };
}

// The names go in wire form: as a plain string they would fail every client that offers any.
function alpnOption(names: readonly string[]): Bun.TLSOptions {
  return names.length === 0 ? {} : { ALPNProtocols: Buffer.from(alpnWire(names)).toString("latin1") };
}

function versionOption(versionMin: "1.2" | "1.3"): Bun.TLSOptions {
  return versionMin === "1.3" ? { secureOptions: SSL_OP_NO_TLSv1_2 } : {};
}

function refuse(listener: string, setting: string): never {
  throw new WeirError("tls.engine-cannot", say(tlsMessages.engineCannot, { listener, setting }), {
    hint: say(tlsMessages.engineCannotHint),
  });
}

/** The peer's certificate as the runtime tells of it; undefined where it showed none. */
export function peerCertificateOf(socket: {
  getPeerX509Certificate(): X509Certificate | undefined;
}): TlsPeerCertificate | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined || certificate === null) return undefined;
  const der = new Uint8Array(certificate.raw);
  // The runtime lists the parts from the country down, one a line; RFC 2253 from the name up.
  const subject = certificate.subject.split("\n").reverse().join(",");
  return { subject, fingerprint: new Bun.CryptoHasher("sha256").update(der).digest("hex"), der };
}
