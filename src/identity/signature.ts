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
const signatureBytes = 32;
const noncePattern = /^[A-Za-z0-9._~-]{16,64}$/;

/** The parts of a request that are signed. */
export interface SignedParts {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  /** Empty where there is none. */
  readonly contentDigest: string;
  readonly hasBody: boolean;
}

/** What a client signs. */
export function signedText(parts: SignedParts, timestamp: string, nonce: string): string {
  return `${parts.method}\n${parts.target}\n${parts.host}\n${timestamp}\n${nonce}\n${parts.contentDigest}\n`;
}

interface SecretKey {
  readonly secret: Buffer;
  readonly identity: Identity;
}

export class SignatureVerifier {
  private readonly windowMs: number;
  private readonly nonces: NonceTable;
  private readonly keys = new Map<string, SecretKey>();
  private readonly hash: KeyHash;

  /** @param secrets lines of `<key id> <secret>` */
  constructor(name: string, secrets: string, windowMs: number, nonces: NonceTable, seed: number) {
    this.windowMs = windowMs;
    this.nonces = nonces;
    this.hash = new KeyHash(seed);
    for (const [id, secret] of keyLines(secrets)) {
      this.keys.set(id, { secret: Buffer.from(secret), identity: makeIdentity(name, id, { sub: id }) });
    }
  }

  /** The identity that signed, or why not. @param credentials what follows the scheme */
  verify(
    credentials: string,
    parts: SignedParts,
    trustedMs: number,
    machineSeconds: number,
  ): Identity | IdentityOutcome {
    const [id = "", timestamp = "", nonce = "", signature = "", more] = credentials.split(":");
    const known = this.keys.get(id);
    if (known === undefined || more !== undefined || !/^\d{13}$/.test(timestamp) || !noncePattern.test(nonce)) {
      return Outcome.identityInvalid;
    }
    if (parts.hasBody && parts.contentDigest === "") return Outcome.identityInvalid;
    const given = Buffer.from(signature, "base64url");
    const wanted = new Bun.CryptoHasher("sha256", known.secret).update(signedText(parts, timestamp, nonce)).digest();
    if (given.length !== signatureBytes || !crypto.timingSafeEqual(given, wanted)) return Outcome.identityInvalid;
    const signedMs = Number(timestamp);
    const leftSeconds = (signedMs + this.windowMs - trustedMs) / 1000;
    if (Math.abs(signedMs - trustedMs) > this.windowMs) return Outcome.signatureStale;
    this.hash.ofText(`${id}:${nonce}`);
    const used = this.nonces.use(this.hash, machineSeconds, machineSeconds + leftSeconds + 1);
    if (used === NonceResult.fresh) return known.identity;
    return used === NonceResult.replayed ? Outcome.signatureReplayed : Outcome.nonceTableFull;
  }
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
