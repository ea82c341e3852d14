/**
 * The cost of HTTP/2's codecs with what `h2load` sends and a usual backend answers: a request's field block into a `MessageHead`,
 * an answer's fields into a block, and a whole request and answer through the state machine. Prints nanoseconds of
 * processor time, the least of several rounds, since the machine is rarely alone.
 */
import { assert, latin1 } from "../../../src/base/mod.ts";
import {
  type ConnectionEvents,
  defaultHttp2Limits,
  FieldId,
  FieldList,
  fieldIdOf,
  HpackDecoder,
  HpackEncoder,
  Http2Connection,
  Http2Shared,
  type Http2Stream,
  MessageHead,
  Output,
  readRequest,
} from "../../../src/protocols/mod.ts";

type Work = (iterations: number) => void;

/** Nanoseconds of processor time per iteration, the least of the rounds. */
export function measureNs(work: Work, rounds: number, iterations: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = process.cpuUsage();
    work(iterations);
    const used = process.cpuUsage(start);
    least = Math.min(least, ((used.user + used.system) * 1000) / iterations);
  }
  return least;
}

/** `:method GET, :scheme http, :path /, :authority 127.0.0.1:8080, user-agent h2load…`: once spelled out, then by index. */
const firstBlock = Buffer.from("828684418aa0e41d139d09b8f01e077a8825b650c3cbb8b83f", "hex");
const laterBlock = Buffer.from("828684bfbe", "hex");
const get = Buffer.concat([Buffer.from("000005010500000001", "hex"), laterBlock]);

/** A request's later field block, decoded and made a head. */
export function decodeWork(): Work {
  const list = new FieldList(100, 32_768);
  const head = new MessageHead(101);
  const decoder = new HpackDecoder();
  decoder.decode(firstBlock, 0, firstBlock.length, list);
  assert(readRequest(list, head, true, false) === 0, "the request is a right one");
  return (iterations) => {
    for (let i = 0; i < iterations; i++) {
      decoder.decode(laterBlock, 0, laterBlock.length, list);
      readRequest(list, head, true, false);
    }
  };
}

const answerLines: readonly (readonly [string, string])[] = [
  ["server", "nginx/1.22.1"],
  ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
  ["content-type", "application/json"],
  ["content-length", "27"],
  ["x-frame-options", "DENY"],
];
const answer = answerLines.map(([name, value]) => {
  const bytes = latin1(name + value);
  return { bytes, id: fieldIdOf(bytes, 0, name.length), nameEnd: name.length };
});

/** The head of an answer with five fields, four of which repeat. */
export function encodeWork(): Work {
  const encoder = new HpackEncoder();
  const output = new Output();
  return (iterations) => {
    for (let i = 0; i < iterations; i++) {
      encoder.begin(output);
      encoder.status(output, 200);
      for (let at = 0; at < answer.length; at++) {
        const { bytes, id, nameEnd } = answer[at]!;
        encoder.field(output, id, bytes, 0, nameEnd, nameEnd, bytes.length, 0);
      }
      output.drain(output.pendingBytes);
    }
  };
}

/** Answers every request with a head of five fields and 27 bytes. */
class Server implements ConnectionEvents<null> {
  readonly connection = new Http2Connection<null>("server", new Http2Shared<null>(defaultHttp2Limits), this);
  private readonly body = new Uint8Array(27);
  private readonly text = latin1("27");

  onHead(stream: Http2Stream<null>): void {
    const { sender } = this.connection;
    sender.beginResponse(200);
    for (let at = 0; at < answer.length; at++) {
      const { bytes, id, nameEnd } = answer[at]!;
      if (id === FieldId.contentLength) sender.field(id, this.text, 0, 2);
      else sender.encoder.field(sender.output, id, bytes, 0, nameEnd, nameEnd, bytes.length, 0);
    }
    this.connection.finishHead(stream, false);
    this.connection.sendData(stream, this.body, 0, 27, true);
  }
  onHeadTooLarge(): void {}
  onData(): void {}
  onTrailers(): void {}
  onWindow(): void {}
  onReset(): void {}
  onStreamClosed(): void {}
  onGoaway(): void {}
  onSettings(): void {}
  onPong(): void {}
  onViolation(): void {}
  onFailed(violation: number): void {
    throw new Error(`violation ${violation}`);
  }
}

/** A whole request and its answer through the connection, frames among it. */
export function exchangeWork(): Work {
  const server = new Server();
  const { connection } = server;
  connection.start();
  const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const settings = Buffer.from("000006040000000000 00047fffffff".replace(" ", ""), "hex");
  const first = Buffer.concat([Buffer.from("000019010500000001", "hex"), firstBlock]);
  const window = Buffer.from("000004080000000000 7fff0000".replace(" ", ""), "hex");
  const start = Buffer.concat([preface, settings, first, window]);
  connection.receive(start, 0, start.length);
  let id = 3;
  const request = Buffer.from(get);
  return (iterations) => {
    for (let i = 0; i < iterations; i++, id += 2) {
      request.writeUInt32BE(id, 5);
      connection.receive(request, 0, request.length);
      connection.drained(connection.output.pendingBytes);
    }
  };
}

if (import.meta.main) {
  const print = (name: string, ns: number): void => console.log(`${name.padEnd(44)} ${ns.toFixed(0)} ns`);
  print("field block of a request into a head", measureNs(decodeWork(), 15, 1_000_000));
  print("fields of an answer into a block", measureNs(encodeWork(), 15, 1_000_000));
  print("request and answer through the connection", measureNs(exchangeWork(), 9, 1_000_000));
}
