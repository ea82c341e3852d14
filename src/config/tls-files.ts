/**
 * Reads certificates and keys from files and says by name what is wrong with one: missing, unreadable, encrypted, not of the
 * same pair, expired, not valid for a name. The same function serves `weir check`, start and reload, so none can differ.
 *
 * Limits: reads with the runtime's own cryptography, so a kind of key that it does not know (SM2) is refused here.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { type Message, systemClock } from "../base/mod.ts";
import { tlsFileMessages as messages } from "./tls-file-messages.ts";

/** The files of one certificate, as configured. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
  readonly names?: readonly string[];
  readonly ocsp?: string | null;
}

/** What the files hold. */
export interface CertificateContent {
  /** As configured, else those of the certificate; lower case. */
  readonly names: readonly string[];
  readonly chainPem: string;
  readonly keyPem: string;
  readonly ocsp?: Uint8Array;
}

/** Something wrong with a file; `key` is the setting that names it. */
export interface FileProblem {
  readonly key: string;
  readonly code: string;
  readonly message: Message;
  readonly hint: Message;
  readonly values: Readonly<Record<string, string | number>>;
}

export type FileResult<T> = { readonly value: T } | { readonly problems: readonly FileProblem[] };

/** Reads a certificate with its key. `what` is its place in the configuration, for messages. */
export function readCertificate(files: CertificateFiles, what: string): FileResult<CertificateContent> {
  const problems: FileProblem[] = [];
  const chainPem = readText(files.certificate, "certificate", what, problems);
  const keyPem = readText(files.key, "key", what, problems);
  const chain = chainPem === null ? null : parseChain(chainPem, files.certificate, what, problems);
  const key = keyPem === null ? null : parseKey(keyPem, files.key, what, problems);
  const ocsp = files.ocsp ? readOcsp(files.ocsp, what, problems) : null;
  const leaf = chain?.[0];
  if (leaf !== undefined && chain !== null) {
    problems.push(...dateProblems(chain, files.certificate, what));
    problems.push(...nameProblems(leaf, files, what));
    if (key !== null && !leaf.checkPrivateKey(key)) {
      const values = { what, key: files.key, file: files.certificate };
      problems.push(problem("key", "tls.key-mismatch", messages.keyMismatch, messages.keyMismatchHint, values));
    }
  }
  if (problems.length > 0 || leaf === undefined || chainPem === null || keyPem === null) return { problems };
  const names = files.names !== undefined && files.names.length > 0 ? files.names : namesOf(leaf);
  return { value: { names, chainPem, keyPem, ...(ocsp === null ? {} : { ocsp }) } };
}

/** Reads authorities. */
export function readAuthorities(file: string, what: string): FileResult<string> {
  const problems: FileProblem[] = [];
  const pem = readText(file, "authorities", what, problems);
  if (pem === null) return { problems };
  const isSound = pemBlocks(pem).length > 0 && pemBlocks(pem).every((block) => parseCertificate(block) !== null);
  if (isSound) return { value: pem };
  const values = { what, file };
  return {
    problems: [
      problem("authorities", "tls.not-a-certificate", messages.notCertificate, messages.authorityHint, values),
    ],
  };
}

/** The names a certificate answers for; none where its files are unsound, which is reported elsewhere. */
export function certificateNames(files: CertificateFiles): readonly string[] {
  const result = readCertificate(files, "");
  return "value" in result ? result.value.names : [];
}

/** A digest of files' contents; a file that cannot be read counts as empty. */
export function digestOf(files: readonly (string | null)[]): string {
  const hasher = new Bun.CryptoHasher("sha256");
  for (const file of files) {
    if (file === null) continue;
    const content = readBytes(file, "", "", []);
    hasher.update(`${file} ${content?.length ?? 0} `).update(content ?? "");
  }
  return hasher.digest("hex");
}

/** DNS names of a certificate, lower case; the common name where it has no list of names. */
export function namesOf(certificate: X509Certificate): string[] {
  const listed = (certificate.subjectAltName ?? "")
    .split(", ")
    .filter((entry) => entry.startsWith("DNS:"))
    .map((entry) => entry.slice("DNS:".length).toLowerCase());
  if (listed.length > 0) return listed;
  const common = /^CN=(.+)$/m.exec(certificate.subject)?.[1];
  return common === undefined || certificate.subjectAltName !== undefined ? [] : [common.toLowerCase()];
}

function readText(file: string, key: string, what: string, problems: FileProblem[]): string | null {
  return readBytes(file, key, what, problems)?.toString("utf8") ?? null;
}

function readBytes(file: string, key: string, what: string, problems: FileProblem[]): Buffer | null {
  try {
    return readFileSync(file);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    const values = { what, file, reason };
    const found =
      reason === "ENOENT"
        ? problem(key, "tls.file-missing", messages.fileMissing, messages.fileMissingHint, values)
        : problem(key, "tls.file-unreadable", messages.fileUnreadable, messages.fileUnreadableHint, values);
    problems.push(found);
    return null;
  }
}

function parseChain(pem: string, file: string, what: string, problems: FileProblem[]): X509Certificate[] | null {
  const chain = pemBlocks(pem).map(parseCertificate);
  if (chain.length > 0 && chain.every((one) => one !== null)) return chain;
  const values = { what, file };
  problems.push(
    problem("certificate", "tls.not-a-certificate", messages.notCertificate, messages.notCertificateHint, values),
  );
  return null;
}

function parseKey(
  pem: string,
  file: string,
  what: string,
  problems: FileProblem[],
): ReturnType<typeof createPrivateKey> | null {
  const values = { what, file };
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    problems.push(problem("key", "tls.key-encrypted", messages.keyEncrypted, messages.keyEncryptedHint, values));
    return null;
  }
  try {
    return createPrivateKey(pem);
  } catch {
    problems.push(problem("key", "tls.not-a-key", messages.notKey, messages.notKeyHint, values));
    return null;
  }
}

// OCSPResponse ::= SEQUENCE { responseStatus ENUMERATED (0: successful), ... } (RFC 6960 section 4.2.1).
function readOcsp(file: string, what: string, problems: FileProblem[]): Uint8Array | null {
  const bytes = readBytes(file, "ocsp", what, problems);
  if (bytes === null) return null;
  const at = bytes[1] !== undefined && bytes[1] >= 128 ? 2 + (bytes[1] & 127) : 2;
  const isSound = bytes[0] === 0x30 && bytes[at] === 0x0a && bytes[at + 1] === 1 && bytes[at + 2] === 0;
  if (isSound) return new Uint8Array(bytes);
  problems.push(problem("ocsp", "tls.not-an-ocsp-answer", messages.ocspWrong, messages.ocspWrongHint, { what, file }));
  return null;
}

function dateProblems(chain: readonly X509Certificate[], file: string, what: string): FileProblem[] {
  const nowMs = systemClock.wallMs();
  return chain.flatMap((certificate) => {
    const day = (date: string): string => new Date(date).toISOString().slice(0, 10);
    const key = "certificate";
    if (Date.parse(certificate.validTo) < nowMs) {
      const values = { what, file, date: day(certificate.validTo) };
      return [problem(key, "tls.certificate-expired", messages.expired, messages.expiredHint, values)];
    }
    if (Date.parse(certificate.validFrom) > nowMs) {
      const values = { what, file, date: day(certificate.validFrom) };
      return [problem(key, "tls.certificate-not-yet-valid", messages.notYetValid, messages.notYetValidHint, values)];
    }
    return [];
  });
}

function nameProblems(leaf: X509Certificate, files: CertificateFiles, what: string): FileProblem[] {
  const own = namesOf(leaf);
  const covers = (name: string): boolean =>
    own.some((one) => one === name || (one.startsWith("*.") && name.slice(name.indexOf(".")) === one.slice(1)));
  return (files.names ?? [])
    .filter((name) => !covers(name))
    .map((name) => {
      const values = { what, file: files.certificate, name, names: own.length === 0 ? "-" : own.join(", ") };
      return problem("names", "tls.wrong-name", messages.wrongName, messages.wrongNameHint, values);
    });
}

function pemBlocks(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
}

function parseCertificate(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}

function problem(
  key: string,
  code: string,
  message: Message,
  hint: Message,
  values: FileProblem["values"],
): FileProblem {
  return { key, code, message, hint, values };
}
