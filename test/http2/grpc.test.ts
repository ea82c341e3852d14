/** gRPC through a gateway, with the official JavaScript client and server: HTTP/2 in and out. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Client,
  credentials,
  type Metadata,
  Metadata as MetadataMaker,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { RunningWeir } from "../tls/running-weir.ts";

const same = (bytes: Buffer): Buffer => bytes;
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});
const service = {
  unary: method("Unary", false, false),
  collect: method("Collect", true, false),
  spread: method("Spread", false, true),
  talk: method("Talk", true, true),
};

const callsCount = Number(process.env["WEIR_GRPC_CALLS"] ?? 3000);
const folder = mkdtempSync(join(tmpdir(), "weir-grpc-"));
const server = new Server();
let cancelled = 0;
let weir: RunningWeir;
let client: Client;

const implementation = {
  unary(call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>): void {
    const wish = call.request.toString();
    if (wish === "wait") {
      call.on("cancelled", () => {
        cancelled++;
      });
      return;
    }
    const trailer = new MetadataMaker();
    trailer.set("x-trailer", "kept");
    if (wish === "fail") reply({ code: status.FAILED_PRECONDITION, details: "not today — 不行", metadata: trailer });
    else reply(null, call.request, trailer);
  },
  collect(call: ServerReadableStream<Buffer, Buffer>, reply: sendUnaryData<Buffer>): void {
    let bytes = 0;
    call.on("data", (piece: Buffer) => {
      bytes += piece.length;
    });
    call.on("end", () => reply(null, Buffer.from(String(bytes))));
  },
  spread(call: ServerWritableStream<Buffer, Buffer>): void {
    const count = Number(call.request.toString());
    for (let index = 0; index < count; index++) call.write(Buffer.alloc(1000, index));
    call.end();
  },
  talk(call: ServerDuplexStream<Buffer, Buffer>): void {
    call.on("data", (piece: Buffer) => call.write(Buffer.from(piece.toString().toUpperCase())));
    call.on("end", () => call.end());
  },
};

beforeAll(async () => {
  server.addService(service, implementation);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  weir = await RunningWeir.start(
    folder,
    `
workers: 1
listeners: { main: { address: "127.0.0.1:0" } }
metrics: off
admin: { address: "unix:${folder}/admin.sock" }
timeouts: { drain: 2s }
lanes: { loopDelayMax: 1m }
upstreams:
  app: { endpoints: ["127.0.0.1:${port}"], connections: { mode: multiplexed }, queue: { timeout: 30s } }
routes: [{ name: all, upstream: app }]
`,
  );
  client = new Client(`127.0.0.1:${weir.port("main")}`, credentials.createInsecure());
});

afterAll(async () => {
  client?.close();
  await weir?.stop();
  server.forceShutdown();
  rmSync(folder, { recursive: true, force: true });
});

function unary(payload: Buffer, deadlineMs = 30_000): Promise<{ body: Buffer; trailer: Metadata | undefined }> {
  return new Promise((resolve, reject) => {
    const { path } = service.unary;
    let trailer: Metadata | undefined;
    let body: Buffer | undefined;
    const settle = (): void => {
      if (body !== undefined && trailer !== undefined) resolve({ body, trailer });
    };
    const options = { deadline: Date.now() + deadlineMs };
    const call = client.makeUnaryRequest(path, same, same, payload, new MetadataMaker(), options, (error, value) => {
      if (error !== null) reject(error);
      else {
        body = value!;
        settle();
      }
    });
    call.on("status", (found) => {
      trailer = found.metadata;
      settle();
    });
  });
}

test("unary calls come back with their trailers, small and large", async () => {
  for (const bytes of [0, 1, 5_000, 1_000_000]) {
    const { body, trailer } = await unary(Buffer.alloc(bytes, "x"));
    expect([body.length, trailer?.get("x-trailer")]).toEqual([bytes, ["kept"]]);
  }
});

test("a failure keeps its code, its details and its trailers", async () => {
  const error = await unary(Buffer.from("fail")).catch(
    (reason: unknown) => reason as { code: number; details: string },
  );
  expect(error).toMatchObject({ code: status.FAILED_PRECONDITION, details: "not today — 不行" });
});

test("a deadline ends the call on both sides", async () => {
  const before = cancelled;
  const error = await unary(Buffer.from("wait"), 200).catch((reason: unknown) => reason as { code: number });
  expect(error).toMatchObject({ code: status.DEADLINE_EXCEEDED });
  const endMs = performance.now() + 5000;
  while (cancelled === before && performance.now() < endMs) await Bun.sleep(5);
  expect(cancelled).toBe(before + 1);
});

test("a client's stream, a server's stream and one in both directions", async () => {
  const collected = await new Promise<string>((resolve, reject) => {
    const call = client.makeClientStreamRequest(service.collect.path, same, same, (error, value: Buffer | undefined) =>
      error === null ? resolve(value!.toString()) : reject(error),
    );
    for (let index = 0; index < 200; index++) call.write(Buffer.alloc(5000, index));
    call.end();
  });
  expect(collected).toBe("1000000");

  const spread = await new Promise<number>((resolve, reject) => {
    let bytes = 0;
    const call = client.makeServerStreamRequest(service.spread.path, same, same, Buffer.from("500"));
    call.on("data", (piece: Buffer) => {
      bytes += piece.length;
    });
    call.on("end", () => resolve(bytes));
    call.on("error", reject);
  });
  expect(spread).toBe(500_000);

  const talk = client.makeBidiStreamRequest(service.talk.path, same, same);
  const heard: string[] = [];
  const ended = new Promise<void>((resolve, reject) => {
    talk.on("end", () => resolve());
    talk.on("error", reject);
  });
  // Each word is only said when the answer to the one before it has come: nothing may wait for the end.
  talk.on("data", (piece: Buffer) => {
    heard.push(piece.toString());
    if (heard.length === 3) talk.end();
    else talk.write(Buffer.from(`word ${heard.length}`));
  });
  talk.write(Buffer.from("word 0"));
  await ended;
  expect(heard).toEqual(["WORD 0", "WORD 1", "WORD 2"]);
});

test(`${callsCount} calls, a hundred at a time, end without an error`, async () => {
  const payload = Buffer.alloc(100, "y");
  let left = callsCount;
  let wrong = 0;
  const work = async (): Promise<void> => {
    while (left-- > 0) if ((await unary(payload)).body.length !== 100) wrong++;
  };
  await Promise.all(Array.from({ length: 100 }, work));
  expect(wrong).toBe(0);
}, 120_000);

test("a gateway that speaks HTTP/1.1 to its client speaks HTTP/2 to its upstream", async () => {
  const response = await fetch(`http://127.0.0.1:${weir.port("main")}/test.Echo/Unary`, {
    method: "POST",
    headers: { "content-type": "application/grpc" },
    body: Buffer.concat([Buffer.from("0000000003", "hex"), Buffer.from("abc")]),
  });
  expect([
    response.status,
    Buffer.from(await response.arrayBuffer())
      .subarray(5)
      .toString(),
  ]).toEqual([200, "abc"]);
});
