import { expect, test } from "bun:test";
import { Random } from "../../base/mod.ts";
import { LoopbackEnd } from "./loopback.ts";
import { openSslLibrary } from "./openssl-library.ts";
import { RecordProtection, RecordSuites } from "./record-protection.ts";
import { Tls13Records } from "./tls13-records.ts";

const library = openSslLibrary();
const suites = new RecordSuites(library);
const CODES = [0x1301, 0x1302, 0x1303];

class End extends LoopbackEnd {
  readonly records: Tls13Records;
  readonly writing: RecordProtection;

  constructor(code: number, readFill: number, writeFill: number) {
    super();
    const suite = suites.find(code)!;
    const reading = new RecordProtection(library, suite, "open", new Uint8Array(48).fill(readFill));
    this.writing = new RecordProtection(library, suite, "seal", new Uint8Array(48).fill(writeFill));
    this.records = new Tls13Records(library, this, reading, this.writing);
  }

  send(text: string): void {
    const bytes = Buffer.from(text);
    this.records.write(bytes, 0, bytes.length);
  }

  /** Seals anything as one record, also what no honest peer would send. */
  sendRaw(type: number, content: number[]): void {
    const at = this.writing.seal(type, Uint8Array.from(content), 0, content.length, 4096);
    this.sent.push(library.memory.slice(4096, at));
  }

  deliverTo(other: End): void {
    const bytes = Buffer.concat(this.sent.splice(0));
    other.records.receive(bytes, 0, bytes.length);
  }
}

const pair = (code = 0x1301): [End, End] => [new End(code, 1, 2), new End(code, 2, 1)];
const KEY_UPDATE = 24;
const keyUpdate = (request: number): number[] => [KEY_UPDATE, 0, 0, 1, request];

test("RFC 8448's keys come from RFC 8448's secret and open its record", () => {
  // Section 3, "Simple 1-RTT Handshake": the client's first application data.
  const secret = Buffer.from("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5", "hex");
  const record = Buffer.from(
    "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4",
    "hex",
  );
  const opening = new RecordProtection(library, suites.find(0x1301)!, "open", secret);
  const inner = opening.open(record, 0, record.length - 5);
  expect(record.toString("hex", 5, 5 + inner)).toBe(
    `${Array.from({ length: 50 }, (_, index) => index.toString(16).padStart(2, "0")).join("")}17`,
  );
  opening.free();
});

test.each(CODES)("records of suite %d are read whatever the cuts, also across key updates", (code) => {
  const random = new Random(code);
  const [client, server] = pair(code);
  let sent = "";
  for (let round = 0; round < 60; round++) {
    if (random.below(6) === 0) {
      client.sendRaw(22, keyUpdate(random.below(2)));
      client.writing.renew();
    }
    const text = Buffer.alloc(random.below(40_000), `${round}:`).toString();
    sent += text;
    client.send(text);
    const bytes = Buffer.concat(client.sent.splice(0));
    for (let from = 0; from < bytes.length; ) {
      const to = Math.min(bytes.length, from + 1 + random.below(random.below(10) === 0 ? 4 : 9000));
      server.records.receive(bytes, from, to);
      from = to;
    }
    server.deliverTo(client);
    server.send("pong");
    server.deliverTo(client);
  }
  expect(server.failure + client.failure).toBe("");
  expect(server.takeText() === sent).toBe(true);
  expect(client.takeText()).toBe("pong".repeat(60));
  client.records.free();
  server.records.free();
});

test("what breaks the rules ends the connection with the right alert, after what came before was given", () => {
  const cases: Record<string, (client: End) => void> = {
    "another handshake message": (client) => client.sendRaw(22, [1, 0, 0, 1, 0]),
    "a key update with more after it": (client) => client.sendRaw(22, [...keyUpdate(0), 0]),
    "a key update of another kind": (client) => client.sendRaw(22, keyUpdate(2)),
    "a type of old": (client) => client.sendRaw(20, [1]),
    "only zeros": (client) => client.sendRaw(0, [0, 0, 0]),
    "a plain record": (client) => client.sent.push(Uint8Array.from([21, 3, 3, 0, 2, 1, 0])),
    "a long record": (client) => client.sent.push(Uint8Array.from([23, 3, 3, 0x41, 1])),
    "a short record": (client) => client.sent.push(Uint8Array.from([23, 3, 3, 0, 16])),
    "a flood of empty records": (client) => {
      for (let index = 0; index < 33; index++) client.sendRaw(23, []);
    },
    "a fatal alert": (client) => client.sendRaw(21, [2, 40]),
  };
  const results: Record<string, unknown> = {};
  for (const [name, act] of Object.entries(cases)) {
    const [client, server] = pair();
    client.send("before");
    act(client);
    client.send("after");
    client.deliverTo(server);
    server.deliverTo(client);
    results[name] = [server.takeText(), server.failure, client.failure];
  }
  expect(results).toEqual({
    "another handshake message": ["before", "unexpected handshake message", "alert 10"],
    "a key update with more after it": ["before", "unexpected handshake message", "alert 10"],
    "a key update of another kind": ["before", "bad key update", "alert 47"],
    "a type of old": ["before", "unexpected record type", "alert 10"],
    "only zeros": ["before", "record without a type", "alert 10"],
    "a plain record": ["before", "unexpected record type", "alert 10"],
    "a long record": ["before", "record too long", "alert 22"],
    "a short record": ["before", "record too short", "alert 50"],
    "a flood of empty records": ["before", "too many records without content", "alert 10"],
    "a fatal alert": ["before", "alert 40", ""],
  });
});

test("padding is taken off, user_canceled is passed over and close_notify ends the reading", () => {
  const [client, server] = pair();
  client.sendRaw(0, [...Buffer.from("padded"), 23, 0, 0, 0].slice(0, -1));
  client.sendRaw(21, [1, 90]);
  client.send(" text");
  client.records.sendClose();
  client.send("never read");
  client.deliverTo(server);
  expect([server.takeText(), server.isPeerClosed, server.failure]).toEqual(["padded text", true, ""]);
});

test("no damaged byte of a record is taken for content", () => {
  const random = new Random(13);
  let taken = 0;
  for (let round = 0; round < 3000; round++) {
    const [client, server] = pair();
    client.send("first record");
    client.send("second record");
    const bytes = Buffer.concat(client.sent.splice(0));
    bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
    const cut = random.below(bytes.length);
    server.records.receive(bytes, 0, cut);
    server.records.receive(bytes, cut, bytes.length);
    const text = server.takeText();
    if (text !== "" && text !== "first record") taken++;
    client.records.free();
    server.records.free();
  }
  expect(taken).toBe(0);
});
