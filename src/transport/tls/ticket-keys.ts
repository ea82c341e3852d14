/**
 * Keys that seal session tickets, laid out in native memory so that the library's callback can use them without copying.
 *
 * All workers and all generations of workers are given the same keys, so a session begun in one resumes in any. The first key
 * seals; the others only open, and a ticket opened by one of them is replaced. A ticket whose key is gone means a full
 * handshake, nothing worse.
 *
 *     key, 80 bytes: name(16) | HMAC-SHA256 key(32) | AES-256-CBC key(32)
 *     parameters for EVP_MAC_CTX_set_params: three OSSL_PARAM { key*, type, data*, bytes, returned } of 40 bytes
 */
import { type Pointer, read, toArrayBuffer } from "bun:ffi";
import { WeirError } from "../../base/mod.ts";
import { TICKET_KEY_BYTES } from "./engine.ts";
import { type OpenSslLibrary, zeroTerminated } from "./openssl-library.ts";

/** More keys than this only slow the search down; one current and two former are usual. */
export const TICKET_KEYS_MAX = 4;

const NAME_BYTES = 16;
const MAC_KEY_OFFSET = 16;
const MAC_KEY_BYTES = 32;
const CIPHER_KEY_OFFSET = 48;
const PARAMETERS_OFFSET = TICKET_KEY_BYTES;
const PARAMETER_BYTES = 40;
const PARAMETERS = 3;
const OSSL_PARAM_UTF8_STRING = 4;
const OSSL_PARAM_OCTET_STRING = 5;

/** What the library's callback is to answer. */
export const TicketAnswer = { error: -1, unknown: 0, done: 1, renew: 2 } as const;

interface PlacedKey {
  readonly address: number;
  /** The name as four words, for a quick comparison. */
  readonly words: Uint32Array;
}

/** Constants that the parameter lists of all keys point to. */
export class TicketStrings {
  readonly library: OpenSslLibrary;
  readonly cipher: number;
  readonly digestName: number;
  readonly digestValue: number;
  readonly keyName: number;

  constructor(library: OpenSslLibrary) {
    this.library = library;
    this.cipher = library.need(library.crypto.EVP_CIPHER_fetch(null, zeroTerminated("AES-256-CBC"), null));
    this.digestName = library.place(zeroTerminated("digest"));
    this.digestValue = library.place(zeroTerminated("SHA256"));
    this.keyName = library.place(zeroTerminated("key"));
  }
}

export class TicketKeys {
  private readonly strings: TicketStrings;
  private keys: readonly PlacedKey[];

  constructor(strings: TicketStrings, keys: readonly Uint8Array[]) {
    this.strings = strings;
    this.keys = placeAll(strings, keys);
  }

  /** Exchanges the keys. Nothing of the library refers to the old ones outside of a callback. */
  replace(keys: readonly Uint8Array[]): void {
    const placed = placeAll(this.strings, keys);
    this.free();
    this.keys = placed;
  }

  free(): void {
    for (const key of this.keys) {
      new Uint8Array(toArrayBuffer(key.address as Pointer, 0, TICKET_KEY_BYTES)).fill(0);
      this.strings.library.release(key.address);
    }
    this.keys = [];
  }

  /** Seals: writes the current key's name and a fresh iv, and sets both contexts up. */
  seal(name: number, iv: number, cipherContext: number, macContext: number): number {
    const key = this.keys[0];
    const { crypto } = this.strings.library;
    if (key === undefined || crypto.RAND_bytes(iv, 16) !== 1) return TicketAnswer.error;
    const out = new Uint8Array(toArrayBuffer(name as Pointer, 0, NAME_BYTES));
    out.set(new Uint8Array(key.words.buffer));
    return this.setUp(key, iv, cipherContext, macContext, 1) ? TicketAnswer.done : TicketAnswer.error;
  }

  /** Opens: finds the key by its name and sets both contexts up. */
  open(name: number, iv: number, cipherContext: number, macContext: number): number {
    for (let index = 0; index < this.keys.length; index++) {
      const key = this.keys[index]!;
      if (!hasName(key, name)) continue;
      if (!this.setUp(key, iv, cipherContext, macContext, 0)) return TicketAnswer.error;
      return index === 0 ? TicketAnswer.done : TicketAnswer.renew;
    }
    return TicketAnswer.unknown;
  }

  private setUp(key: PlacedKey, iv: number, cipherContext: number, macContext: number, encrypts: number): boolean {
    const { crypto } = this.strings.library;
    const cipherKey = key.address + CIPHER_KEY_OFFSET;
    return (
      crypto.EVP_CipherInit_ex(cipherContext, this.strings.cipher, null, cipherKey, iv, encrypts) === 1 &&
      crypto.EVP_MAC_CTX_set_params(macContext, key.address + PARAMETERS_OFFSET) === 1
    );
  }
}

/** Fresh random keys, for a process that was given none. */
export function randomTicketKey(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(TICKET_KEY_BYTES));
}

function hasName(key: PlacedKey, name: number): boolean {
  for (let word = 0; word < 4; word++) {
    if (read.u32(name as Pointer, word * 4) !== key.words[word]) return false;
  }
  return true;
}

function placeAll(strings: TicketStrings, keys: readonly Uint8Array[]): PlacedKey[] {
  if (keys.length === 0 || keys.length > TICKET_KEYS_MAX || keys.some((key) => key.length !== TICKET_KEY_BYTES)) {
    throw new WeirError(
      "tls.ticket-keys",
      `ticket keys are 1 to ${TICKET_KEYS_MAX} keys of ${TICKET_KEY_BYTES} bytes each`,
      { hint: "make one with: openssl rand 80 > ticket.key" },
    );
  }
  return keys.map((key) => placeKey(strings, key));
}

function placeKey(strings: TicketStrings, key: Uint8Array): PlacedKey {
  const block = new Uint8Array(TICKET_KEY_BYTES + PARAMETERS * PARAMETER_BYTES);
  block.set(key);
  const address = strings.library.place(block);
  const view = new DataView(toArrayBuffer(address as Pointer, 0, block.length));
  const parameter = (index: number, name: number, type: number, data: number, bytes: number): void => {
    const at = PARAMETERS_OFFSET + index * PARAMETER_BYTES;
    view.setBigUint64(at, BigInt(name), true);
    view.setUint32(at + 8, type, true);
    view.setBigUint64(at + 16, BigInt(data), true);
    view.setBigUint64(at + 24, BigInt(bytes), true);
  };
  parameter(0, strings.keyName, OSSL_PARAM_OCTET_STRING, address + MAC_KEY_OFFSET, MAC_KEY_BYTES);
  parameter(1, strings.digestName, OSSL_PARAM_UTF8_STRING, strings.digestValue, "SHA256".length);
  return { address, words: new Uint32Array(key.slice(0, NAME_BYTES).buffer) };
}
