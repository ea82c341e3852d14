import { expect, test } from "bun:test";
import { Random } from "../base/mod.ts";
import { Failure, failureNames } from "./failures.ts";
import { Http1Reader, ReadResult } from "./http1-reader.ts";

interface Read {
  result: string;
  status: number;
  bodyBytes: number;
  keepsAlive: boolean;
}

/** Feeds the pieces, then ends the connection when the answer is not complete. */
function read(pieces: readonly string[], expectsNoBody = false): Read {
  const reader = new Http1Reader();
  reader.begin(expectsNoBody, null);
  let result: ReadResult = ReadResult.more;
  for (const piece of pieces) {
    if (result !== ReadResult.more) break;
    result = reader.feed(Buffer.from(piece, "latin1"));
  }
  if (result === ReadResult.more) result = reader.finish();
  const name = result === ReadResult.complete ? "complete" : failureNames[reader.failure]!;
  return { result: name, status: reader.status, bodyBytes: reader.bodyBytes, keepsAlive: reader.keepsAlive };
}

const good: readonly [name: string, answer: string, status: number, bodyBytes: number, keepsAlive: boolean][] = [
  ["a fixed body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, 5, true],
  ["an empty body", "HTTP/1.1 200 OK\r\nserver: x\r\ncontent-length: 0\r\n\r\n", 200, 0, true],
  ["no reason phrase", "HTTP/1.1 200 \r\nContent-Length:1\r\n\r\nx", 200, 1, true],
  [
    "a chunked body",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;a=b\r\n!\r\n0\r\n\r\n",
    200,
    6,
    true,
  ],
  [
    "a trailer",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nSum: 1\r\n\r\n",
    200,
    10,
    true,
  ],
  ["no body by status", "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", 304, 0, true],
  [
    "an interim answer",
    "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno",
    404,
    2,
    true,
  ],
  ["a closing server", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, 2, false],
  ["an old server", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, 2, false],
  [
    "an old server that stays",
    "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok",
    200,
    2,
    true,
  ],
  ["a body until close", "HTTP/1.1 200 OK\r\n\r\nall of it", 200, 9, false],
];

for (const [name, answer, status, bodyBytes, keepsAlive] of good) {
  test(`${name} is read whole, split at any byte and byte by byte`, () => {
    const wanted = { result: "complete", status, bodyBytes, keepsAlive };
    expect(read([answer])).toEqual(wanted);
    for (let at = 1; at < answer.length; at++) expect(read([answer.slice(0, at), answer.slice(at)])).toEqual(wanted);
    expect(read([...answer])).toEqual(wanted);
  });
}

test("an answer to HEAD has no body whatever its fields say", () => {
  expect(read(["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"], true).result).toBe("complete");
});

const bad: readonly [name: string, answer: string, failure: Failure][] = [
  ["nothing at all", "", Failure.closedUnanswered],
  ["half a head", "HTTP/1.1 200 OK\r\nContent-Le", Failure.closedEarly],
  ["half a body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", Failure.closedEarly],
  ["half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", Failure.closedEarly],
  ["more than was promised", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello", Failure.wrongLength],
  ["another protocol", "SSH-2.0-OpenSSH_9.2\r\n", Failure.malformed],
  ["another version", "HTTP/2.0 200 OK\r\n\r\n", Failure.malformed],
  ["a status that is no number", "HTTP/1.1 2x0 OK\r\n\r\n", Failure.malformed],
  ["a field without a name", "HTTP/1.1 200 OK\r\n: x\r\n\r\n", Failure.malformed],
  ["a field with a blank in its name", "HTTP/1.1 200 OK\r\nA b: x\r\n\r\n", Failure.malformed],
  ["bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", Failure.malformed],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", Failure.malformed],
  ["a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\nx", Failure.malformed],
  [
    "a length beside chunks",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    Failure.malformed,
  ],
  ["an unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Failure.malformed],
  ["a chunk size that is no number", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Failure.malformed],
  [
    "a chunk longer than its size",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n",
    Failure.malformed,
  ],
  ["an upgrade nobody asked for", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", Failure.malformed],
];

for (const [name, answer, failure] of bad) {
  test(`${name} is ${failureNames[failure]}`, () => {
    expect(read([answer]).result).toBe(failureNames[failure]!);
    // Byte by byte the answer is complete before the surplus comes; the client then sees it on an idle connection.
    if (failure !== Failure.wrongLength) expect(read([...answer]).result).not.toBe("complete");
  });
}

test("a head without end is refused at 64 KiB", () => {
  const pieces = Array.from({ length: 100 }, () => "x".repeat(1000));
  expect(read(["HTTP/1.1 200 OK\r\nLong: ", ...pieces]).result).toBe("malformed");
});

test("random bytes never make the reader throw or complete twice", () => {
  const random = new Random(7);
  const alphabet = "HTP/1.20 \r\n:CL5chunked";
  for (let round = 0; round < 3000; round++) {
    const base = good[random.below(good.length)]![1].split("");
    for (let change = random.below(4); change >= 0; change--) {
      base[random.below(base.length)] = alphabet[random.below(alphabet.length)]!;
    }
    const text = base.join("");
    const cut = random.below(text.length);
    read([text.slice(0, cut), text.slice(cut)]);
  }
});
