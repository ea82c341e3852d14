/** TLS of a whole gateway with two workers, seen by curl and openssl s_client. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../src/base/mod.ts";
import { TestAuthority } from "../authority.ts";
import { RunningWeir } from "./running-weir.ts";

const authority = new TestAuthority();
const stranger = new TestAuthority("A stranger");
const { folder } = authority;
const place = (name: string): { certificate: string; key: string } => ({
  certificate: join(folder, `${name}.pem`),
  key: join(folder, `${name}.key`),
});
const issue = (name: string, names: string[], by = authority, subject?: string): void => {
  const made = by.certificate({ names, ...(subject === undefined ? {} : { subject }) });
  copyFileSync(made.certificateFile, place(name).certificate);
  copyFileSync(made.keyFile, place(name).key);
};

let weir: RunningWeir;
let upstream: Bun.Server<undefined>;

beforeAll(async () => {
  issue("edge", ["edge.example.com"]);
  issue("other", ["other.example.com"]);
  issue("up", ["up.example.com"]);
  issue("desk", [], authority, "/O=Broker/CN=desk-7");
  issue("foreign", [], stranger, "/CN=desk-7");
  await Bun.write(
    join(folder, "edge.der"),
    authority.ocspAnswer({
      names: [],
      chainPem: "",
      keyPem: "",
      certificateFile: place("edge").certificate,
      keyFile: place("edge").key,
    }),
  );
  upstream = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: { cert: Bun.file(place("up").certificate), key: Bun.file(place("up").key) },
    fetch: async (request) => {
      const body = await request.bytes();
      const size = Number(new URL(request.url).searchParams.get("size") ?? 0);
      const subject = request.headers.get("x-subject");
      const told = { proto: request.headers.get("x-forwarded-proto"), bytes: body.length, ...(subject && { subject }) };
      return size > 0 ? new Response(Buffer.alloc(size, "x")) : Response.json(told);
    },
  });
  weir = await RunningWeir.start(folder, configuration());
});

afterAll(async () => {
  await weir?.stop();
  await upstream?.stop(true);
  authority.free();
  stranger.free();
});

function fingerprintOf(name: string): string {
  const told = authority.run("x509", "-in", place(name).certificate, "-noout", "-fingerprint", "-sha256");
  return told.trim().split("=")[1]!.replaceAll(":", "").toLowerCase();
}

function configuration(): string {
  const edge = `{ certificate: edge.pem, key: edge.key, ocsp: edge.der }`;
  return `
workers: 2
listeners:
  edge: { address: "127.0.0.1:0", tls: { certificates: [${edge}, { certificate: other.pem, key: other.key }] } }
  mutual:
    address: 127.0.0.1:0
    tls: { certificates: [${edge}], clientCertificates: { authorities: authority.pem } }
  old: { address: "127.0.0.1:0", tls: { certificates: [${edge}], versionMin: "1.2", requireKnownName: on } }
  proxied:
    address: 127.0.0.1:0
    proxyProtocol: { from: 127.0.0.0/8 }
    tls: { certificates: [${edge}] }
  bun: { address: "127.0.0.1:0", tls: { engine: bun, certificates: [{ certificate: edge.pem, key: edge.key }] } }
upstreams:
  secret: { endpoints: "127.0.0.1:${upstream.port}", tls: { authorities: authority.pem, serverName: up.example.com } }
  misnamed: { endpoints: "127.0.0.1:${upstream.port}", tls: { authorities: authority.pem } }
  unverified: { endpoints: "127.0.0.1:${upstream.port}", tls: { verify: off } }
timeouts: { drain: 2s }
metrics: { address: "127.0.0.1:0" }
identity: { certificates: { desks: { fingerprints: ["${fingerprintOf("desk")}"] } } }
routes:
  - match: { path: /desks }
    identity: { accept: desks, forward: { X-Subject: sub } }
    upstream: secret
  - { match: { path: /secret }, upstream: secret }
  - { match: { path: /misnamed }, upstream: misnamed }
  - { match: { path: /unverified }, upstream: unverified }
`;
}

interface Ran {
  readonly out: string;
  readonly err: string;
}

async function run(command: string[], input = ""): Promise<Ran> {
  const child = Bun.spawn(command, { cwd: folder, stdin: Buffer.from(input), stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  return { out, err };
}

/** What curl got: the body, then the status. */
async function curl(listener: string, path: string, ...more: string[]): Promise<string> {
  const port = weir.port(listener);
  const resolve = `edge.example.com:${port}:127.0.0.1`;
  const { out, err } = await run([
    "curl",
    "-sS",
    "--max-time",
    "20",
    "--cacert",
    "authority.pem",
    "--resolve",
    resolve,
    "-w",
    " %{http_code}",
    ...more,
    `https://edge.example.com:${port}${path}`,
  ]);
  return `${out.replace(/\n/g, "")}${err === "" ? "" : ` ${err.trim()}`}`;
}

/** A metric's value. */
async function counter(name: string): Promise<number> {
  const text = await (await fetch(weir.metrics)).text();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)`, "m").exec(text)?.[1]);
}

/** What s_client printed after one request. */
async function client(listener: string, ...more: string[]): Promise<string> {
  const command = ["openssl", "s_client", "-connect", `127.0.0.1:${weir.port(listener)}`, "-CAfile", "authority.pem"];
  const request = "GET /health HTTP/1.1\r\nHost: edge.example.com\r\nConnection: close\r\n\r\n";
  const child = Bun.spawn([...command, "-ign_eof", ...more], {
    cwd: folder,
    stdin: Buffer.from(request),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  return out + err;
}

test.each(["edge", "bun"])(
  "listener %s carries requests to an upstream behind TLS, of any size, as https",
  async (name) => {
    expect(await curl(name, "/secret")).toBe('{"proto":"https","bytes":0} 200');
    expect(await curl(name, "/unverified")).toBe('{"proto":"https","bytes":0} 200');
    expect(await curl(name, "/misnamed")).toContain("upstream-tls-failed");
    expect(await curl(name, "/secret?size=3000000", "-o", join(folder, "out"))).toBe(" 200");
    expect(Bun.file(join(folder, "out")).size).toBe(3_000_000);
    await Bun.write(join(folder, "in"), Buffer.alloc(2_000_000, "y"));
    expect(await curl(name, "/secret", "--data-binary", "@in")).toBe('{"proto":"https","bytes":2000000} 200');
  },
);

test("the certificate follows the server name, with its OCSP answer", async () => {
  const other = await client("edge", "-servername", "other.example.com", "-verify_hostname", "other.example.com");
  expect(other).toContain("Verify return code: 0 (ok)");
  const edge = await client("edge", "-servername", "nobody.example.com", "-status");
  expect(edge).toContain("subject=CN = edge.example.com");
  expect(edge).toContain("OCSP Response Status: successful (0x0)");
  expect(await client("old", "-servername", "nobody.example.com")).toContain("unrecognized name");
});

test("TLS 1.2 only where it was chosen, early data never, protocols without overlap refused", async () => {
  expect(await client("edge", "-tls1_2")).toContain("alert protocol version");
  const old = await client("old", "-tls1_2", "-servername", "edge.example.com");
  expect(old).toContain("Cipher is ECDHE-ECDSA-AES128-GCM-SHA256");
  expect(old).toContain("200 OK");
  expect(await client("edge", "-alpn", "imap")).toContain("no application protocol");
  expect(await client("edge")).toContain("Max Early Data: 0");
});

test("a client certificate is demanded, verified, and its lack is told to the client", async () => {
  const desk = place("desk");
  const foreign = place("foreign");
  expect(await curl("mutual", "/secret", "--cert", desk.certificate, "--key", desk.key)).toContain(" 200");
  expect(await curl("mutual", "/secret")).toContain("certificate required");
  expect(await curl("mutual", "/secret", "--cert", foreign.certificate, "--key", foreign.key)).toContain("unknown ca");
});

test("a route takes clients by the fingerprint of their certificate and passes the subject on", async () => {
  const desk = place("desk");
  const up = place("up");
  const by = (one: { certificate: string; key: string }): string[] => ["--cert", one.certificate, "--key", one.key];
  expect(await curl("mutual", "/desks", ...by(desk))).toBe(
    '{"proto":"https","bytes":0,"subject":"CN=desk-7,O=Broker"} 200',
  );
  expect(await curl("mutual", "/desks", ...by(up))).toContain(" 401");
  expect(await curl("edge", "/desks", ...by(desk))).toContain(" 401");
});

test("the PROXY header comes before TLS", async () => {
  expect(await curl("proxied", "/secret", "--haproxy-protocol")).toBe('{"proto":"https","bytes":0} 200');
  expect(await curl("proxied", "/secret")).not.toContain("200");
});

test("no bytes instead of a handshake do harm, and the gateway goes on", async () => {
  const random = new Random(5246);
  const hello = await firstFlight();
  for (let round = 0; round < 300; round++) {
    const bytes = Uint8Array.from(hello);
    for (let change = random.below(6); change >= 0; change--) bytes[random.below(bytes.length)] = random.below(256);
    await sendAndClose(weir.port("edge"), bytes.subarray(0, 1 + random.below(bytes.length)));
  }
  expect(await curl("edge", "/secret")).toBe('{"proto":"https","bytes":0} 200');
});

/** What a client sends first. */
function firstFlight(): Promise<Uint8Array> {
  return new Promise((resolve) => {
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket, bytes) {
          resolve(Uint8Array.from(bytes));
          socket.end();
          listener.stop();
        },
      },
    });
    const child = ["openssl", "s_client", "-connect", `127.0.0.1:${listener.port}`, "-servername", "edge.example.com"];
    Bun.spawn(child, { stdio: ["ignore", "ignore", "ignore"] });
  });
}

function sendAndClose(port: number, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const connecting = Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open(socket) {
          socket.write(bytes);
          socket.end();
        },
        data: () => {},
        close: () => resolve(),
        error: () => resolve(),
      },
    });
    connecting.catch(reject);
  });
}

test("sessions resume on any worker and across a restart", async () => {
  const session = join(folder, "session.pem");
  const resumed = async (): Promise<boolean> => (await client("edge", "-sess_in", session)).includes("Reused, TLSv1.3");
  expect(await client("edge", "-sess_out", session)).toContain("New, TLSv1.3");
  const before = await counter("weir_tls_sessions_resumed_total");
  let count = 0;
  for (let index = 0; index < 8; index++) count += (await resumed()) ? 1 : 0;
  while ((await counter("weir_tls_sessions_resumed_total")) < before + 8) await Bun.sleep(10);
  expect(await weir.operate("restart")).toBe(0);
  await weir.until(/generation 2 serves/);
  for (let index = 0; index < 8; index++) count += (await resumed()) ? 1 : 0;
  expect(count).toBe(16);
});

test("a renewed certificate is taken by a reload without a restart, a wrong one is refused", async () => {
  const serial = async (): Promise<string> => {
    const { out } = await run([
      "sh",
      "-c",
      `openssl s_client -connect 127.0.0.1:${weir.port("edge")} </dev/null 2>/dev/null | openssl x509 -noout -serial`,
    ]);
    return out;
  };
  const before = await serial();
  copyFileSync(place("other").key, place("edge").key);
  expect(await weir.operate("reload")).not.toBe(0);
  expect(await serial()).toBe(before);
  issue("edge", ["edge.example.com"]);
  expect(await weir.operate("reload")).toBe(0);
  const after = await serial();
  expect(after).not.toBe(before);
  expect(after).toMatch(/^serial=/);
});

test.each(["edge", "bun"])(
  "listener %s speaks HTTP/2 to clients that offer it, and HTTP/1.1 to the others",
  async (name) => {
    const version = ["-w", " %{http_code} %{http_version}"];
    expect(await curl(name, "/secret", "--http2", ...version)).toBe('{"proto":"https","bytes":0} 200 2');
    expect(await curl(name, "/secret", "--http1.1", ...version)).toBe('{"proto":"https","bytes":0} 200 1.1');
    expect(await curl(name, "/secret", "--http2", "--data-binary", "@in", ...version)).toBe(
      '{"proto":"https","bytes":2000000} 200 2',
    );
    const { out } = await run([
      "h2load",
      "-n",
      "2000",
      "-c",
      "10",
      "-m",
      "8",
      `https://127.0.0.1:${weir.port(name)}/secret`,
    ]);
    expect(out).toContain("2000 succeeded, 0 failed, 0 errored");
  },
);
