import { expect, test } from "bun:test";
import { BodyKind, fieldMask, MessageHead, Method, rangeText, TargetForm, writeFields } from "../http1/mod.ts";
import { putLine } from "./dynamic-table.ts";
import { nameKind, valueKind } from "./field-kind.ts";
import { FieldList } from "./field-list.ts";
import { readRequest, readResponse, readTrailers } from "./message.ts";
import { Violation, violationRow } from "./violations.ts";

const head = new MessageHead();
const list = new FieldList(100, 32_768);

/** A list as the decoder would make it, from lines `name: value`. */
function fill(lines: string): FieldList {
  list.clear();
  for (const line of lines.split("\n").filter((text) => text !== "")) {
    const split = line.indexOf(":", 1);
    const text = Buffer.from(line.slice(0, split) + line.slice(split + 2), "latin1");
    const valueLength = text.length - split;
    if (!list.admit(text.length)) continue;
    putLine(list.bytes, list.end, text, 0, split, text, split, valueLength);
    list.push(list.end, split, valueLength, nameKind(text, 0, split) | valueKind(text, split, text.length), 0);
  }
  return list;
}

const get = ":method: GET\n:scheme: https\n:authority: a.example\n:path: /b?c\n";
const nameOf = (id: number): string => (id === 0 ? "ok" : violationRow(id).name);
const request = (lines: string, isEnd = true, isConnectAllowed = true): string =>
  nameOf(readRequest(fill(lines), head, isEnd, isConnectAllowed));

function written(): string {
  const out = new Uint8Array(4096);
  return Buffer.from(out.subarray(0, writeFields(head, fieldMask([]), out, 0))).toString("latin1");
}

test("a request becomes a head whose fields the writer of HTTP/1.1 passes on, Host first", () => {
  expect(request(`${get}accept: */*\nte: trailers\nempty: \nx-a: 1\nx-b: 2\n`)).toBe("ok");
  expect({
    method: head.methodId,
    target: rangeText(head, head.targetStart, head.targetEnd),
    path: rangeText(head, head.pathStart, head.pathEnd),
    query: rangeText(head, head.pathEnd, head.queryEnd),
    authority: rangeText(head, head.authorityStart, head.authorityEnd),
    form: head.targetForm,
    body: head.bodyKind,
    acceptsTrailers: head.acceptsTrailers,
  }).toEqual({
    method: Method.get,
    target: "/b?c",
    path: "/b",
    query: "?c",
    authority: "a.example",
    form: TargetForm.origin,
    body: BodyKind.none,
    acceptsTrailers: true,
  });
  expect(written()).toBe("host: a.example\r\naccept: */*\r\nempty:\r\nx-a: 1\r\nx-b: 2\r\n");
});

test("fields that lie apart are not copied in one piece", () => {
  expect(request(":authority: a\n:method: GET\n:scheme: http\n:path: /\nx-a: 1\nhost: A\nx-b: 2\n")).toBe("ok");
  expect(written()).toBe("host: a\r\nx-a: 1\r\nx-b: 2\r\n");
});

test("cookies that came apart are joined where the first one stood", () => {
  expect(request(`${get}cookie: a=1\nx: y\ncookie: b=2\ncookie: c=3\n`)).toBe("ok");
  expect(written()).toBe("host: a.example\r\ncookie: a=1; b=2; c=3\r\nx: y\r\n");
  expect([head.indexOf(24), head.isRepeated(24), head.fieldCount]).toEqual([1, false, 3]);
});

test("requests that break RFC 9113 section 8 are refused, each for its own reason", () => {
  const base = ":method: GET\n:scheme: http\n:authority: a\n";
  const cases: readonly (readonly [string, string])[] = [
    [`${get}:path: /\n`, "pseudoDuplicate"],
    [`${get}x: y\n:protocol: z\n`, "pseudoOrder"],
    [`${get}:unknown: z\n`, "pseudoUnknown"],
    [`${get}:status: 200\n`, "pseudoUnknown"],
    [":method: GET\n:scheme: http\n:path: /\n", "authorityInvalid"],
    [":method: GET\n:authority: a\n:path: /\n", "pseudoMissing"],
    [base, "pseudoMissing"],
    [":scheme: http\n:authority: a\n:path: /\n", "pseudoMissing"],
    [`${base}:path: \n`, "pathInvalid"],
    [`${base}:path: b\n`, "pathInvalid"],
    [`${base}:path: *\n`, "pathInvalid"],
    [`${base}:path: /#a\n`, "pathInvalid"],
    [`${base}:path: /a b\n`, "pathInvalid"],
    [`${base}:path: /%zz\n`, "pathInvalid"],
    [`${base}:path: http://a/\n`, "pathInvalid"],
    [":method: GET\n:scheme: ftp\n:authority: a\n:path: /\n", "schemeInvalid"],
    [":method: G T\n:scheme: http\n:authority: a\n:path: /\n", "methodInvalid"],
    [":method: \n:scheme: http\n:authority: a\n:path: /\n", "methodInvalid"],
    [":method: GET\n:scheme: http\n:authority: u@a\n:path: /\n", "authorityInvalid"],
    [":method: GET\n:scheme: http\n:authority: \n:path: /\n", "authorityInvalid"],
    [`${get}host: b\n`, "authorityMismatch"],
    [`${get}host: a.example\nhost: a.example\n`, "authorityMismatch"],
    [":method: GET\n:scheme: http\n:path: /\nhost: a\nhost: a\n", "authorityMismatch"],
    [`${get}connection: close\n`, "connectionField"],
    [`${get}keep-alive: 1\n`, "connectionField"],
    [`${get}proxy-connection: x\n`, "connectionField"],
    [`${get}transfer-encoding: chunked\n`, "connectionField"],
    [`${get}upgrade: h2c\n`, "connectionField"],
    [`${get}te: gzip\n`, "teField"],
    [`${get}te: trailers, gzip\n`, "teField"],
    [`${get}X: y\n`, "nameUppercase"],
    [`${get}x y: z\n`, "nameInvalid"],
    [`${get}x: a\u0000b\n`, "valueInvalid"],
    [`${get}x: a\rb\n`, "valueInvalid"],
    [`${get}x:  a\n`, "valueInvalid"],
    [`${get}x: a \n`, "valueInvalid"],
    [`${get}content-length: 1\n`, "contentLengthMismatch"],
    [`${get}content-length: x\n`, "contentLengthInvalid"],
    [`${get}content-length: 0\ncontent-length: 0\n`, "contentLengthInvalid"],
    [":method: CONNECT\n:authority: a:1\n:path: /\n", "connectForm"],
    [":method: CONNECT\n:authority: a\n", "connectForm"],
    [":method: CONNECT\nhost: a:1\n", "connectForm"],
    [`${get}:protocol: websocket\n`, "protocolInvalid"],
  ];
  expect(cases.map(([lines]) => [lines, request(lines)])).toEqual(cases.map(([lines, name]) => [lines, name]));
});

test("CONNECT, extended CONNECT and OPTIONS * have forms of their own", () => {
  expect(request(":method: CONNECT\n:authority: a:443\n", false)).toBe("ok");
  expect([head.targetForm, head.bodyKind, head.hasUpgrade]).toEqual([TargetForm.authority, BodyKind.untilClose, false]);
  const extended =
    ":method: CONNECT\n:protocol: websocket\n:scheme: https\n:path: /chat\n:authority: a\nsec-websocket-version: 13\n";
  expect(request(extended, false)).toBe("ok");
  expect([head.isWebSocketUpgrade, rangeText(head, head.pathStart, head.pathEnd)]).toEqual([true, "/chat"]);
  expect(request(extended, false, false)).toBe("protocolInvalid");
  expect(request(":method: OPTIONS\n:scheme: http\n:path: *\n:authority: a\n")).toBe("ok");
  expect(head.targetForm).toBe(TargetForm.asterisk);
});

test("answers know their status and the kind of their body", () => {
  const read = (lines: string, isEnd: boolean, method: number = Method.get): [string, number, number] => [
    nameOf(readResponse(fill(lines), head, isEnd, method)),
    head.status,
    head.bodyKind,
  ];
  expect(read(":status: 200\ncontent-length: 5\n", false)).toEqual(["ok", 200, BodyKind.length]);
  expect(read(":status: 200\n", false)).toEqual(["ok", 200, BodyKind.chunked]);
  expect(read(":status: 200\ncontent-length: 5\n", true, Method.head)).toEqual(["ok", 200, BodyKind.none]);
  expect(read(":status: 304\ncontent-length: 5\n", true)).toEqual(["ok", 304, BodyKind.none]);
  expect(read(":status: 103\n", false)).toEqual(["ok", 103, BodyKind.none]);
  const wrong = [
    [":status: 200\ncontent-length: 5\n", true],
    [":status: 204\ncontent-length: 5\n", true],
    [":status: 101\n", false],
    [":status: 103\n", true],
    [":status: 20\n", true],
    [":status: 2x0\n", true],
    [":status: 600\n", true],
    ["x: y\n", true],
    [":status: 200\n:path: /\n", true],
  ] as const;
  expect(wrong.map(([lines, isEnd]) => read(lines, isEnd)[0])).toEqual([
    "contentLengthMismatch",
    "contentLengthInvalid",
    "switchingProtocols",
    "informationalEnd",
    "statusInvalid",
    "statusInvalid",
    "statusInvalid",
    "pseudoMissing",
    "pseudoUnknown",
  ]);
});

test("trailers have no pseudo-fields, and fields with a meaning for the head are struck out", () => {
  expect(nameOf(readTrailers(fill("grpc-status: 0\ncontent-length: 5\nhost: b\n"), head))).toBe("ok");
  expect(written()).toBe("grpc-status: 0\r\n");
  expect(nameOf(readTrailers(fill("x: y\n:path: /\n"), head))).toBe("pseudoTrailers");
  expect(readTrailers(fill("connection: close\n"), head)).toBe(Violation.connectionField);
});
