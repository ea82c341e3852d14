/**
 * A self-signed certificate for a listener under test: ECDSA on P-256, made here so that a fresh machine needs no `openssl`
 * command. X.509 version 3 (RFC 5280) with the least that servers accept; clients of experiments do not verify it.
 */
import { createHash, generateKeyPairSync, sign } from "node:crypto";

export interface OwnCertificate {
  readonly certificatePem: string;
  readonly keyPem: string;
}

const Tag = { integer: 0x02, bits: 0x03, oid: 0x06, utf8: 0x0c, time: 0x17, sequence: 0x30, set: 0x31, version: 0xa0 };
/** ecdsa-with-SHA256 (RFC 5758) and commonName (RFC 4519), as DER. */
const ecdsaWithSha256 = Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02);
const commonName = Uint8Array.of(0x55, 0x04, 0x03);
const dayMs = 86_400_000;
/** UTCTime stands for years until 2049; a test's certificate lives two days. */
const validMs = 2 * dayMs;

/** @param wallMs the time now; it is valid from a day before, for clocks that differ */
export function makeCertificate(name: string, wallMs: number): OwnCertificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = der(Tag.sequence, der(Tag.oid, ecdsaWithSha256));
  const attribute = der(Tag.sequence, der(Tag.oid, commonName), der(Tag.utf8, Buffer.from(name)));
  const subject = der(Tag.sequence, der(Tag.set, attribute));
  const validity = der(Tag.sequence, time(wallMs - dayMs), time(wallMs + validMs));
  // A first byte below 0x80 keeps the number positive, one above zero keeps it without leading zeros.
  const spki = publicKey.export({ type: "spki", format: "der" });
  const serial = Buffer.concat([Uint8Array.of(0x01), createHash("sha256").update(spki).digest().subarray(0, 8)]);
  const content = der(
    Tag.sequence,
    der(Tag.version, der(Tag.integer, Uint8Array.of(2))),
    der(Tag.integer, serial),
    algorithm,
    subject,
    validity,
    subject,
    spki,
  );
  const signature = sign("sha256", content, privateKey);
  const whole = der(Tag.sequence, content, algorithm, der(Tag.bits, Uint8Array.of(0), signature));
  return {
    certificatePem: pem("CERTIFICATE", whole),
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Uint8Array.of(tag, ...size), content]);
}

/** `YYMMDDHHMMSSZ`. */
function time(wallMs: number): Buffer {
  const digits = new Date(wallMs).toISOString().replace(/\D/g, "").slice(2, 14);
  return der(Tag.time, Buffer.from(`${digits}Z`));
}

function pem(name: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes).toString("base64").replace(/.{64}/g, "$&\n").trimEnd();
  return `-----BEGIN ${name}-----\n${lines}\n-----END ${name}-----\n`;
}
