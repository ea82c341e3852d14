/** TLS towards clients (`listeners.*.tls`) and towards upstreams (`upstreams.*.tls`). The files are read by tls-files.ts. */
import { filePathOf } from "./file-path.ts";
import { choice, duration, flag, type LeafProblem, listOf, offOr, orNull, section, show, text } from "./leaf.ts";
import { messages } from "./messages.ts";

/** Names in one list at most; a certificate with more is better split. */
const NAMES_MAX = 100;
/** Certificates of one listener at most: each has a context of about 30 KB in each worker. */
const CERTIFICATES_MAX = 1000;

const file = (why: string): ReturnType<typeof text<string>> => text({ type: "path" }, { why }, filePathOf);

const serverName = (why: string): ReturnType<typeof text<string>> =>
  text({ type: "host name" }, { why }, (input): { value: string } | LeafProblem =>
    /^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$/.test(input)
      ? { value: input.toLowerCase() }
      : { problem: messages.serverNameWrong, hint: messages.serverNameHint, values: { found: show(input) } },
  );

const certificate = section({
  certificate: file("PEM file with the server's certificate first and the intermediates after it."),
  key: file("PEM file with its private key, not encrypted, readable by Weir's user."),
  names: listOf(serverName("A host name, or `*.` and a domain."), {
    default: [],
    max: NAMES_MAX,
    why: "Server names (SNI) this certificate answers. Left out, the names in the certificate itself.",
  }),
  ocsp: orNull(
    file("DER file with an OCSP answer."),
    "DER file with an OCSP answer, given to clients that ask for one (stapling), and read again on every reload. Engine `openssl` only.",
  ),
});

const clientCertificates = offOr(
  section({
    mode: choice(["required", "optional"], {
      default: "required",
      why: "Whether a client without a certificate is refused. One with a wrong certificate always is.",
    }),
    authorities: file("PEM file with the authorities whose certificates are accepted."),
  }),
  { default: "off", why: "Certificates of clients (mutual TLS). Off: none is asked for." },
);

/** The ALPN names that can be offered. */
export const alpnNames = ["h2", "http/1.1"] as const;

export const listenerTls = offOr(
  section({
    certificates: listOf(certificate, {
      min: 1,
      max: CERTIFICATES_MAX,
      why: "Certificates. The first one also answers clients that ask for no name, or for one that none has.",
    }),
    engine: choice(["auto", "openssl", "bun"], {
      default: "auto",
      why: "`openssl`: the system's OpenSSL 3; sessions resume on every worker and after a restart. `bun`: the runtime's own; one certificate, sessions resume on the same worker only. `auto`: `openssl` where it is installed.",
    }),
    versionMin: choice(["1.3", "1.2"], {
      default: "1.3",
      why: "The oldest version of TLS. 1.2 has a longer handshake and is kept to six suites with forward secrecy.",
    }),
    alpn: listOf(choice(alpnNames, { why: "A protocol." }), {
      default: ["h2", "http/1.1"],
      max: alpnNames.length,
      why: "Protocols offered in ALPN, the preferred one first. A client that offers only others is refused.",
    }),
    requireKnownName: flag({
      default: "off",
      why: "Refuse clients that ask for no server name or an unknown one, instead of showing them the first certificate. Off, because health checks often send none.",
    }),
    clientCertificates,
    sessionLifetime: duration({
      default: "2h",
      min: "1m",
      max: "7d",
      why: "How long a session can be resumed without a full handshake. Two hours: longer adds little, and a client certificate is not looked at again meanwhile. RFC 8446 allows 7 days.",
    }),
  }),
  { default: "off", why: "TLS. Off: clients speak HTTP in the clear. 0-RTT data is never accepted." },
);

const ownCertificate = section({
  certificate: file("PEM file with the certificate, then its intermediates."),
  key: file("PEM file with its private key, not encrypted."),
});

export const upstreamTls = offOr(
  section({
    verify: flag({
      default: "on",
      why: "Verify the upstream's certificate and name. Off accepts anybody who answers: for tests only.",
    }),
    authorities: orNull(
      file("PEM file with authorities."),
      "PEM file with the authorities that sign upstreams. Left out, those of the system.",
    ),
    serverName: orNull(
      serverName("A host name."),
      "The name that is asked for and verified. Left out, the endpoint's own host name or address.",
    ),
    clientCertificate: orNull(ownCertificate, "The certificate Weir shows to the upstream. Left out, none."),
    versionMin: choice(["1.3", "1.2"], {
      default: "1.2",
      why: "The oldest version of TLS. 1.2, because services behind a gateway are often old; its suites have forward secrecy.",
    }),
  }),
  { default: "off", why: "TLS towards the upstream. `{}` is enough where its certificate is of a known authority." },
);
