/**
 * The cost of reading and writing heads as wrk, curl, a browser and small servers send them, and of reading a chunked body.
 * Prints nanoseconds of processor time per head, the median of rounds, and per byte.
 */
import {
  ChunkedReader,
  defaultHttp1Limits,
  FieldId,
  fieldMask,
  MessageHead,
  Method,
  parseRequestHead,
  parseResponseHead,
  writeFields,
  writeRequestLine,
} from "../../../src/protocols/mod.ts";

const lines = (...all: string[]): Uint8Array => new Uint8Array(Buffer.from(`${all.join("\r\n")}\r\n\r\n`, "latin1"));

/** As `wrk -H` sends it. */
export const wrkRequest = lines(
  "GET /quotes/600519?depth=5 HTTP/1.1",
  "Host: 127.0.0.1:8080",
  "User-Agent: wrk/4.1.0",
  "Accept: */*",
  "X-Request-Id: 0f8fad5b-d9cb-469f-a165-70867728950e",
);

/** A JSON order as a typical client library posts it. */
export const orderRequest = lines(
  "POST /orders HTTP/1.1",
  "Host: gateway.example:8080",
  "User-Agent: curl/7.88.1",
  "Accept: application/json",
  "Content-Type: application/json",
  "Content-Length: 96",
  "Idempotency-Key: 6f3b0f4e-28f1-4b0d",
  "Authorization: Bearer abcdefghijklmnop",
);

/** What a current browser sends with a plain fetch. */
export const browserRequest = lines(
  "GET /quotes/600519?depth=5 HTTP/1.1",
  "Host: gateway.example",
  "Connection: keep-alive",
  "Cache-Control: max-age=0",
  'sec-ch-ua: "Chromium";v="120", "Not?A_Brand";v="24"',
  "sec-ch-ua-mobile: ?0",
  'sec-ch-ua-platform: "Linux"',
  "Upgrade-Insecure-Requests: 1",
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  "Sec-Fetch-Site: none",
  "Sec-Fetch-Mode: navigate",
  "Accept-Encoding: gzip, deflate, br",
  "Accept-Language: en-GB,en;q=0.9,zh-CN;q=0.8",
  "Cookie: session=0123456789abcdef0123456789abcdef",
);

/** What a small server answers. */
export const smallResponse = lines(
  "HTTP/1.1 200 OK",
  "Content-Type: application/json",
  "Date: Mon, 23 Nov 2026 22:41:17 GMT",
  "Content-Length: 27",
);

/** What nginx answers. */
export const nginxResponse = lines(
  "HTTP/1.1 200 OK",
  "Server: nginx/1.22.1",
  "Date: Mon, 23 Nov 2026 22:41:17 GMT",
  "Content-Type: application/json",
  "Content-Length: 27",
  "Connection: keep-alive",
  "X-Request-Id: 0f8fad5b-d9cb-469f-a165-70867728950e",
);

export interface Measured {
  readonly name: string;
  readonly bytes: number;
  readonly ns: number;
}

/** Measures everything in interleaved rounds; each result is the median of its rounds. */
export function measureHttp1(rounds: number, headsPerRound: number): Measured[] {
  const cases = benchmarkCases();
  const costs = cases.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    cases.forEach(({ run }, index) => {
      const start = process.cpuUsage();
      run(headsPerRound);
      const used = process.cpuUsage(start);
      costs[index]!.push(((used.user + used.system) * 1000) / headsPerRound);
    });
  }
  return cases.map(({ name, bytes }, index) => ({
    name,
    bytes,
    ns: costs[index]!.sort((a, b) => a - b)[rounds >> 1]!,
  }));
}

interface Case {
  readonly name: string;
  readonly bytes: number;
  readonly run: (count: number) => void;
}

const limits = defaultHttp1Limits;

function benchmarkCases(): Case[] {
  const request = (name: string, bytes: Uint8Array): Case => {
    const head = new MessageHead();
    return {
      name,
      bytes: bytes.length,
      run: (count) => {
        for (let i = 0; i < count; i++) parseRequestHead(head, bytes, 0, bytes.length, limits);
      },
    };
  };
  const response = (name: string, bytes: Uint8Array): Case => {
    const head = new MessageHead();
    return {
      name,
      bytes: bytes.length,
      run: (count) => {
        for (let i = 0; i < count; i++) parseResponseHead(head, bytes, 0, bytes.length, limits, Method.get);
      },
    };
  };
  return [
    request("request, wrk", wrkRequest),
    request("request, order", orderRequest),
    request("request, browser", browserRequest),
    response("response, small", smallResponse),
    response("response, nginx", nginxResponse),
    writing("write request, wrk", wrkRequest),
    writing("write request, browser", browserRequest),
    chunkedCase(),
  ];
}

function writing(name: string, bytes: Uint8Array): Case {
  const head = new MessageHead();
  const out = new Uint8Array(4096);
  const mask = fieldMask([FieldId.expect]);
  parseRequestHead(head, bytes, 0, bytes.length, limits);
  return {
    name,
    bytes: bytes.length,
    run: (count) => {
      for (let i = 0; i < count; i++) writeFields(head, mask, out, writeRequestLine(head, out, 0));
    },
  };
}

function chunkedCase(): Case {
  const body = new Uint8Array(
    Buffer.from(`400\r\n${"x".repeat(1024)}\r\n20\r\n${"y".repeat(32)}\r\n0\r\n\r\n`, "latin1"),
  );
  const reader = new ChunkedReader(limits);
  return {
    name: "chunked body, 2 chunks",
    bytes: body.length,
    run: (count) => {
      for (let i = 0; i < count; i++) {
        reader.reset(limits);
        for (let at = 0; at < body.length; ) at = reader.read(body, at, body.length);
      }
    },
  };
}

if (import.meta.main) {
  for (const { name, bytes, ns } of measureHttp1(9, 300_000)) {
    console.log(
      `${name.padEnd(24)} ${String(bytes).padStart(5)} bytes ${ns.toFixed(0).padStart(6)} ns ${(ns / bytes).toFixed(2).padStart(6)} ns/byte`,
    );
  }
}
