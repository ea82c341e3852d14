import { expect, test } from "bun:test";
import { defaultHttp1Limits, MessageHead, Method, parseRequestHead, parseResponseHead } from "../http1/mod.ts";
import { agreedDeflate, deflateParameters, parseExtensions } from "./deflate.ts";
import { acceptKey, isKey, judgeAnswer, judgeRequest } from "./handshake.ts";

const key = "dGhlIHNhbXBsZSBub25jZQ==";
const head = new MessageHead();

function request(change: Readonly<Record<string, string | undefined>> = {}, line = "GET /chat HTTP/1.1"): string {
  const fields: Record<string, string | undefined> = {
    Host: "a",
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": key,
    "Sec-WebSocket-Version": "13",
    ...change,
  };
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}\r\n`],
  );
  const bytes = Buffer.from(`${line}\r\n${lines.join("")}\r\n`);
  expect(parseRequestHead(head, bytes, 0, bytes.length, defaultHttp1Limits)).toBe(bytes.length);
  return judgeRequest(head);
}

test("the example of RFC 6455 section 1.3", () => {
  expect(acceptKey(key)).toBe("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
});

test("a request is judged by its method, upgrade, version, key and body", () => {
  expect([
    request(),
    request({}, "POST /chat HTTP/1.1"),
    request({ Upgrade: "h2c" }),
    request({ Connection: "close" }),
    request({ "Sec-WebSocket-Version": "8" }),
    request({ "Sec-WebSocket-Version": undefined }),
    request({ "Sec-WebSocket-Key": undefined }),
    request({ "Sec-WebSocket-Key": "dG9vIHNob3J0" }),
    request({ "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZR==" }),
    request({ "Content-Length": "5" }),
    request({ "Transfer-Encoding": "chunked" }),
  ]).toEqual(["ok", "method", "upgrade", "upgrade", "version", "version", "key", "key", "key", "body", "body"]);
  expect(isKey(key)).toBe(true);
});

test("an answer must accept the key and choose a protocol that was offered", () => {
  const answer = (accept: string, more = ""): string => {
    const text = `HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${more}\r\n`;
    const bytes = Buffer.from(text);
    expect(parseResponseHead(head, bytes, 0, bytes.length, defaultHttp1Limits, Method.get)).toBe(bytes.length);
    return judgeAnswer(head, key, "fix, quotes");
  };
  expect([
    answer(acceptKey(key)),
    answer(acceptKey(key), "Sec-WebSocket-Protocol: quotes\r\n"),
    answer(acceptKey(key), "Sec-WebSocket-Protocol: chat\r\n"),
    answer("s3pPLMBiTxaQ9kYGzzhZRbK+xOp="),
  ]).toEqual(["ok", "ok", "protocol", "accept"]);
});

test("extensions are read by their grammar", () => {
  expect(parseExtensions('permessage-deflate; client_max_window_bits; server_max_window_bits="10", x-y')).toEqual([
    {
      name: "permessage-deflate",
      parameters: [
        ["client_max_window_bits", true],
        ["server_max_window_bits", "10"],
      ],
    },
    { name: "x-y", parameters: [] },
  ]);
  expect(["", ",", "a;", "a;=b", "a b", 'a;b="c d"', "a;b=", "a,,b"].map(parseExtensions)).toEqual(
    Array.from({ length: 8 }, () => undefined),
  );
});

test("the parameters of permessage-deflate are those of RFC 7692 section 7.1", () => {
  const read = (value: string, isOffer: boolean): unknown => deflateParameters(parseExtensions(value)![0]!, isOffer);
  const name = "permessage-deflate";
  expect(read(`${name}; client_max_window_bits`, true)).toEqual({
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: undefined,
    clientMaxWindowBits: true,
  });
  const wrong = [
    [`${name}; client_max_window_bits`, false],
    [`${name}; server_max_window_bits`, true],
    [`${name}; server_max_window_bits=7`, true],
    [`${name}; server_max_window_bits=16`, true],
    [`${name}; server_max_window_bits=08`, true],
    [`${name}; server_no_context_takeover=1`, true],
    [`${name}; server_no_context_takeover; server_no_context_takeover`, true],
    [`${name}; unknown`, true],
  ] as const;
  expect(wrong.map(([value, isOffer]) => read(value, isOffer))).toEqual(wrong.map(() => undefined));
});

test("what an answer agrees on must answer an offer", () => {
  const name = "permessage-deflate";
  expect([
    agreedDeflate(name, undefined),
    agreedDeflate(name, name),
    agreedDeflate(undefined, name),
    agreedDeflate("x", "y"),
    agreedDeflate(`${name}; server_max_window_bits=10, ${name}`, `${name}; server_max_window_bits=10`),
    agreedDeflate(`${name}; server_max_window_bits=10`, name),
    agreedDeflate(name, `${name}; client_max_window_bits=10`),
    agreedDeflate(`${name}; client_max_window_bits`, `${name}; client_max_window_bits=10`),
    agreedDeflate(name, `${name}, ${name}`),
    agreedDeflate(name, `${name}; unknown`),
  ]).toEqual([false, true, undefined, undefined, true, undefined, undefined, true, undefined, undefined]);
});
