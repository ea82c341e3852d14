/** RFC 9113 §5: stream states, ids, concurrency, and errors; and the floods that our limits end. */
import { answered, answers, type Case, Code, endsConnection, pinged, resets, survives } from "./case.ts";
import {
  block,
  continuation,
  data,
  F,
  type Fields,
  frame,
  get,
  headers,
  open,
  ping,
  post,
  repeat,
  rst,
  settings,
  Type,
  windowUpdate,
} from "./raw.ts";

const hold: Fields = [...post.slice(0, 3), [":path", "/hold"]];
const trailers: Fields = [["x-sum", "1"]];

const states: readonly Case[] = [
  endsConnection("5.1: DATA on an idle stream", Code.protocol, data(1, "a")),
  endsConnection("5.1: DATA on an idle stream of the server", Code.protocol, data(2, "a")),
  resets("5.1: DATA on a stream half closed by END_STREAM", 1, Code.closed, headers(1, hold), data(1, "a")),
  resets("5.1: HEADERS on a stream half closed by END_STREAM", 1, Code.closed, headers(1, hold), headers(1)),
  endsConnection("5.1: DATA on a closed stream", Code.closed, headers(1), answered(1), data(1, "a")),
  endsConnection("5.1: HEADERS on a closed stream", Code.closed, headers(1), answered(1), headers(1)),
  endsConnection("5.1: DATA on a stream the client has reset", Code.closed, open(1, hold), rst(1), data(1, "a")),
  endsConnection("5.1: HEADERS on a stream the client has reset", Code.closed, open(1, hold), rst(1), headers(1)),
  endsConnection("5.1: CONTINUATION on a closed stream", Code.protocol, headers(1), answered(1), continuation(1, "")),
  survives(
    "5.1: trailers of a stream that the server reset and that many have ended since are ignored",
    open(1, [...post, ["connection", "close"]]),
    ...Array.from({ length: 100 }, (_, i) => [headers(3 + 2 * i), answered(3 + 2 * i)]).flat(),
    headers(1, trailers),
  ),
  endsConnection(
    "5.1: late trailers without end",
    Code.calm,
    headers(201),
    repeat(5000, () => headers(1, trailers)),
  ),
  resets(
    "5.1: frames that were on their way to a stream the server has reset are ignored",
    1,
    Code.protocol,
    open(1, [...post, ["connection", "close"]]),
    data(1, "abc", 0),
    windowUpdate(1, 5),
    headers(1, trailers),
    data(1, "d"),
  ),
  survives("5.1: RST_STREAM on a stream half closed by the client", headers(1, hold), rst(1)),
  survives(
    "5.1: WINDOW_UPDATE and PRIORITY on a stream half closed by the client",
    headers(1, hold),
    windowUpdate(1, 1),
    frame(Type.priority, 0, 1, Buffer.alloc(5)),
  ),
  endsConnection("5.1.1: a request on an even stream", Code.protocol, headers(2)),
  endsConnection("5.1.1: a request on a stream below an earlier one", Code.protocol, headers(5), headers(3)),
  endsConnection(
    "5.1.1: DATA on a stream skipped over",
    [Code.protocol, Code.closed, Code.none],
    headers(5, hold),
    data(4, "a"),
  ),
  answers("5.1.1: ids may be skipped", [1, 7, 101], headers(1), headers(7), headers(101)),
  answers("5.1.1: the highest id", [0x7fff_ffff], headers(0x7fff_ffff)),
  resets(
    "5.1.2: more streams than SETTINGS_MAX_CONCURRENT_STREAMS",
    257,
    Code.refused,
    repeat(129, (i) => headers(1 + 2 * i, hold)),
  ),
  answers(
    "5.1.2: a stream refused leaves the others, and room after one has ended",
    [259],
    repeat(129, (i) => headers(1 + 2 * i, hold)),
    rst(1),
    pinged,
    headers(259),
  ),
  answers(
    "5.1.2: a refused request's field block is decoded all the same",
    [261],
    repeat(129, (i) =>
      headers(1 + 2 * i, i < 128 ? hold : Buffer.concat([block(get), Buffer.from("4003782d610162", "hex")])),
    ),
    rst(1),
    rst(3),
    pinged,
    headers(261, Buffer.concat([block(get), Buffer.from("be", "hex")])),
  ),
  answers(
    "8.1: many requests at once",
    [1, 3, 5, 7, 9, 11],
    repeat(6, (i) => headers(1 + 2 * i)),
  ),
  answers(
    "8.1: bodies that come in turn",
    [1, 3],
    open(1),
    open(3),
    data(1, "a", 0),
    data(3, "b", 0),
    data(3, "c"),
    data(1, "d"),
  ),
];

const cut = block(get).subarray(0, 5);

const floods: readonly Case[] = [
  endsConnection(
    "flood: rapid reset (CVE-2023-44487)",
    Code.calm,
    repeat(1000, (i) => Buffer.concat([headers(1 + 2 * i, hold), rst(1 + 2 * i)])),
  ),
  endsConnection(
    "flood: streams the server must reset (CVE-2025-8671)",
    Code.calm,
    repeat(1000, (i) => Buffer.concat([headers(1 + 2 * i, hold), windowUpdate(1 + 2 * i, 0)])),
  ),
  endsConnection(
    "flood: malformed requests",
    Code.calm,
    repeat(1000, (i) => headers(1 + 2 * i, [["x", "y"]])),
  ),
  endsConnection(
    "flood: refused streams",
    Code.calm,
    repeat(1000, (i) => headers(1 + 2 * i, hold)),
  ),
  endsConnection(
    "flood: PING (CVE-2019-9512)",
    Code.calm,
    repeat(5000, () => ping()),
  ),
  endsConnection(
    "flood: SETTINGS (CVE-2019-9515)",
    Code.calm,
    repeat(500, () => settings()),
  ),
  endsConnection(
    "flood: empty DATA (CVE-2019-9518)",
    Code.calm,
    open(1),
    repeat(2000, () => data(1, "", 0)),
  ),
  endsConnection(
    "flood: DATA of padding alone",
    Code.calm,
    open(1),
    repeat(2000, () => data(1, Buffer.alloc(1), F.padded)),
  ),
  endsConnection(
    "flood: CONTINUATION without end (CVE-2024-27316)",
    Code.calm,
    frame(Type.headers, F.end, 1, cut),
    repeat(100, () => continuation(1, "", 0)),
  ),
  endsConnection(
    "flood: a field block without end",
    Code.calm,
    frame(Type.headers, F.end, 1, cut),
    repeat(8, () => continuation(1, Buffer.alloc(16_000), 0)),
  ),
  endsConnection(
    "flood: WINDOW_UPDATE of one byte",
    Code.calm,
    open(1, hold),
    repeat(10_000, () => windowUpdate(1, 1)),
  ),
  endsConnection(
    "flood: PRIORITY (CVE-2019-9513)",
    Code.calm,
    repeat(5000, (i) => frame(Type.priority, 0, 1 + 2 * i, Buffer.alloc(5))),
  ),
  endsConnection(
    "flood: unknown frames",
    Code.calm,
    repeat(5000, () => frame(0x42, 0, 0)),
  ),
  endsConnection(
    "flood: GOAWAY",
    Code.calm,
    repeat(5000, () => frame(Type.goaway, 0, 0, Buffer.alloc(8))),
  ),
  endsConnection(
    "flood: RST_STREAM of streams that have ended",
    Code.calm,
    headers(1),
    answered(1),
    repeat(5000, () => rst(1)),
  ),
  {
    name: "flood: an HPACK bomb, a large entry indexed again and again",
    steps: [
      headers(
        1,
        Buffer.concat([
          block(get),
          Buffer.from("400178", "hex"),
          Buffer.from("7fd11e", "hex"),
          Buffer.alloc(4000, 0x61),
          Buffer.alloc(12_000, 0xbe),
        ]),
      ),
    ],
    expect: { answers: { 1: { status: 431 } } },
  },
  endsConnection(
    "flood: heads over the limit, one after the other",
    Code.calm,
    repeat(100, (i) => headers(1 + 2 * i, [...get, ...Array.from({ length: 200 }, () => ["x", ""] as const)])),
  ),
];

export const streamCases: readonly Case[] = [...states, ...floods];
