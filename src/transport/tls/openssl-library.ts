/**
 * The system's OpenSSL (`libssl.so.3`, `libcrypto.so.3`) through the runtime's foreign function interface.
 *
 * It trades portability for what Bun's own TLS lacks: session tickets that other processes can open, stapled OCSP answers,
 * certificates by name, and bytes in and out instead of sockets. Only public, documented functions are used and nothing is
 * assumed about the library's structures (but see traffic-secrets.ts), so any OpenSSL 3 fits.
 *
 * Memory that is handed over by address lies in an arena that the library itself allocated, so no collector can move it. A
 * JavaScript array is passed as itself, or by an address taken in the same expression; no address of one is ever kept.
 *
 * Limits: one instance per process, on one thread; the shared BIOs and the arena are its scratch.
 */
import { dlopen, type Pointer, ptr, read, toArrayBuffer } from "bun:ffi";
import { say, WeirError } from "../../base/mod.ts";
import { tlsMessages } from "./messages.ts";

const sslFunctions = {
  TLS_server_method: { args: [], returns: "ptr" },
  TLS_client_method: { args: [], returns: "ptr" },
  SSL_CTX_new: { args: ["ptr"], returns: "ptr" },
  SSL_CTX_free: { args: ["ptr"], returns: "void" },
  SSL_CTX_ctrl: { args: ["ptr", "i32", "i64", "ptr"], returns: "i32" },
  SSL_CTX_callback_ctrl: { args: ["ptr", "i32", "ptr"], returns: "i32" },
  SSL_CTX_set_options: { args: ["ptr", "u64"], returns: "void" },
  SSL_CTX_set_ciphersuites: { args: ["ptr", "ptr"], returns: "i32" },
  SSL_CTX_set_cipher_list: { args: ["ptr", "ptr"], returns: "i32" },
  SSL_CTX_set_num_tickets: { args: ["ptr", "usize"], returns: "i32" },
  SSL_CTX_set_timeout: { args: ["ptr", "i64"], returns: "void" },
  SSL_CTX_set_max_early_data: { args: ["ptr", "u32"], returns: "i32" },
  SSL_CTX_set_session_id_context: { args: ["ptr", "ptr", "u32"], returns: "i32" },
  SSL_CTX_set_alpn_select_cb: { args: ["ptr", "ptr", "ptr"], returns: "void" },
  SSL_CTX_set_alpn_protos: { args: ["ptr", "ptr", "u32"], returns: "i32" },
  SSL_CTX_set_tlsext_ticket_key_evp_cb: { args: ["ptr", "ptr"], returns: "i32" },
  SSL_CTX_set_keylog_callback: { args: ["ptr", "ptr"], returns: "void" },
  SSL_CTX_set_verify: { args: ["ptr", "i32", "ptr"], returns: "void" },
  SSL_CTX_set_default_verify_paths: { args: ["ptr"], returns: "i32" },
  SSL_CTX_get_cert_store: { args: ["ptr"], returns: "ptr" },
  SSL_CTX_add_client_CA: { args: ["ptr", "ptr"], returns: "i32" },
  SSL_CTX_use_certificate: { args: ["ptr", "ptr"], returns: "i32" },
  SSL_CTX_use_PrivateKey: { args: ["ptr", "ptr"], returns: "i32" },
  SSL_CTX_check_private_key: { args: ["ptr"], returns: "i32" },
  SSL_new: { args: ["ptr"], returns: "ptr" },
  SSL_free: { args: ["ptr"], returns: "void" },
  SSL_ctrl: { args: ["ptr", "i32", "i64", "ptr"], returns: "i32" },
  SSL_set_bio: { args: ["ptr", "ptr", "ptr"], returns: "void" },
  SSL_set_accept_state: { args: ["ptr"], returns: "void" },
  SSL_set_connect_state: { args: ["ptr"], returns: "void" },
  SSL_do_handshake: { args: ["ptr"], returns: "i32" },
  SSL_read: { args: ["ptr", "ptr", "i32"], returns: "i32" },
  SSL_write: { args: ["ptr", "ptr", "i32"], returns: "i32" },
  SSL_shutdown: { args: ["ptr"], returns: "i32" },
  SSL_set_shutdown: { args: ["ptr", "i32"], returns: "void" },
  SSL_get_error: { args: ["ptr", "i32"], returns: "i32" },
  SSL_version: { args: ["ptr"], returns: "i32" },
  SSL_session_reused: { args: ["ptr"], returns: "i32" },
  SSL_get_current_cipher: { args: ["ptr"], returns: "ptr" },
  SSL_CIPHER_get_protocol_id: { args: ["ptr"], returns: "u16" },
  SSL_select_next_proto: { args: ["ptr", "ptr", "ptr", "u32", "ptr", "u32"], returns: "i32" },
  SSL_get0_alpn_selected: { args: ["ptr", "ptr", "ptr"], returns: "void" },
  SSL_get1_peer_certificate: { args: ["ptr"], returns: "ptr" },
  SSL_get_verify_result: { args: ["ptr"], returns: "i32" },
  SSL_set1_host: { args: ["ptr", "ptr"], returns: "i32" },
  SSL_get0_param: { args: ["ptr"], returns: "ptr" },
  SSL_get1_session: { args: ["ptr"], returns: "ptr" },
  SSL_set_session: { args: ["ptr", "ptr"], returns: "i32" },
  SSL_SESSION_is_resumable: { args: ["ptr"], returns: "i32" },
  SSL_SESSION_free: { args: ["ptr"], returns: "void" },
} as const;

const cryptoFunctions = {
  OpenSSL_version_num: { args: [], returns: "u32" },
  OpenSSL_version: { args: ["i32"], returns: "ptr" },
  CRYPTO_malloc: { args: ["usize", "ptr", "i32"], returns: "ptr" },
  CRYPTO_free: { args: ["ptr", "ptr", "i32"], returns: "void" },
  BIO_new: { args: ["ptr"], returns: "ptr" },
  BIO_s_mem: { args: [], returns: "ptr" },
  BIO_up_ref: { args: ["ptr"], returns: "i32" },
  BIO_free: { args: ["ptr"], returns: "i32" },
  BIO_write: { args: ["ptr", "ptr", "i32"], returns: "i32" },
  BIO_read: { args: ["ptr", "ptr", "i32"], returns: "i32" },
  BIO_ctrl: { args: ["ptr", "i32", "i64", "ptr"], returns: "i32" },
  ERR_get_error: { args: [], returns: "u32" },
  ERR_clear_error: { args: [], returns: "void" },
  ERR_reason_error_string: { args: ["u64"], returns: "ptr" },
  PEM_read_bio_X509: { args: ["ptr", "ptr", "ptr", "ptr"], returns: "ptr" },
  PEM_read_bio_PrivateKey: { args: ["ptr", "ptr", "ptr", "ptr"], returns: "ptr" },
  EVP_PKEY_free: { args: ["ptr"], returns: "void" },
  X509_free: { args: ["ptr"], returns: "void" },
  X509_STORE_add_cert: { args: ["ptr", "ptr"], returns: "i32" },
  X509_get_subject_name: { args: ["ptr"], returns: "ptr" },
  X509_NAME_print_ex: { args: ["ptr", "ptr", "i32", "u64"], returns: "i32" },
  X509_verify_cert_error_string: { args: ["i64"], returns: "ptr" },
  X509_VERIFY_PARAM_set1_ip_asc: { args: ["ptr", "ptr"], returns: "i32" },
  i2d_X509_bio: { args: ["ptr", "ptr"], returns: "i32" },
  EVP_CIPHER_fetch: { args: ["ptr", "ptr", "ptr"], returns: "ptr" },
  EVP_CIPHER_CTX_new: { args: [], returns: "ptr" },
  EVP_CIPHER_CTX_free: { args: ["ptr"], returns: "void" },
  EVP_CipherInit_ex: { args: ["ptr", "ptr", "ptr", "ptr", "ptr", "i32"], returns: "i32" },
  EVP_CipherUpdate: { args: ["ptr", "ptr", "ptr", "ptr", "i32"], returns: "i32" },
  EVP_CipherFinal_ex: { args: ["ptr", "ptr", "ptr"], returns: "i32" },
  EVP_CIPHER_CTX_ctrl: { args: ["ptr", "i32", "i32", "ptr"], returns: "i32" },
  EVP_MAC_CTX_set_params: { args: ["ptr", "ptr"], returns: "i32" },
  EVP_MD_fetch: { args: ["ptr", "ptr", "ptr"], returns: "ptr" },
  EVP_Digest: { args: ["ptr", "usize", "ptr", "ptr", "ptr", "ptr"], returns: "i32" },
  RAND_bytes: { args: ["ptr", "i32"], returns: "i32" },
} as const;

type Declared = Readonly<Record<string, { readonly args: readonly string[]; readonly returns: string }>>;
type Argument<T> = T extends "ptr" ? number | Uint8Array | null : number;
type Result<T> = T extends "void" ? undefined : T extends "ptr" ? number | null : number;
type Arguments<A extends readonly string[]> = { -readonly [Index in keyof A]: Argument<A[Index]> };
type Native<D extends Declared> = {
  readonly [Name in keyof D]: (...values: Arguments<D[Name]["args"]>) => Result<D[Name]["returns"]>;
};
export type SslFunctions = Native<typeof sslFunctions>;
export type CryptoFunctions = Native<typeof cryptoFunctions>;

/** First version whose documented interface is used here: 3.0.0. */
const VERSION_MIN = 0x30000000;
/** One mebibyte for ciphertext on its way out and plaintext on its way in. */
const BATCH_BYTES = 131_072;
/** Room past the end for one whole record, so that a batch is checked before a record and not inside it. */
const RECORD_ROOM_BYTES = 17_408;

/** Offsets in the arena. */
export const Arena = {
  /** Small values handed over by address: nonces, lengths, single bytes, hashes. */
  small: 0,
  smallBytes: 4096,
  plaintext: 4096,
  plaintextEnd: 4096 + BATCH_BYTES,
  ciphertext: 4096 + BATCH_BYTES + RECORD_ROOM_BYTES,
  ciphertextEnd: 4096 + 2 * BATCH_BYTES + RECORD_ROOM_BYTES,
  bytes: 4096 + 2 * (BATCH_BYTES + RECORD_ROOM_BYTES),
} as const;

const BIO_CTRL_RESET = 1;
const BIO_CTRL_PENDING = 10;
const BIO_C_SET_BUF_MEM_EOF_RETURN = 130;
const OPENSSL_VERSION_STRING = 6;

/** The loaded libraries with the scratch memory that all sessions of the process share. */
export class OpenSslLibrary {
  readonly ssl: SslFunctions;
  readonly crypto: CryptoFunctions;
  readonly version: string;
  /** Address of the arena, and its bytes. */
  readonly base: number;
  readonly memory: Uint8Array;
  readonly view: DataView;
  /** The pair of memory BIOs between the library and us. Empty whenever no call is under way. */
  readonly input: number;
  readonly output: number;

  constructor(ssl: SslFunctions, crypto: CryptoFunctions) {
    this.ssl = ssl;
    this.crypto = crypto;
    this.version = this.text(crypto.OpenSSL_version(OPENSSL_VERSION_STRING));
    this.base = this.need(crypto.CRYPTO_malloc(Arena.bytes, null, 0));
    const arena = toArrayBuffer(this.base as Pointer, 0, Arena.bytes);
    this.memory = new Uint8Array(arena);
    this.view = new DataView(arena);
    this.memory.fill(0);
    this.input = this.memoryBio();
    this.output = this.memoryBio();
  }

  /** A pointer that must not be null; null is the library out of memory or refusing. */
  need(pointer: number | null): number {
    if (pointer !== null && pointer !== 0) return pointer;
    throw new WeirError("tls.library-refused", say(tlsMessages.libraryRefused, { reason: this.takeErrors() }), {
      hint: say(tlsMessages.libraryRefusedHint),
    });
  }

  /** A result that must be positive. */
  check(result: number): void {
    if (result <= 0) this.need(null);
  }

  memoryBio(): number {
    const bio = this.need(this.crypto.BIO_new(this.crypto.BIO_s_mem()));
    // An empty one says "try again" instead of "end of input".
    this.crypto.BIO_ctrl(bio, BIO_C_SET_BUF_MEM_EOF_RETURN, -1, null);
    return bio;
  }

  /** Bytes waiting in a memory BIO. */
  pending(bio: number): number {
    return this.crypto.BIO_ctrl(bio, BIO_CTRL_PENDING, 0, null);
  }

  clear(bio: number): void {
    this.crypto.BIO_ctrl(bio, BIO_CTRL_RESET, 0, null);
  }

  /** Everything in a memory BIO, copied. */
  takeAll(bio: number): Uint8Array {
    const bytes = new Uint8Array(this.pending(bio));
    if (bytes.length > 0) this.crypto.BIO_read(bio, bytes, bytes.length);
    return bytes;
  }

  /** Allocates native memory that holds `bytes`; released by `release` or never. */
  place(bytes: Uint8Array): number {
    const address = this.need(this.crypto.CRYPTO_malloc(bytes.length, null, 0));
    new Uint8Array(toArrayBuffer(address as Pointer, 0, bytes.length)).set(bytes);
    return address;
  }

  release(address: number): void {
    this.crypto.CRYPTO_free(address, null, 0);
  }

  /** The library's reason for the last failure, and an empty error queue after it. */
  takeErrors(): string {
    let reason = "";
    for (let code = this.crypto.ERR_get_error(); code !== 0; code = this.crypto.ERR_get_error()) {
      if (reason === "") reason = this.text(this.crypto.ERR_reason_error_string(code));
    }
    return reason;
  }

  /** A string of the library, up to its zero or `bytesMax`. */
  text(address: number | null, bytesMax = 1024): string {
    if (address === null || address === 0) return "";
    let result = "";
    for (let offset = 0; offset < bytesMax; offset++) {
      const byte = read.u8(address as Pointer, offset);
      if (byte === 0) break;
      result += String.fromCharCode(byte);
    }
    return result;
  }
}

/** The address of `bytes[from]`, good for the call it is written in and no longer. */
export function addressOf(bytes: Uint8Array, from: number): number {
  return ptr(bytes, from) as number;
}

/** A string as C wants it. */
export function zeroTerminated(value: string): Uint8Array {
  return Buffer.from(`${value}\0`, "latin1");
}

let loaded: OpenSslLibrary | undefined;

/** Loads the library once per process. Throws `tls.library-missing` or `tls.library-too-old`. */
export function openSslLibrary(): OpenSslLibrary {
  loaded ??= loadOpenSsl("libssl.so.3", "libcrypto.so.3");
  return loaded;
}

/** Loads the library from the given files. */
export function loadOpenSsl(sslFile: string, cryptoFile: string): OpenSslLibrary {
  try {
    const crypto = dlopen(cryptoFile, { OpenSSL_version_num: cryptoFunctions.OpenSSL_version_num });
    const version = Number(crypto.symbols.OpenSSL_version_num());
    if (version < VERSION_MIN) throw tooOld(version);
    return new OpenSslLibrary(
      dlopen(sslFile, sslFunctions).symbols as unknown as SslFunctions,
      dlopen(cryptoFile, cryptoFunctions).symbols as unknown as CryptoFunctions,
    );
  } catch (cause) {
    if (cause instanceof WeirError) throw cause;
    throw new WeirError("tls.library-missing", say(tlsMessages.libraryMissing, { file: sslFile }), {
      hint: say(tlsMessages.libraryMissingHint),
      cause,
    });
  }
}

function tooOld(version: number): WeirError {
  const text = `${version >>> 28}.${(version >>> 20) & 255}`;
  return new WeirError("tls.library-too-old", say(tlsMessages.libraryTooOld, { version: text }), {
    hint: say(tlsMessages.libraryMissingHint),
  });
}
