/** Proofs of identity: bearer tokens, signed requests, keys, certificates, and what routes make of them. */
export { ApiKeys } from "./api-keys.ts";
export {
  decide,
  type Identity,
  type IdentityOutcome,
  makeIdentity,
  type RouteRule,
  type RuleDecision,
} from "./identity.ts";
export { NonceResult, NonceTable, nonceTableCells } from "./nonce-table.ts";
export { ProofCache } from "./proof-cache.ts";
export {
  SignatureVerifier,
  type SignedParts,
  type SignedRequest,
  signatureScheme,
  signedRequest,
  signedText,
} from "./signature.ts";
export { type TokenSettings, TokenVerifier } from "./tokens.ts";
