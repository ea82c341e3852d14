/**
 * Certificates for tests, made with the `openssl` command in a folder of their own: an authority and what it signs.
 * ECDSA on P-256 unless asked otherwise. About 10 ms each.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TlsCertificate } from "../src/transport/mod.ts";

export interface TestCertificate extends TlsCertificate {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface CertificateWish {
  readonly names: readonly string[];
  readonly subject?: string;
  readonly kind?: "ecdsa" | "rsa";
  /** Days from now until the end; negative: already over. */
  readonly days?: number;
}

export class TestAuthority {
  readonly folder = mkdtempSync(join(tmpdir(), "weir-tls-"));
  readonly pem: string;
  private count = 0;

  constructor(name = "Weir test authority") {
    this.makeKey("authority.key", "ecdsa");
    this.run(
      "req",
      "-x509",
      "-new",
      "-key",
      "authority.key",
      "-subj",
      `/CN=${name}`,
      "-days",
      "30",
      "-out",
      "authority.pem",
    );
    this.pem = this.read("authority.pem");
  }

  get file(): string {
    return join(this.folder, "authority.pem");
  }

  /** A certificate signed by this authority. */
  certificate(wish: CertificateWish): TestCertificate {
    const id = `c${this.count++}`;
    const subject = wish.subject ?? `/CN=${wish.names[0] ?? id}`;
    this.makeKey(`${id}.key`, wish.kind ?? "ecdsa");
    const names = wish.names.map((name) => (/^[\d.:]+$/.test(name) ? `IP:${name}` : `DNS:${name}`)).join(",");
    writeFileSync(join(this.folder, `${id}.ext`), names === "" ? "" : `subjectAltName=${names}\n`);
    this.run("req", "-new", "-utf8", "-key", `${id}.key`, "-subj", subject, "-out", `${id}.csr`);
    const signed = ["-req", "-in", `${id}.csr`, "-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial"];
    this.run("x509", ...signed, "-days", String(wish.days ?? 20), "-extfile", `${id}.ext`, "-out", `${id}.pem`);
    return {
      names: wish.names,
      chainPem: this.read(`${id}.pem`),
      keyPem: this.read(`${id}.key`),
      certificateFile: join(this.folder, `${id}.pem`),
      keyFile: join(this.folder, `${id}.key`),
    };
  }

  /** An OCSP answer "good" for a certificate, as DER. */
  ocspAnswer(certificate: TestCertificate): Uint8Array {
    const serial = this.run("x509", "-in", certificate.certificateFile, "-noout", "-serial").trim().split("=")[1]!;
    writeFileSync(join(this.folder, "index.txt"), `V\t491231235959Z\t\t${serial}\tunknown\t/CN=any\n`);
    this.run("ocsp", "-issuer", "authority.pem", "-cert", certificate.certificateFile, "-reqout", "ocsp.req");
    const signer = ["-CA", "authority.pem", "-rsigner", "authority.pem", "-rkey", "authority.key", "-ndays", "7"];
    this.run("ocsp", "-index", "index.txt", ...signer, "-reqin", "ocsp.req", "-respout", "ocsp.der");
    return readFileSync(join(this.folder, "ocsp.der"));
  }

  free(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Runs `openssl` in the folder and returns what it printed. */
  run(...command: string[]): string {
    const result = Bun.spawnSync(["openssl", ...command], { cwd: this.folder });
    if (result.exitCode !== 0) throw new Error(`openssl ${command.join(" ")}: ${result.stderr.toString()}`);
    return result.stdout.toString();
  }

  private makeKey(file: string, kind: "ecdsa" | "rsa"): void {
    const options =
      kind === "rsa" ? ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"] : ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    this.run("genpkey", "-algorithm", ...options, "-out", file);
  }

  private read(file: string): string {
    return readFileSync(join(this.folder, file), "utf8");
  }
}
