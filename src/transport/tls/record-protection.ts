/** @hot
 * One direction of a TLS 1.3 connection's record protection (RFC 8446 section 5.2): keys, nonces and the AEAD itself, done by
 * the system's libcrypto on memory that is not copied first.
 *
 * It exists because the library's own connection object costs 14 KB for as long as a connection lives and about a microsecond
 * per record; the AEAD alone costs 1.2 KB and a third of that. The handshake stays the library's.
 *
 *     TLSInnerPlaintext: content | type(1) | zeros      record: 17 03 03 length(2) | AEAD(inner), tag(16)
 *     nonce = iv XOR sequence number; additional data = the record's five first bytes
 *
 * Limits: the three suites of TLS 1.3 that every peer has; not more than 2^24 records with one key (section 5.5).
 */
import { Arena, addressOf, type OpenSslLibrary, zeroTerminated } from "./openssl-library.ts";

export const RECORD_HEADER_BYTES = 5;
export const TAG_BYTES = 16;
/** Most bytes of content in one record. */
export const CONTENT_BYTES_MAX = 16_384;
/** Most bytes of a protected record after its header. */
export const PROTECTED_BYTES_MAX = CONTENT_BYTES_MAX + 256;
/** A sealed record is longer than its content by header, type and tag. */
export const SEAL_OVERHEAD_BYTES = RECORD_HEADER_BYTES + 1 + TAG_BYTES;

/** Records sealed with one key before it is renewed: below 2^24.5, the bound of AES-GCM (section 5.5). */
export const RECORDS_PER_KEY_MAX = 2 ** 24;

const EVP_CTRL_AEAD_GET_TAG = 16;
const EVP_CTRL_AEAD_SET_TAG = 17;
const IV_BYTES = 12;
const SECRET_BYTES_MAX = 48;

// Offsets in the arena's small area. Each is written and read within one method.
const NONCE = Arena.small;
const LENGTH = Arena.small + 16;
const TYPE = Arena.small + 24;
/** Nothing is ever written here: stream modes have no last block. */
const FINAL = Arena.small + 352;
const KEY = Arena.small + 32;
const HASH = Arena.small + 96;
const BLOCK = Arena.small + 384;
const BLOCK_END = BLOCK + 256;

/** A cipher suite with its pool of contexts, ready for use. */
export class RecordSuite {
  readonly code: number;
  readonly keyBytes: number;
  readonly hashBytes: number;
  readonly cipher: number;
  readonly digest: number;
  /** Contexts of closed connections. Their keys are overwritten when they are taken again. */
  private readonly free: number[] = [];
  private readonly library: OpenSslLibrary;

  /** Length of the hash's block, which HMAC pads keys to. */
  readonly blockBytes: number;

  constructor(library: OpenSslLibrary, code: number, name: string, keyBytes: number, hashBytes: number) {
    this.library = library;
    this.code = code;
    this.keyBytes = keyBytes;
    this.hashBytes = hashBytes;
    this.cipher = library.need(library.crypto.EVP_CIPHER_fetch(null, zeroTerminated(name), null));
    this.blockBytes = hashBytes === 32 ? 64 : 128;
    const hash = zeroTerminated(hashBytes === 32 ? "SHA256" : "SHA384");
    this.digest = library.need(library.crypto.EVP_MD_fetch(null, hash, null));
  }

  acquire(): number {
    return this.free.pop() ?? this.library.need(this.library.crypto.EVP_CIPHER_CTX_new());
  }

  release(context: number): void {
    if (this.free.length < FREE_CONTEXTS_MAX) this.free.push(context);
    else this.library.crypto.EVP_CIPHER_CTX_free(context);
  }
}

/** Contexts kept for the next connections: about 1.2 KB each. */
const FREE_CONTEXTS_MAX = 512;

/** The suites by their code in the protocol. */
export class RecordSuites {
  private readonly suites: readonly RecordSuite[];

  constructor(library: OpenSslLibrary) {
    this.suites = [
      new RecordSuite(library, 0x1301, "AES-128-GCM", 16, 32),
      new RecordSuite(library, 0x1302, "AES-256-GCM", 32, 48),
      new RecordSuite(library, 0x1303, "ChaCha20-Poly1305", 32, 32),
    ];
  }

  find(code: number): RecordSuite | undefined {
    for (const suite of this.suites) if (suite.code === code) return suite;
    return undefined;
  }
}

export type Direction = "seal" | "open";

/** Keys and counters of one direction. */
export class RecordProtection {
  /** Records done with the present key. */
  sequence = 0;
  private readonly library: OpenSslLibrary;
  private readonly suite: RecordSuite;
  private readonly encrypts: number;
  private context: number;
  /** The traffic secret, from which the next one is made. */
  private readonly secret = new Uint8Array(SECRET_BYTES_MAX);
  private iv0 = 0;
  private iv1 = 0;
  private iv2 = 0;

  constructor(library: OpenSslLibrary, suite: RecordSuite, direction: Direction, secret: Uint8Array) {
    this.library = library;
    this.suite = suite;
    this.encrypts = direction === "seal" ? 1 : 0;
    this.context = suite.acquire();
    for (let index = 0; index < suite.hashBytes; index++) this.secret[index] = secret[index]!;
    this.install();
  }

  /** Moves to the next generation of keys (section 7.2). */
  renew(): void {
    this.expand("traffic upd", this.suite.hashBytes);
    this.keepHash(this.secret, this.suite.hashBytes);
    this.install();
    this.sequence = 0;
  }

  /**
   * Seals `source[from, to)` as one record of `type` at arena offset `at`; returns the offset after the record.
   * The caller sees to it that there is room and that the content is not over `CONTENT_BYTES_MAX`.
   */
  seal(type: number, source: Uint8Array, from: number, to: number, at: number): number {
    const { crypto, memory, base } = this.library;
    const contentBytes = to - from;
    const bodyBytes = contentBytes + 1 + TAG_BYTES;
    memory[at] = 23;
    memory[at + 1] = 3;
    memory[at + 2] = 3;
    memory[at + 3] = bodyBytes >>> 8;
    memory[at + 4] = bodyBytes & 255;
    memory[TYPE] = type;
    const body = base + at + RECORD_HEADER_BYTES;
    const context = this.context;
    this.writeNonce();
    crypto.EVP_CipherInit_ex(context, null, null, null, base + NONCE, this.encrypts);
    crypto.EVP_CipherUpdate(context, null, base + LENGTH, base + at, RECORD_HEADER_BYTES);
    if (contentBytes > 0) {
      crypto.EVP_CipherUpdate(context, body, base + LENGTH, addressOf(source, from), contentBytes);
    }
    crypto.EVP_CipherUpdate(context, body + contentBytes, base + LENGTH, base + TYPE, 1);
    crypto.EVP_CipherFinal_ex(context, body + contentBytes + 1, base + LENGTH);
    crypto.EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, body + contentBytes + 1);
    return at + RECORD_HEADER_BYTES + bodyBytes;
  }

  /**
   * Opens the record at `source[from]` whose body has `bodyBytes`, in place: its inner plaintext (content, type and zeros)
   * then begins where the body began. Returns that plaintext's length, or -1 where the tag is wrong; nothing may be used then.
   */
  open(source: Uint8Array, from: number, bodyBytes: number): number {
    const { crypto, base } = this.library;
    const innerBytes = bodyBytes - TAG_BYTES;
    const header = addressOf(source, from);
    const body = header + RECORD_HEADER_BYTES;
    const context = this.context;
    this.writeNonce();
    crypto.EVP_CipherInit_ex(context, null, null, null, base + NONCE, this.encrypts);
    crypto.EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, body + innerBytes);
    crypto.EVP_CipherUpdate(context, null, base + LENGTH, header, RECORD_HEADER_BYTES);
    crypto.EVP_CipherUpdate(context, body, base + LENGTH, body, innerBytes);
    return crypto.EVP_CipherFinal_ex(context, base + FINAL, base + LENGTH) > 0 ? innerBytes : -1;
  }

  /** Gives the context back and forgets the secret. */
  free(): void {
    if (this.context === 0) return;
    this.suite.release(this.context);
    this.context = 0;
    this.secret.fill(0);
  }

  private writeNonce(): void {
    const view = this.library.view;
    const sequence = this.sequence++;
    view.setUint32(NONCE, this.iv0);
    view.setUint32(NONCE + 4, this.iv1 ^ Math.floor(sequence / 0x1_0000_0000));
    view.setUint32(NONCE + 8, this.iv2 ^ (sequence >>> 0));
  }

  /** Key and iv from the secret (section 7.3). */
  private install(): void {
    const { crypto, memory, view, base } = this.library;
    this.expand("iv", IV_BYTES);
    this.iv0 = view.getUint32(HASH);
    this.iv1 = view.getUint32(HASH + 4);
    this.iv2 = view.getUint32(HASH + 8);
    this.expand("key", this.suite.keyBytes);
    memory.copyWithin(KEY, HASH, HASH + this.suite.keyBytes);
    this.library.check(
      crypto.EVP_CipherInit_ex(this.context, this.suite.cipher, null, base + KEY, base + NONCE, this.encrypts),
    );
    memory.fill(0, KEY, HASH + SECRET_BYTES_MAX);
    memory.fill(0, BLOCK, BLOCK_END);
  }

  /**
   * HKDF-Expand-Label with an empty context (section 7.1), at most one hash long, into `HASH`:
   * HMAC(secret, length(2) | "tls13 " label, counted | 0 | 1).
   *
   * HMAC is two hashes (RFC 2104); the library's own takes five times as long, most of it to look itself up.
   */
  private expand(label: string, lengthBytes: number): void {
    const { memory } = this.library;
    const { blockBytes, hashBytes } = this.suite;
    this.writePad(INNER_PAD);
    let at = BLOCK + blockBytes;
    memory[at++] = 0;
    memory[at++] = lengthBytes;
    memory[at++] = PREFIX.length + label.length;
    for (let index = 0; index < PREFIX.length; index++) memory[at++] = PREFIX.charCodeAt(index);
    for (let index = 0; index < label.length; index++) memory[at++] = label.charCodeAt(index);
    memory[at++] = 0;
    memory[at++] = 1;
    this.hash(at - BLOCK);
    this.writePad(OUTER_PAD);
    memory.copyWithin(BLOCK + blockBytes, HASH, HASH + hashBytes);
    this.hash(blockBytes + hashBytes);
  }

  /** The secret, filled up with zeros to a block, XOR `pad`, into `BLOCK`. */
  private writePad(pad: number): void {
    const { memory } = this.library;
    const { blockBytes, hashBytes } = this.suite;
    for (let index = 0; index < hashBytes; index++) memory[BLOCK + index] = this.secret[index]! ^ pad;
    memory.fill(pad, BLOCK + hashBytes, BLOCK + blockBytes);
  }

  /** Hashes the first `bytes` of `BLOCK` into `HASH`. */
  private hash(bytes: number): void {
    const { crypto, base } = this.library;
    this.library.check(crypto.EVP_Digest(base + BLOCK, bytes, base + HASH, null, this.suite.digest, null));
  }

  private keepHash(target: Uint8Array, bytes: number): void {
    for (let index = 0; index < bytes; index++) target[index] = this.library.memory[HASH + index]!;
  }
}

const PREFIX = "tls13 ";
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;
