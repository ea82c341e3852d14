/** Who is asking, once it is proven, and what a route makes of it. */
import type { Outcome } from "../base/mod.ts";

/** A proven identity. One object for each token, key or certificate, kept while it is in use. */
export interface Identity {
  /** The proof's name in the configuration. */
  readonly proof: string;
  readonly subject: string;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Valid in [notBeforeMs, expiresMs) of trusted time, tolerance included. */
  readonly notBeforeMs: number;
  readonly expiresMs: number;
  /** What each route made of it, so that claims are looked at once. */
  readonly decisions: Map<RouteRule, RuleDecision>;
}

/** What a route asks of identities, compiled. */
export interface RouteRule {
  readonly claims: readonly (readonly [name: string, value: string])[];
  /** Field names and the claims they carry. */
  readonly forward: readonly (readonly [field: string, claim: string])[];
  readonly laneClaim: string | null;
  readonly laneOf: (name: string) => number | undefined;
}

export interface RuleDecision {
  readonly isAllowed: boolean;
  /** Field lines to add to the forwarded request. */
  readonly lines: Uint8Array;
  /** A lane, or -1 where the claim names none. */
  readonly lane: number;
}

export type IdentityOutcome = (typeof Outcome)[
  | "identityMissing"
  | "identityInvalid"
  | "identityExpired"
  | "identityForbidden"
  | "identityUnavailable"
  | "signatureStale"
  | "signatureReplayed"
  | "nonceTableFull"];

export function makeIdentity(
  proof: string,
  subject: string,
  claims: Readonly<Record<string, unknown>>,
  notBeforeMs = Number.NEGATIVE_INFINITY,
  expiresMs = Number.POSITIVE_INFINITY,
): Identity {
  return { proof, subject, claims, notBeforeMs, expiresMs, decisions: new Map() };
}

/** Whether the identity may use the route, and what is passed on of it. */
export function decide(identity: Identity, rule: RouteRule): RuleDecision {
  const known = identity.decisions.get(rule);
  if (known !== undefined) return known;
  const lane = rule.laneClaim === null ? undefined : rule.laneOf(String(identity.claims[rule.laneClaim]));
  const decision = {
    isAllowed: rule.claims.every(([name, value]) => hasClaim(identity.claims[name], value)),
    lines: Buffer.from(rule.forward.map(([field, claim]) => lineOf(field, identity.claims[claim])).join(""), "latin1"),
    lane: lane ?? -1,
  };
  identity.decisions.set(rule, decision);
  return decision;
}

/** A claim that is a list must contain the value; `scope` (RFC 8693) is a list in one text. */
function hasClaim(claim: unknown, value: string): boolean {
  if (Array.isArray(claim)) return claim.some((item) => String(item) === value);
  if (typeof claim === "string" && claim.includes(" ")) return claim === value || claim.split(" ").includes(value);
  return claim !== undefined && claim !== null && String(claim) === value;
}

/** A claim as a field. What a field cannot carry is percent-encoded, so that no claim can end the line. */
function lineOf(field: string, claim: unknown): string {
  if (claim === undefined || claim === null) return "";
  const text = typeof claim === "object" ? JSON.stringify(claim) : String(claim);
  const safe = text.replace(/[^\x20-\x7e]/gu, (character) =>
    encodeURIComponent(character.isWellFormed() ? character : "\ufffd"),
  );
  return `${field}: ${safe.trim()}\r\n`;
}
