/**
 * Phase admit, who is asking: finds the proof in a request's head and has it verified, from memory within the call or, for
 * a token that was not seen before, later. The proof itself is never logged.
 */
import { Outcome } from "../base/mod.ts";
import {
  type ApiKeys,
  decide,
  type Identity,
  type IdentityOutcome,
  makeIdentity,
  type RouteRule,
  type SignatureVerifier,
  type SignedRequest,
  signatureScheme,
  signedRequest,
  type TokenVerifier,
} from "../identity/mod.ts";
import { BodyKind, FieldId, type MessageHead } from "../protocols/mod.ts";
import { answerOf, type LocalAnswer, prepareAnswer } from "./answers.ts";
import type { Exchange } from "./exchange.ts";
import { isNamed } from "./forward.ts";

/** A way to prove an identity, ready for use. */
export type Proof =
  | { readonly kind: "jwt"; readonly verifier: TokenVerifier }
  | { readonly kind: "hmac"; readonly verifier: SignatureVerifier }
  | { readonly kind: "apiKey"; readonly keys: ApiKeys }
  | { readonly kind: "certificate"; readonly name: string; readonly fingerprints: ReadonlySet<string> };

/** The request is admitted, or its proof is still being verified. */
export const Identified = { yes: 0, pending: -1 } as const;

const bearer = Buffer.from("bearer ", "latin1");
const signed = Buffer.from(signatureScheme.toLowerCase(), "latin1");
const contentDigest = Buffer.from("content-digest", "latin1");
const digestPattern = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]{44}):/;
const certificatesMax = 10_000;
/** Where the request that is being verified has what is signed. */
const signedParts: SignedRequest = signedRequest("", {
  method: "",
  target: "",
  host: "",
  contentDigest: "",
  hasBody: false,
});

export class IdentityPlan {
  readonly rule: RouteRule;
  private readonly proofs: readonly Proof[];
  private readonly answers = new Map<number, LocalAnswer>();
  private readonly certificates = new Map<string, Identity>();

  constructor(proofs: readonly Proof[], rule: RouteRule) {
    this.proofs = proofs;
    this.rule = rule;
    const challenges = new Set(
      proofs.flatMap(({ kind }) => (kind === "jwt" ? ["Bearer"] : kind === "hmac" ? [signatureScheme.trim()] : [])),
    );
    for (const outcome of refusals) {
      const plain = answerOf(outcome);
      const fields = plain.fields.filter(([name]) => name !== "content-length");
      const own =
        plain.status === 401 ? [...challenges].map((scheme): [string, string] => ["www-authenticate", scheme]) : [];
      this.answers.set(outcome, prepareAnswer(outcome, plain.status, [...fields, ...own], plain.body));
    }
  }

  /** The answer to a request that is refused for its identity. */
  answer(outcome: number): LocalAnswer {
    return this.answers.get(outcome) ?? answerOf(outcome);
  }

  /** `Identified.yes`, `Identified.pending` (then the exchange is told), or the outcome that refuses. */
  identify(exchange: Exchange, head: MessageHead): number {
    const { bytes } = head;
    const at = head.indexOf(FieldId.authorization);
    // Two of them could be read differently by us and by the upstream.
    if (at >= 0 && (head.repeatedMask & (1 << FieldId.authorization)) !== 0) return Outcome.identityInvalid;
    let refusal: number = Outcome.identityMissing;
    for (const proof of this.proofs) {
      let result: Identity | IdentityOutcome | null = null;
      if (proof.kind === "jwt" && at >= 0 && startsWith(head, at, bearer)) {
        const from = head.valueStart[at]! + bearer.length;
        const to = head.valueEnd[at]!;
        result = proof.verifier.find(bytes, from, to);
        if (result === null) {
          this.verifyLater(exchange, proof.verifier, latin1(bytes, from, to));
          return Identified.pending;
        }
      } else if (proof.kind === "hmac" && at >= 0 && startsWith(head, at, signed)) {
        result = this.verifySignature(exchange, head, at, proof.verifier);
      } else if (proof.kind === "apiKey") result = findKey(head, proof.keys);
      else if (proof.kind === "certificate") result = this.certificateOf(exchange, proof);
      if (result === null) continue;
      if (typeof result !== "number") return this.accept(exchange, result);
      refusal = result;
    }
    return refusal;
  }

  /** Whether this identity may, now; if so the exchange carries it from here on. */
  accept(exchange: Exchange, identity: Identity): number {
    const nowMs = exchange.context.clock.trustedMs;
    if (nowMs < identity.notBeforeMs || nowMs >= identity.expiresMs) return Outcome.identityExpired;
    const decision = decide(identity, this.rule);
    if (!decision.isAllowed) return Outcome.identityForbidden;
    exchange.identify(identity, decision);
    return Identified.yes;
  }

  private verifyLater(exchange: Exchange, verifier: TokenVerifier, token: string): void {
    const ticket = exchange.awaitIdentity();
    void verifier.verify(token, exchange.context.clock.trustedMs).then((result) => {
      if (!exchange.isAwaiting(ticket)) return;
      exchange.context.loop.refresh();
      exchange.identityVerified(typeof result === "number" ? result : this.accept(exchange, result));
    });
  }

  private verifySignature(
    exchange: Exchange,
    head: MessageHead,
    at: number,
    verifier: SignatureVerifier,
  ): Identity | IdentityOutcome {
    const { clock, loop } = exchange.context;
    const hasBody = head.bodyKind === BodyKind.chunked || head.contentLength > 0;
    const digestAt = indexOfField(head, contentDigest);
    const wanted = hasBody && digestAt >= 0 ? digestIn(head, digestAt) : null;
    if (hasBody && wanted === null) return Outcome.identityInvalid;
    signedParts.bytes = head.bytes;
    signedParts.credentialsFrom = head.valueStart[at]! + signed.length;
    signedParts.credentialsTo = head.valueEnd[at]!;
    signedParts.methodFrom = head.methodStart;
    signedParts.methodTo = head.methodEnd;
    signedParts.targetFrom = head.targetStart;
    signedParts.targetTo = head.targetEnd;
    signedParts.hostFrom = head.authorityStart;
    signedParts.hostTo = head.authorityEnd;
    signedParts.digestFrom = digestAt < 0 ? 0 : head.valueStart[digestAt]!;
    signedParts.digestTo = digestAt < 0 ? 0 : head.valueEnd[digestAt]!;
    signedParts.hasBody = hasBody;
    const result = verifier.verify(signedParts, clock.trustedMs, loop.nowMs / 1000);
    if (typeof result !== "number" && wanted !== null) exchange.expectDigest(wanted);
    return result;
  }

  private certificateOf(exchange: Exchange, proof: Proof & { kind: "certificate" }): Identity | null {
    const certificate = exchange.client!.certificate;
    if (certificate === undefined) return null;
    const { fingerprint, subject } = certificate;
    if (proof.fingerprints.size > 0 && !proof.fingerprints.has(fingerprint)) return null;
    const known = this.certificates.get(fingerprint);
    if (known !== undefined) return known;
    if (this.certificates.size >= certificatesMax) this.certificates.clear();
    const identity = makeIdentity(proof.name, subject, { sub: subject, fingerprint });
    this.certificates.set(fingerprint, identity);
    return identity;
  }
}

const refusals = [
  Outcome.identityMissing,
  Outcome.identityInvalid,
  Outcome.identityExpired,
  Outcome.identityForbidden,
  Outcome.identityUnavailable,
  Outcome.signatureStale,
  Outcome.signatureReplayed,
  Outcome.nonceTableFull,
];

function findKey(head: MessageHead, keys: ApiKeys): Identity | IdentityOutcome | null {
  for (let index = 0; index < head.fieldCount; index++) {
    if (!isNamed(head, index, keys.field)) continue;
    return keys.find(head.bytes, head.valueStart[index]!, head.valueEnd[index]!) ?? Outcome.identityInvalid;
  }
  return null;
}

/** Whether a field's value begins with a scheme, given in lower case. */
function startsWith(head: MessageHead, index: number, scheme: Uint8Array): boolean {
  const from = head.valueStart[index]!;
  if (head.valueEnd[index]! - from < scheme.length) return false;
  for (let offset = 0; offset < scheme.length; offset++) {
    const byte = head.bytes[from + offset]!;
    if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) !== scheme[offset]) return false;
  }
  return true;
}

function indexOfField(head: MessageHead, name: Uint8Array): number {
  for (let index = 0; index < head.fieldCount; index++) if (isNamed(head, index, name)) return index;
  return -1;
}

/** The SHA-256 in a `Content-Digest`, in base64. */
function digestIn(head: MessageHead, index: number): string | null {
  return digestPattern.exec(latin1(head.bytes, head.valueStart[index]!, head.valueEnd[index]!))?.[1] ?? null;
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1");
}
