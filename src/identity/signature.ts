/**
 * Requests signed with a shared secret:
 *
 *     Authorization: Weir-HMAC-SHA256 <key id>:<timestamp, ms since 1970>:<nonce>:<signature, base64url>
 *
 * The signature is HMAC-SHA256 over these lines, each with a line end (LF), the last one too:
 *
 *     method, target with query, host, timestamp, nonce, value of Content-Digest (RFC 9530; empty where there is no body)
 *
 * A request with a body must have a `Content-Digest: sha-256=:...:`, and the body is checked against it. The nonce is 16 to
 * 64 characters that are never used again with the key; the timestamp must be within the window of trusted time.
 */
import { KeyHash, Outcome } from "../base/mod.ts";
import { type Identity, type IdentityOutcome, makeIdentity } from "./identity.ts";
import { NonceResult, type NonceTable } from "./nonce-table.ts";

export const signatureScheme = "Weir-HMAC-SHA256 ";
const blockBytes = 64;
const hashBytes = 32;
/** Of 32 bytes in base64url without padding. */
const signatureLength = 43;
const timestampLength = 13;
const nonceLengthMin = 16;
const nonceLengthMax = 64;
const colon = 0x3a;
const lineFeed = 0x0a;
const alphabet = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", "latin1");
/** 1 for each byte that a nonce may have. */
const isNonceByte = new Uint8Array(256);
for (const byte of Buffer.concat([alphabet, Buffer.from(".~", "latin1")])) isNonceByte[byte] = 1;

/** The parts of a request that are signed, as texts. */
export interface SignedParts {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  /** Empty where there is none. */
  readonly contentDigest: string;
  readonly hasBody: boolean;
}

/** Where a request has them: ranges of its head's bytes. Filled in anew for each request. */
export interface SignedRequest {
  bytes: Uint8Array;
  /** What follows the scheme. */
  credentialsFrom: number;
  credentialsTo: number;
  methodFrom: number;
  methodTo: number;
  targetFrom: number;
  targetTo: number;
  hostFrom: number;
  hostTo: number;
  /** Both 0 where there is none. */
  digestFrom: number;
  digestTo: number;
  hasBody: boolean;
}

/** What a client signs. */
export function signedText(parts: SignedParts, timestamp: string, nonce: string): string {
  return `${parts.method}\n${parts.target}\n${parts.host}\n${timestamp}\n${nonce}\n${parts.contentDigest}\n`;
}

/** A request of texts, for those who have no head. */
export function signedRequest(credentials: string, parts: SignedParts): SignedRequest {
  const { method, target, host, contentDigest, hasBody } = parts;
  const methodFrom = credentials.length;
  const targetFrom = methodFrom + method.length;
  const hostFrom = targetFrom + target.length;
  const digestFrom = hostFrom + host.length;
  return {
    bytes: Buffer.from(credentials + method + target + host + contentDigest, "latin1"),
    ...{ credentialsFrom: 0, credentialsTo: methodFrom, methodFrom, methodTo: targetFrom },
    ...{ targetFrom, targetTo: hostFrom, hostFrom, hostTo: digestFrom },
    ...{ digestFrom, digestTo: digestFrom + contentDigest.length, hasBody },
  };
}

/** A secret as HMAC (RFC 2104) uses it. */
interface SecretKey {
  readonly innerPad: Uint8Array;
  readonly outerPad: Uint8Array;
  readonly identity: Identity;
  /** Tells equal nonces of different keys apart. */
  readonly space: number;
}

export class SignatureVerifier {
  private readonly windowMs: number;
  private readonly nonces: NonceTable;
  private readonly keys = new Map<string, SecretKey>();
  private readonly hash: KeyHash;
  /** The inner pad and what is signed; grows with the longest request. */
  private inner: Buffer = Buffer.alloc(2048);
  /** The outer pad and the inner hash. */
  private readonly outer: Buffer = Buffer.alloc(blockBytes + hashBytes);
  private readonly innerHash: Buffer = this.outer.subarray(blockBytes);
  private readonly wanted: Buffer = Buffer.alloc(hashBytes);

  /** @param secrets lines of `<key id> <secret>` */
  constructor(name: string, secrets: string, windowMs: number, nonces: NonceTable, seed: number) {
    this.windowMs = windowMs;
    this.nonces = nonces;
    this.hash = new KeyHash(seed);
    for (const [index, [id, secret]] of keyLines(secrets).entries()) {
      const identity = makeIdentity(name, id, { sub: id });
      this.keys.set(id, { ...padsOf(Buffer.from(secret)), identity, space: index + 1 });
    }
  }

  /** The identity that signed, or why not. */
  verify(request: SignedRequest, trustedMs: number, machineSeconds: number): Identity | IdentityOutcome {
    const { bytes, credentialsFrom, credentialsTo } = request;
    const idTo = nextColon(bytes, credentialsFrom, credentialsTo);
    const timeTo = nextColon(bytes, idTo + 1, credentialsTo);
    const nonceTo = nextColon(bytes, timeTo + 1, credentialsTo);
    const signedMs = numberIn(bytes, idTo + 1, timeTo);
    if (signedMs < 0 || !isNonce(bytes, timeTo + 1, nonceTo) || credentialsTo - nonceTo - 1 !== signatureLength) {
      return Outcome.identityInvalid;
    }
    const id = Buffer.from(bytes.buffer, bytes.byteOffset + credentialsFrom, idTo - credentialsFrom).toString("latin1");
    const known = this.keys.get(id);
    if (known === undefined || (request.hasBody && request.digestFrom === request.digestTo)) {
      return Outcome.identityInvalid;
    }
    this.sign(known, request, idTo + 1, timeTo, nonceTo);
    if (!isEncoded(this.wanted, bytes, nonceTo + 1)) return Outcome.identityInvalid;
    if (Math.abs(signedMs - trustedMs) > this.windowMs) return Outcome.signatureStale;
    const leftSeconds = (signedMs + this.windowMs - trustedMs) / 1000;
    this.hash.ofBytes(bytes, timeTo + 1, nonceTo, known.space);
    const used = this.nonces.use(this.hash, machineSeconds, machineSeconds + leftSeconds + 1);
    if (used === NonceResult.fresh) return known.identity;
    return used === NonceResult.replayed ? Outcome.signatureReplayed : Outcome.nonceTableFull;
  }

  /** Fills `wanted` with the signature that the request should have. */
  private sign(key: SecretKey, request: SignedRequest, timeFrom: number, timeTo: number, nonceTo: number): void {
    const { bytes } = request;
    const most = blockBytes + bytes.length + 6;
    if (this.inner.length < most) this.inner = Buffer.alloc(2 * most);
    const { inner } = this;
    inner.set(key.innerPad);
    let to = line(inner, blockBytes, bytes, request.methodFrom, request.methodTo);
    to = line(inner, to, bytes, request.targetFrom, request.targetTo);
    to = line(inner, to, bytes, request.hostFrom, request.hostTo);
    to = line(inner, to, bytes, timeFrom, timeTo);
    to = line(inner, to, bytes, timeTo + 1, nonceTo);
    to = line(inner, to, bytes, request.digestFrom, request.digestTo);
    Bun.SHA256.hash(inner.subarray(0, to), this.innerHash);
    this.outer.set(key.outerPad);
    Bun.SHA256.hash(this.outer, this.wanted);
  }
}

function padsOf(secret: Buffer): { innerPad: Uint8Array; outerPad: Uint8Array } {
  const block = new Uint8Array(blockBytes);
  block.set(secret.length > blockBytes ? new Bun.CryptoHasher("sha256").update(secret).digest() : secret);
  return { innerPad: block.map((byte) => byte ^ 0x36), outerPad: block.map((byte) => byte ^ 0x5c) };
}

/** Appends a range and a line end; where the next one begins. */
function line(out: Buffer, at: number, bytes: Uint8Array, from: number, to: number): number {
  let end = at;
  for (let offset = from; offset < to; offset++) out[end++] = bytes[offset]!;
  out[end++] = lineFeed;
  return end;
}

/** The next colon, or `to`. */
function nextColon(bytes: Uint8Array, from: number, to: number): number {
  let offset = from;
  while (offset < to && bytes[offset] !== colon) offset++;
  return offset;
}

/** The number of exactly 13 digits, or -1. */
function numberIn(bytes: Uint8Array, from: number, to: number): number {
  if (to - from !== timestampLength) return -1;
  let value = 0;
  for (let offset = from; offset < to; offset++) {
    const digit = bytes[offset]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function isNonce(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from < nonceLengthMin || to - from > nonceLengthMax) return false;
  for (let offset = from; offset < to; offset++) if (isNonceByte[bytes[offset]!] === 0) return false;
  return true;
}

/** Whether the hash's base64url stands at `from`, in a time that does not tell where they differ. */
function isEncoded(hash: Uint8Array, bytes: Uint8Array, from: number): boolean {
  let difference = 0;
  let at = from;
  for (let index = 0; index < hashBytes; index += 3) {
    const isLast = index + 3 > hashBytes;
    const word = (hash[index]! << 16) | (hash[index + 1]! << 8) | (isLast ? 0 : hash[index + 2]!);
    difference |= bytes[at++]! ^ alphabet[word >>> 18]!;
    difference |= bytes[at++]! ^ alphabet[(word >>> 12) & 63]!;
    difference |= bytes[at++]! ^ alphabet[(word >>> 6) & 63]!;
    if (!isLast) difference |= bytes[at++]! ^ alphabet[word & 63]!;
  }
  return difference === 0;
}

/** Lines of two words, with comments and empty lines between. */
export function keyLines(text: string): [string, string][] {
  return text.split("\n").flatMap((line): [string, string][] => {
    const [id, value, more] = line.trim().split(/\s+/);
    return id === undefined || id === "" || id.startsWith("#") || value === undefined || more !== undefined
      ? []
      : [[id, value]];
  });
}
