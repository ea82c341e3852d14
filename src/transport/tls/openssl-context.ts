/**
 * Builds the library's contexts (SSL_CTX) from settings: certificates, authorities, versions, suites. Whatever the library
 * refuses is thrown with its own reason; files were checked before (see certificate-files.ts).
 *
 * Suites are few on purpose. TLS 1.3: AES-128 first, because on one core it is the cheapest and no weaker in practice. TLS 1.2,
 * where it was chosen: forward secret and authenticated only. 0-RTT is off on both sides.
 */
import type { TlsCertificate, TlsClientSettings, TlsVersion } from "./engine.ts";
import { type OpenSslLibrary, zeroTerminated } from "./openssl-library.ts";

const SUITES_13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
const SUITES_12 = [
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");
/** Kinds of signatures, ours and those of client certificates. A short list: the library walks it several times a handshake. */
const SIGNATURES = "ECDSA+SHA256:RSA-PSS+SHA256:ed25519:ECDSA+SHA384:RSA-PSS+SHA384:RSA+SHA256:RSA-PSS+SHA512";
/** The hybrid of ML-KEM where the library has it (OpenSSL 3.5), then the curves every peer has. */
const GROUP_LISTS = ["X25519MLKEM768:X25519:P-256:P-384", "X25519:P-256:P-384"];

const SSL_CTRL_MODE = 33;
const SSL_CTRL_SET_SESS_CACHE_MODE = 44;
const SSL_CTRL_CHAIN_CERT = 89;
const SSL_CTRL_SET_GROUPS_LIST = 92;
const SSL_CTRL_SET_SIGALGS_LIST = 98;
const SSL_CTRL_SET_MIN_PROTO_VERSION = 123;
const SSL_MODE_ENABLE_PARTIAL_WRITE = 1;
const SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER = 2;
const SSL_MODE_RELEASE_BUFFERS = 16;
const SSL_OP_NO_COMPRESSION = 2 ** 17;
const SSL_OP_PRIORITIZE_CHACHA = 2 ** 21;
const SSL_OP_CIPHER_SERVER_PREFERENCE = 2 ** 22;
const SSL_OP_NO_RENEGOTIATION = 2 ** 30;
const SSL_VERIFY_NONE = 0;
const SSL_VERIFY_PEER = 1;

export const PROTOCOL_TLS_12 = 0x0303;
export const PROTOCOL_TLS_13 = 0x0304;

/** A context with everything that both sides share. */
export function newContext(library: OpenSslLibrary, side: "server" | "client", versionMin: TlsVersion): number {
  const { ssl } = library;
  const method = side === "server" ? ssl.TLS_server_method() : ssl.TLS_client_method();
  const context = library.need(ssl.SSL_CTX_new(method));
  const lowest = versionMin === "1.3" ? PROTOCOL_TLS_13 : PROTOCOL_TLS_12;
  library.check(ssl.SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, lowest, null));
  const mode = SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER;
  ssl.SSL_CTX_ctrl(context, SSL_CTRL_MODE, mode, null);
  ssl.SSL_CTX_set_options(
    context,
    SSL_OP_NO_COMPRESSION + SSL_OP_PRIORITIZE_CHACHA + SSL_OP_CIPHER_SERVER_PREFERENCE + SSL_OP_NO_RENEGOTIATION,
  );
  library.check(ssl.SSL_CTX_set_ciphersuites(context, zeroTerminated(SUITES_13)));
  library.check(ssl.SSL_CTX_set_cipher_list(context, zeroTerminated(SUITES_12)));
  library.check(ssl.SSL_CTX_ctrl(context, SSL_CTRL_SET_SIGALGS_LIST, 0, zeroTerminated(SIGNATURES)));
  // Sessions live in tickets: nothing is kept here for clients that may never come back.
  ssl.SSL_CTX_ctrl(context, SSL_CTRL_SET_SESS_CACHE_MODE, 0, null);
  const taken = GROUP_LISTS.some(
    (groups) => ssl.SSL_CTX_ctrl(context, SSL_CTRL_SET_GROUPS_LIST, 0, zeroTerminated(groups)) === 1,
  );
  library.crypto.ERR_clear_error();
  if (!taken) library.need(null);
  return context;
}

/** Gives the context a certificate with its chain and key. One certificate of each kind of key can be given. */
export function useCertificate(library: OpenSslLibrary, context: number, certificate: TlsCertificate): void {
  const { ssl, crypto } = library;
  const chain = readCertificates(library, certificate.chainPem);
  try {
    library.check(ssl.SSL_CTX_use_certificate(context, chain[0] ?? library.need(null)));
    for (const intermediate of chain.slice(1)) {
      // With 1 the context takes a reference of its own.
      library.check(ssl.SSL_CTX_ctrl(context, SSL_CTRL_CHAIN_CERT, 1, intermediate));
    }
    const key = readKey(library, certificate.keyPem);
    library.check(ssl.SSL_CTX_use_PrivateKey(context, key));
    crypto.EVP_PKEY_free(key);
    library.check(ssl.SSL_CTX_check_private_key(context));
  } finally {
    for (const one of chain) crypto.X509_free(one);
  }
}

/** Trusts the authorities of a PEM text; `announce` also names them to clients. */
export function trustAuthorities(library: OpenSslLibrary, context: number, pem: string, announce: boolean): void {
  const { ssl, crypto } = library;
  const store = library.need(ssl.SSL_CTX_get_cert_store(context));
  for (const authority of readCertificates(library, pem)) {
    library.check(crypto.X509_STORE_add_cert(store, authority));
    if (announce) library.check(ssl.SSL_CTX_add_client_CA(context, authority));
    crypto.X509_free(authority);
  }
}

/** A client's context. */
export function newClientContext(library: OpenSslLibrary, settings: TlsClientSettings): number {
  const { ssl } = library;
  const context = newContext(library, "client", settings.versionMin);
  try {
    ssl.SSL_CTX_set_verify(context, settings.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, null);
    if (settings.authoritiesPem !== undefined) trustAuthorities(library, context, settings.authoritiesPem, false);
    else if (settings.verify) library.check(ssl.SSL_CTX_set_default_verify_paths(context));
    if (settings.certificate !== undefined) useCertificate(library, context, settings.certificate);
    const alpn = alpnWire(settings.alpn);
    // Unlike the others, this function answers 0 when it succeeded.
    if (alpn.length > 0 && ssl.SSL_CTX_set_alpn_protos(context, alpn, alpn.length) !== 0) library.need(null);
    return context;
  } catch (error) {
    ssl.SSL_CTX_free(context);
    throw error;
  }
}

/** Names as ALPN writes them: each with its length before it. */
export function alpnWire(names: readonly string[]): Uint8Array {
  return Uint8Array.from(names.flatMap((name) => [name.length, ...Buffer.from(name, "latin1")]));
}

function readCertificates(library: OpenSslLibrary, pem: string): number[] {
  const { crypto } = library;
  const bio = textBio(library, pem);
  const certificates: number[] = [];
  for (;;) {
    const certificate = crypto.PEM_read_bio_X509(bio, null, null, null);
    if (certificate === null || certificate === 0) break;
    certificates.push(certificate);
  }
  // The end of the text is an error to the library.
  crypto.ERR_clear_error();
  crypto.BIO_free(bio);
  return certificates;
}

function readKey(library: OpenSslLibrary, pem: string): number {
  const bio = textBio(library, pem);
  // With an empty passphrase an encrypted key is refused; without one the library would ask on the terminal.
  const key = library.crypto.PEM_read_bio_PrivateKey(bio, null, null, zeroTerminated(""));
  library.crypto.BIO_free(bio);
  return library.need(key);
}

function textBio(library: OpenSslLibrary, text: string): number {
  const bytes = Buffer.from(text, "utf8");
  const bio = library.memoryBio();
  if (bytes.length > 0) library.check(library.crypto.BIO_write(bio, bytes, bytes.length));
  return bio;
}
