import { afterAll, expect, test } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestAuthority } from "../../test/authority.ts";
import { parseConfig } from "./load.ts";
import { readCertificate } from "./tls-files.ts";

const authority = new TestAuthority();
const folder = authority.folder;
const good = authority.certificate({ names: ["api.example.com", "*.wild.example.com"] });
const rsa = authority.certificate({ names: ["rsa.example.com"], kind: "rsa" });
const old = authority.certificate({ names: ["old.example.com"], days: -1 });
afterAll(() => authority.free());

const place = (name: string, content: string | Uint8Array): string => {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
};
authority.run("pkey", "-in", good.keyFile, "-aes256", "-passout", "pass:secret", "-out", "encrypted.key");
const encrypted = join(folder, "encrypted.key");

/** Codes of what is wrong with a pair of files. */
function faults(changes: { certificate?: string; key?: string; names?: string[]; ocsp?: string }): string[] {
  const result = readCertificate({ certificate: good.certificateFile, key: good.keyFile, ...changes }, "here");
  return "value" in result ? [] : result.problems.map((problem) => `${problem.key}: ${problem.code}`);
}

test("a sound pair is read with the certificate's own names", () => {
  const result = readCertificate({ certificate: good.certificateFile, key: good.keyFile }, "here");
  expect(result).toEqual({ value: { names: [...good.names], chainPem: good.chainPem, keyPem: good.keyPem } });
  expect(faults({ names: ["api.example.com", "a.wild.example.com", "*.wild.example.com"] })).toEqual([]);
  expect(faults({ ocsp: place("good.der", authority.ocspAnswer(good)) })).toEqual([]);
});

test("each thing that can be wrong with a file has its name", () => {
  const results = {
    missing: faults({ certificate: join(folder, "none.pem") }),
    folder: faults({ key: folder }),
    "no certificate": faults({ certificate: good.keyFile }),
    "broken certificate": faults({ certificate: place("broken.pem", good.chainPem.replace(/^MI.*$/m, "MIIAAA==")) }),
    "no key": faults({ key: good.certificateFile }),
    "encrypted key": faults({ key: encrypted }),
    "another's key": faults({ key: rsa.keyFile }),
    expired: faults({ certificate: old.certificateFile, key: old.keyFile }),
    "wrong name": faults({ names: ["api.example.com", "a.b.wild.example.com"] }),
    "no OCSP answer": faults({ ocsp: good.certificateFile }),
    everything: faults({ certificate: old.certificateFile, names: ["x"], ocsp: join(folder, "none.der") }),
  };
  expect(results).toEqual({
    missing: ["certificate: tls.file-missing"],
    folder: ["key: tls.file-unreadable"],
    "no certificate": ["certificate: tls.not-a-certificate"],
    "broken certificate": ["certificate: tls.not-a-certificate"],
    "no key": ["key: tls.not-a-key"],
    "encrypted key": ["key: tls.key-encrypted"],
    "another's key": ["key: tls.key-mismatch"],
    expired: ["certificate: tls.certificate-expired"],
    "wrong name": ["names: tls.wrong-name"],
    "no OCSP answer": ["ocsp: tls.not-an-ocsp-answer"],
    everything: [
      "ocsp: tls.file-missing",
      "certificate: tls.certificate-expired",
      "names: tls.wrong-name",
      "key: tls.key-mismatch",
    ],
  });
});

test("a configuration finds its files beside itself and reports theirs with line and column", () => {
  const text = (key: string): string =>
    [
      "listeners:",
      "  public:",
      "    address: 127.0.0.1:8443",
      "    tls:",
      "      certificates:",
      `        - certificate: ${good.certificateFile.slice(folder.length + 1)}`,
      `          key: ${key}`,
      "      clientCertificates: { authorities: authority.pem }",
      "upstreams:",
      "  api: { endpoints: 127.0.0.1:9000, tls: { authorities: none.pem } }",
      "routes:",
      "  - { match: { path: /* }, upstream: api }",
    ].join("\n");
  const result = parseConfig(text("encrypted.key"), join(folder, "weir.yaml"));
  expect("problems" in result && result.problems.map(({ code, line, column }) => [code, line, column])).toEqual([
    ["tls.key-encrypted", 7, 16],
    ["tls.file-missing", 10, 57],
  ]);
  chmodSync(good.keyFile, 0o600);
  const fixed = parseConfig(
    text(good.keyFile).replace("tls: { authorities: none.pem }", "tls: {}"),
    join(folder, "weir.yaml"),
  );
  expect("config" in fixed && fixed.config.listeners[0]?.tls).toEqual({
    certificates: [{ certificate: good.certificateFile, key: good.keyFile, names: [...good.names], ocsp: null }],
    engine: "auto",
    versionMin: "1.3",
    alpn: ["h2", "http/1.1"],
    requireKnownName: false,
    clientCertificates: { mode: "required", authorities: authority.file },
    sessionLifetimeMs: 7_200_000,
    filesDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(readFileSync(authority.file, "utf8")).toBe(authority.pem);
});

test("what the engine bun cannot do is refused", () => {
  const pair = `{ certificate: ${good.certificateFile}, key: ${good.keyFile} }`;
  const text = `
listeners:
  public:
    address: 127.0.0.1:8443
    proxyProtocol: { from: 10.0.0.0/8 }
    tls: { engine: bun, requireKnownName: on, certificates: [${pair}, ${pair}] }
routes: []
`;
  const result = parseConfig(text, join(folder, "weir.yaml"));
  expect("problems" in result && result.problems.map(({ code, values }) => [code, values["setting"]])).toEqual([
    ["tls.engine-cannot", "proxyProtocol"],
    ["tls.engine-cannot", "requireKnownName"],
    ["tls.engine-cannot", "certificates"],
  ]);
});
