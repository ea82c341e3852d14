/** HTTP/2 of a whole gateway: the conformance cases over a socket, and curl, nghttp, h2load and node:http2 as clients. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { http2Cases } from "../conformance/http2/cases.ts";
import { RunningWeir } from "../tls/running-weir.ts";
import { runCase } from "./raw-client.ts";
import { startUpstream } from "./upstream.ts";

let weir: RunningWeir;
let upstream: { server: Server; port: number; requests: string[] };
const folder = mkdtempSync(join(tmpdir(), "weir-http2-"));

beforeAll(async () => {
  upstream = await startUpstream();
  weir = await RunningWeir.start(
    folder,
    `
workers: 1
listeners:
  main: { address: "127.0.0.1:0" }
metrics: off
timeouts: { drain: 2s }
admin: { address: "unix:${folder}/admin.sock" }
upstreams:
  app: { endpoints: ["127.0.0.1:${upstream.port}"] }
routes:
  - name: all
    upstream: app
    rewrite: { response: { set: { x-route: all }, remove: [x-secret] } }
`,
  );
});

afterAll(async () => {
  await weir?.stop();
  upstream?.server.closeAllConnections();
  upstream?.server.close();
  rmSync(folder, { recursive: true, force: true });
});

const url = (path: string): string => `http://127.0.0.1:${weir.port("main")}${path}`;

async function shell(...command: string[]): Promise<string> {
  const child = Bun.spawn(command, { stdio: ["ignore", "pipe", "pipe"] });
  const [text] = await Promise.all([new Response(child.stdout).text(), child.exited]);
  return text;
}

/** One request of node's own client. */
function ask(
  session: ClientHttp2Session,
  fields: Record<string, string>,
  body?: Buffer,
): Promise<{ headers: IncomingHttpHeaders; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const request = session.request(fields, { endStream: body === undefined });
    const pieces: Buffer[] = [];
    let headers: IncomingHttpHeaders = {};
    request.on("response", (found) => {
      headers = found;
    });
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => resolve({ headers, body: Buffer.concat(pieces) }));
    request.on("error", reject);
    if (body !== undefined) request.end(body);
  });
}

test("every case over a socket ends as the RFCs say, and the gateway serves on", async () => {
  const waiting = http2Cases.filter((each) => each.isPure !== true);
  const failed: string[][] = [];
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const wrong = await runCase(next, weir.port("main"));
      if (wrong !== "") failed.push([next.name, wrong]);
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  expect(failed).toEqual([]);
  expect(await shell("curl", "-s", "--http2-prior-knowledge", url("/"))).toBe("hello");
});

test("curl sends and receives megabytes", async () => {
  const size = "%{size_download} %{http_version} %{http_code}";
  const options = ["-s", "-o", "/dev/null", "-w", size, "--http2-prior-knowledge"];
  expect(await shell("curl", ...options, url("/bytes/5000000"))).toBe("5000000 2 200");
  const file = join(folder, "body");
  await Bun.write(file, Buffer.alloc(3_000_000, "x"));
  expect(await shell("curl", ...options, "--data-binary", `@${file}`, url("/echo"))).toBe("3000000 2 200");
  expect(await shell("curl", ...options, "-H", "expect: 100-continue", "--data-binary", `@${file}`, url("/echo"))).toBe(
    "3000000 2 200",
  );
  expect(await shell("curl", ...options, "-I", url("/bytes/77"))).toBe("0 2 200");
});

test("nghttp and h2load find nothing wrong", async () => {
  expect(await shell("nghttp", "-ns", url("/"), url("/bytes/100000"))).toContain("/bytes/100000");
  const report = await shell("h2load", "-n", "3000", "-c", "6", "-m", "20", url("/bytes/2000"));
  expect(report).toContain("3000 succeeded, 0 failed, 0 errored");
});

test("requests go on as HTTP/1.1 with one Host, joined cookies and the gateway's fields, and answers are changed by routes", async () => {
  const session = connect(url(""));
  const { headers, body } = await ask(session, {
    ":path": "/headers?a=b",
    cookie: "a=1; b=2",
    te: "trailers",
    "x-own": "kept",
    "x-forwarded-for": "9.9.9.9",
  });
  const seen = JSON.parse(body.toString()) as Record<string, string>;
  expect(headers[":status"] as unknown).toBe(200);
  expect(headers["x-route"]).toBe("all");
  expect([seen["host"], seen["cookie"], seen["x-own"], seen["te"], seen["x-forwarded-for"]]).toEqual([
    `127.0.0.1:${weir.port("main")}`,
    "a=1; b=2",
    "kept",
    undefined as never,
    "127.0.0.1",
  ]);
  session.destroy();
});

test("a client that cancels frees its request, and the gateway goes on", async () => {
  const session = connect(url(""));
  const held = session.request({ ":path": "/hold" });
  held.on("error", () => {});
  await Bun.sleep(0);
  held.close(constants.NGHTTP2_CANCEL);
  const { body } = await ask(session, { ":path": "/" });
  expect(body.toString()).toBe("hello");
  session.destroy();
});

test("many streams with bodies at once come back whole", async () => {
  const session = connect(url(""));
  const bodies = Array.from({ length: 40 }, (_, index) => Buffer.alloc(1000 + index * 7919, index));
  const answers = await Promise.all(bodies.map((body) => ask(session, { ":method": "POST", ":path": "/echo" }, body)));
  expect(answers.map(({ body }, index) => body.equals(bodies[index]!))).toEqual(bodies.map(() => true));
  session.destroy();
});

test("a request that no route of the gateway can take gets its problem answer", async () => {
  const session = connect(url(""));
  const { headers, body } = await ask(session, { ":method": "OPTIONS", ":path": "*" });
  expect([headers[":status"] as unknown, headers["allow"], body.length]).toEqual([
    204,
    "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH",
    0,
  ]);
  const long = await ask(session, { ":path": `/${"a".repeat(9000)}` });
  expect([long.headers[":status"] as unknown, JSON.parse(long.body.toString()).outcome]).toEqual([
    414,
    "target-too-long",
  ]);
  session.destroy();
});

test("a drained gateway sends GOAWAY, answers what is open, and ends", async () => {
  const own = mkdtempSync(join(tmpdir(), "weir-http2-drain-"));
  const other = await RunningWeir.start(
    own,
    `
workers: 1
listeners: { main: { address: "127.0.0.1:0" } }
metrics: off
timeouts: { drain: 2s }
admin: { address: "unix:${own}/admin.sock" }
upstreams: { app: { endpoints: ["127.0.0.1:${upstream.port}"] } }
routes: [{ name: all, upstream: app }]
`,
  );
  const session = connect(`http://127.0.0.1:${other.port("main")}`);
  const goaway = new Promise<number>((resolve) => session.on("goaway", (code: number) => resolve(code)));
  const request = session.request({ ":method": "POST", ":path": "/echo" }, { endStream: false });
  const answer = new Promise<string>((resolve, reject) => {
    let text = "";
    request.on("data", (piece: Buffer) => {
      text += piece;
    });
    request.on("end", () => resolve(text));
    request.on("error", reject);
  });
  request.write("first ");
  await ask(session, { ":path": "/" });
  const stopped = other.stop();
  expect(await goaway).toBe(0);
  request.end("last");
  expect(await answer).toBe("first last");
  await stopped;
  session.destroy();
  rmSync(own, { recursive: true, force: true });
});
