/** RFC 9113 §3 to §6: the preface, frames, and every frame type's own rules. */
import { answered, answers, type Case, Code, endsConnection, pinged, resets, survives } from "./case.ts";
import {
  block,
  continuation,
  data,
  F,
  type Fields,
  frame,
  get,
  goaway,
  headers,
  hex,
  open,
  ping,
  post,
  preface,
  repeat,
  rst,
  settings,
  settingsAck,
  Type,
  uint32,
  windowUpdate,
} from "./raw.ts";

const whole = block(get);
/** A request whose body the server leaves unread. */
const hold: Fields = [...post.slice(0, 3), [":path", "/hold"]];
/** What a gateway's upstream would read all the same. */
const pure = (test: Case): Case => ({ ...test, isPure: true });
const bare = (test: Case): Case => ({ ...test, isBare: true });
/** What a gateway, which speaks HTTP/1.1 on the same port, answers in that. */
const alone = (test: Case): Case => ({ ...test, isBare: true, isPure: true });

const start: readonly Case[] = [
  alone(
    endsConnection("3.4: a wrong preface", Code.protocol, Buffer.from("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"), settings()),
  ),
  alone(
    endsConnection(
      "3.4: HTTP/1.1 instead of a preface",
      Code.protocol,
      Buffer.from("PRJ / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ),
  ),
  bare(endsConnection("3.4: HEADERS before SETTINGS", Code.protocol, preface, headers(1))),
  bare(endsConnection("3.4: PING before SETTINGS", Code.protocol, preface, ping())),
  bare(endsConnection("3.4: the ACK of SETTINGS before SETTINGS", Code.protocol, preface, settingsAck())),
  bare(answers("3.4: requests right behind SETTINGS", [1, 3], preface, settings(), headers(1), headers(3))),
  bare(answers("3.4: SETTINGS may be empty, and their ACK later", [1], preface, settings(), headers(1), settingsAck())),
];

const frames: readonly Case[] = [
  survives("4.1: an unknown frame type is ignored", frame(0x42, 0xff, 0, "abc"), frame(0xbb, 0, 5, "abc")),
  survives("4.1: undefined flags are ignored", frame(Type.ping, 0xfe, 0, "12345678")),
  answers(
    "4.1: the reserved bit of a stream id is ignored",
    [1],
    frame(Type.headers, F.end | F.endHeaders, 0x8000_0001, whole),
  ),
  answers("4.2: a frame of 16,384 bytes", [1], open(1), data(1, "a".repeat(16_384))),
  endsConnection("4.2: DATA over the frame size", Code.size, open(1), data(1, "a".repeat(16_385))),
  endsConnection("4.2: HEADERS over the frame size", Code.size, headers(1, Buffer.alloc(16_385))),
  endsConnection("4.2: an unknown frame over the frame size", Code.size, frame(0x42, 0, 0, "a".repeat(16_385))),
  endsConnection("4.2: SETTINGS over the frame size", Code.size, frame(Type.settings, 0, 0, Buffer.alloc(16_386))),
  answers(
    "4.3: a field block over three frames",
    [1],
    frame(Type.headers, F.end, 1, whole.subarray(0, 5)),
    continuation(1, whole.subarray(5, 9), 0),
    continuation(1, whole.subarray(9)),
  ),
  answers(
    "4.3: a field block in a frame of no bytes and another",
    [1],
    frame(Type.headers, F.end, 1),
    continuation(1, whole),
  ),
];

const dataFrames: readonly Case[] = [
  endsConnection("6.1: DATA on stream 0", Code.protocol, data(0, "a")),
  endsConnection(
    "6.1: DATA with padding as long as its payload",
    Code.protocol,
    open(1),
    data(1, hex("06 6162636465"), F.end | F.padded),
  ),
  endsConnection(
    "6.1: DATA with padding longer than its payload",
    Code.protocol,
    open(1),
    data(1, hex("ff 61"), F.end | F.padded),
  ),
  endsConnection("6.1: DATA without the byte of its padding", Code.size, open(1), data(1, "", F.end | F.padded)),
  answers("6.1: padded DATA", [1], open(1), data(1, hex("02 6162 0000"), F.end | F.padded)),
  answers("6.1: DATA of padding alone", [1], open(1), data(1, hex("02 0000"), F.padded), data(1, "a")),
  answers("6.1: DATA with a padding of no bytes", [1], open(1), data(1, hex("00 61"), F.end | F.padded)),
];

const headersFrames: readonly Case[] = [
  endsConnection("6.2: HEADERS on stream 0", Code.protocol, headers(0)),
  endsConnection(
    "6.2: HEADERS with padding longer than its payload",
    Code.protocol,
    headers(1, Buffer.concat([hex("ff"), whole]), F.end | F.endHeaders | F.padded),
  ),
  endsConnection(
    "6.2: HEADERS without the byte of its padding",
    Code.size,
    headers(1, Buffer.alloc(0), F.end | F.endHeaders | F.padded),
  ),
  endsConnection(
    "6.2: HEADERS too short for its priority",
    Code.size,
    headers(1, hex("00000000"), F.end | F.endHeaders | F.priority),
  ),
  answers(
    "6.2: padded HEADERS",
    [1],
    headers(1, Buffer.concat([hex("03"), whole, hex("000000")]), F.end | F.endHeaders | F.padded),
  ),
  answers(
    "6.2: HEADERS with priority",
    [1],
    headers(1, Buffer.concat([hex("00000000 10"), whole]), F.end | F.endHeaders | F.priority),
  ),
  answers(
    "6.2: HEADERS with padding and priority",
    [1],
    headers(1, Buffer.concat([hex("01 80000003 ff"), whole, hex("00")]), F.end | F.endHeaders | F.priority | F.padded),
  ),
  answers(
    "5.3.2: HEADERS that depend on their own stream are not an error",
    [1],
    headers(1, Buffer.concat([hex("00000001 10"), whole]), F.end | F.endHeaders | F.priority),
  ),
];

const small: readonly Case[] = [
  endsConnection("6.3: PRIORITY on stream 0", Code.protocol, frame(Type.priority, 0, 0, hex("00000001 10"))),
  endsConnection("6.3: PRIORITY of four bytes", Code.size, frame(Type.priority, 0, 1, hex("00000001"))),
  endsConnection("6.3: PRIORITY of six bytes", Code.size, frame(Type.priority, 0, 1, hex("00000001 1000"))),
  answers(
    "6.3: PRIORITY on idle, open and closed streams",
    [3],
    frame(Type.priority, 0, 3, hex("00000000 10")),
    headers(3),
    answered(3),
    frame(Type.priority, 0, 3, hex("00000000 10")),
    frame(Type.priority, 0, 1, hex("00000000 10")),
  ),
  survives(
    "5.3.2: PRIORITY on a stream that depends on itself is not an error",
    frame(Type.priority, 0, 1, hex("00000001 10")),
  ),
  endsConnection("6.4: RST_STREAM on stream 0", Code.protocol, rst(0)),
  endsConnection("6.4: RST_STREAM on an idle stream", Code.protocol, rst(1)),
  endsConnection("6.4: RST_STREAM of three bytes", Code.size, open(1), frame(Type.rst, 0, 1, "abc")),
  endsConnection("6.4: RST_STREAM of five bytes", Code.size, open(1), frame(Type.rst, 0, 1, "abcde")),
  survives("6.4: RST_STREAM with an unknown error code", open(1), rst(1, 0xffff_ffff)),
  survives("6.4: RST_STREAM twice", open(1), rst(1), rst(1)),
  answers("6.4: a stream after one that was reset", [3], open(1), rst(1), headers(3)),
  endsConnection(
    "6.6: PUSH_PROMISE from a client",
    Code.protocol,
    open(1),
    frame(Type.push, F.endHeaders, 1, Buffer.concat([uint32(2), whole])),
  ),
  endsConnection(
    "6.6: PUSH_PROMISE on stream 0",
    Code.protocol,
    frame(Type.push, F.endHeaders, 0, Buffer.concat([uint32(2), whole])),
  ),
  endsConnection("6.7: PING on a stream", Code.protocol, frame(Type.ping, 0, 1, "12345678")),
  endsConnection("6.7: PING of six bytes", Code.size, frame(Type.ping, 0, 0, "123456")),
  endsConnection("6.7: PING of nine bytes", Code.size, frame(Type.ping, 0, 0, "123456789")),
  endsConnection("6.7: an ACK of PING of no bytes", Code.size, frame(Type.ping, F.ack, 0)),
  survives("6.7: an ACK of a PING that was never sent", ping("abcdefgh", F.ack)),
  endsConnection("6.8: GOAWAY on a stream", Code.protocol, frame(Type.goaway, 0, 1, Buffer.alloc(8))),
  endsConnection("6.8: GOAWAY of seven bytes", Code.size, frame(Type.goaway, 0, 0, Buffer.alloc(7))),
  answers("6.8: a stream that was open before the client's GOAWAY", [1], open(1), goaway(0, 0, "bye"), data(1, "a")),
  survives("6.8: GOAWAY with an unknown error code", goaway(0, 0xdead_beef)),
];

const settingsFrames: readonly Case[] = [
  endsConnection("6.5: SETTINGS on a stream", Code.protocol, frame(Type.settings, 0, 1)),
  endsConnection("6.5: SETTINGS of five bytes", Code.size, frame(Type.settings, 0, 0, "abcde")),
  endsConnection("6.5: SETTINGS of seven bytes", Code.size, frame(Type.settings, 0, 0, hex("0003 00000064 00"))),
  endsConnection(
    "6.5: an ACK of SETTINGS with a payload",
    Code.size,
    frame(Type.settings, F.ack, 0, hex("0003 00000064")),
  ),
  endsConnection("6.5: an ACK of SETTINGS on a stream", Code.protocol, frame(Type.settings, F.ack, 1)),
  endsConnection("6.5.2: ENABLE_PUSH of 2", Code.protocol, settings([2, 2])),
  endsConnection("6.5.2: INITIAL_WINDOW_SIZE of 2^31", Code.flow, settings([4, 0x8000_0000])),
  endsConnection("6.5.2: MAX_FRAME_SIZE of 16,383", Code.protocol, settings([5, 16_383])),
  endsConnection("6.5.2: MAX_FRAME_SIZE of 2^24", Code.protocol, settings([5, 16_777_216])),
  endsConnection("RFC 8441 3: ENABLE_CONNECT_PROTOCOL of 2", Code.protocol, settings([8, 2])),
  endsConnection("RFC 8441 3: ENABLE_CONNECT_PROTOCOL taken back", Code.protocol, settings([8, 1]), settings([8, 0])),
  answers("6.5.2: an unknown setting is ignored", [1], settings([0xabcd, 0xffff_ffff], [0, 1]), headers(1)),
  answers(
    "6.5.2: the extremes of every setting",
    [1],
    settings([1, 0xffff_ffff], [2, 1], [3, 0], [4, 0x7fff_ffff], [5, 16_777_215], [6, 0xffff_ffff]),
    headers(1),
  ),
  answers(
    "6.5.3: a setting that comes twice in a frame has its last value",
    [1],
    settings([4, 0], [4, 65_535]),
    headers(1),
  ),
  answers("6.5.3: SETTINGS during a request", [1], open(1), settings([1, 0]), data(1, "a")),
  endsConnection(
    "6.5.3: an ACK of SETTINGS that were never sent",
    Code.protocol,
    settingsAck(),
    settingsAck(),
    settingsAck(),
  ),
];

const continuations: readonly Case[] = [
  endsConnection(
    "6.10: CONTINUATION on stream 0",
    Code.protocol,
    frame(Type.headers, F.end, 1, whole.subarray(0, 5)),
    continuation(0, whole.subarray(5)),
  ),
  endsConnection(
    "6.10: CONTINUATION of another stream",
    Code.protocol,
    frame(Type.headers, F.end, 1, whole.subarray(0, 5)),
    continuation(3, whole.subarray(5)),
  ),
  endsConnection("6.10: CONTINUATION without HEADERS", Code.protocol, continuation(1, whole)),
  endsConnection("6.10: CONTINUATION after END_HEADERS", Code.protocol, headers(1), continuation(1, "")),
  endsConnection("6.10: CONTINUATION after DATA", Code.protocol, open(1), data(1, "a", 0), continuation(1, "")),
  endsConnection(
    "6.10: DATA within a field block",
    Code.protocol,
    frame(Type.headers, F.end, 1, whole.subarray(0, 5)),
    data(1, "a"),
  ),
  endsConnection(
    "6.10: PING within a field block",
    Code.protocol,
    frame(Type.headers, F.end, 1, whole.subarray(0, 5)),
    ping(),
  ),
  endsConnection(
    "6.10: HEADERS of another stream within a field block",
    Code.protocol,
    frame(Type.headers, F.end, 1, whole.subarray(0, 5)),
    headers(3),
  ),
  endsConnection(
    "6.10: HEADERS of the same stream within a field block",
    Code.protocol,
    frame(Type.headers, F.end, 1, whole.subarray(0, 5)),
    headers(1),
  ),
  endsConnection(
    "6.10: WINDOW_UPDATE within a field block",
    Code.protocol,
    frame(Type.headers, F.end, 1, whole.subarray(0, 5)),
    windowUpdate(0, 1),
  ),
  endsConnection(
    "5.5: an unknown frame within a field block",
    Code.protocol,
    frame(Type.headers, F.end, 1, whole.subarray(0, 5)),
    frame(0x42, 0, 1),
  ),
  answers(
    "6.10: undefined flags of CONTINUATION are ignored",
    [1],
    frame(Type.headers, F.end, 1, whole.subarray(0, 5)),
    continuation(1, whole.subarray(5), F.endHeaders | F.end | F.padded),
  ),
];

const windows: readonly Case[] = [
  endsConnection("6.9: WINDOW_UPDATE of three bytes", Code.size, frame(Type.window, 0, 0, "abc")),
  endsConnection("6.9: WINDOW_UPDATE of five bytes", Code.size, open(1), frame(Type.window, 0, 1, "abcde")),
  endsConnection("6.9: WINDOW_UPDATE of zero for the connection", Code.protocol, windowUpdate(0, 0)),
  resets("6.9: WINDOW_UPDATE of zero for a stream", 1, Code.protocol, open(1), windowUpdate(1, 0)),
  endsConnection("5.1: WINDOW_UPDATE on an idle stream", Code.protocol, windowUpdate(1, 10)),
  endsConnection("6.9.1: a connection window over 2^31-1", Code.flow, windowUpdate(0, 0x7fff_ffff)),
  endsConnection(
    "6.9.1: a connection window over 2^31-1 in two steps",
    Code.flow,
    windowUpdate(0, 0x7fff_0000),
    windowUpdate(0, 0x7fff_0000),
  ),
  resets("6.9.1: a stream window over 2^31-1", 1, Code.flow, open(1), windowUpdate(1, 0x7fff_ffff)),
  survives("6.9: WINDOW_UPDATE on a stream that has ended", headers(1), answered(1), windowUpdate(1, 10)),
  survives("6.9: WINDOW_UPDATE on a stream that was reset", open(1), rst(1), windowUpdate(1, 10)),
  answers("6.9: the reserved bit of an increment is ignored", [1], windowUpdate(0, 0x8000_0001), headers(1)),
  {
    name: "6.9.2: a window of zero holds back DATA until WINDOW_UPDATE",
    steps: [settings([4, 0]), headers(1), pinged, windowUpdate(1, 3), pinged, windowUpdate(1, 2), answered(1)],
    expect: { answers: { 1: { status: 200, bytes: 5 } } },
  },
  {
    name: "6.9.2: a window of one byte",
    steps: [settings([4, 1]), headers(1), pinged, repeat(4, () => windowUpdate(1, 1)), answered(1)],
    expect: { answers: { 1: { status: 200, bytes: 5 } } },
  },
  {
    name: "6.9.2: a new initial window moves that of open streams",
    steps: [settings([4, 2]), headers(1), pinged, settings([4, 100]), answered(1)],
    expect: { answers: { 1: { status: 200, bytes: 5 } } },
  },
  {
    name: "6.9.2: a window may become negative and must become positive again",
    steps: [
      settings([4, 10]),
      headers(1, [...get.slice(0, 3), [":path", "/bytes/20"]]),
      pinged,
      settings([4, 0]),
      windowUpdate(1, 10),
      pinged,
      windowUpdate(1, 10),
      answered(1),
    ],
    expect: { answers: { 1: { status: 200, bytes: 20 } } },
  },
  {
    name: "6.9.2: SETTINGS do not move the connection's window",
    steps: [
      settings([4, 200_000]),
      headers(1, [...get.slice(0, 3), [":path", "/bytes/100000"]]),
      pinged,
      windowUpdate(0, 34_465),
      answered(1),
    ],
    expect: { answers: { 1: { status: 200, bytes: 100_000 } } },
  },
  endsConnection(
    "6.9.2: a new initial window that overflows a stream's",
    Code.flow,
    open(1),
    windowUpdate(1, 0x7fff_ffff - 65_535),
    settings([4, 65_536]),
  ),
  pure(
    endsConnection(
      "6.9.1: more DATA than the connection's window",
      Code.flow,
      repeat(6, (i) => open(1 + 2 * i, hold)),
      repeat(6, (i) => repeat(15, () => data(1 + 2 * i, Buffer.alloc(16_384), 0))),
    ),
  ),
  pure(
    resets(
      "6.9.1: more DATA than a stream's window",
      1,
      Code.flow,
      open(1, hold),
      repeat(17, () => data(1, Buffer.alloc(16_384), 0)),
    ),
  ),
];

export const frameCases: readonly Case[] = [
  ...start,
  ...frames,
  ...dataFrames,
  ...headersFrames,
  ...small,
  ...settingsFrames,
  ...continuations,
  ...windows,
];
