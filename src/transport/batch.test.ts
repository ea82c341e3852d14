import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adopt, type Listening, listenOn, openListeningSocket, Wire } from "./mod.ts";

/** A wire that does what a test says with what arrives. */
class Scripted extends Wire {
  received = "";
  isClosed = false;
  script: (wire: Scripted, text: string) => void = () => {};

  onBytes(bytes: Uint8Array, from: number, to: number): void {
    const text = Buffer.from(bytes.subarray(from, to)).toString("latin1");
    this.received += text;
    this.script(this, text);
  }
  onWritable(): void {}
  onPeerEnd(): void {}
  onClosed(): void {
    this.isClosed = true;
  }
  onTimer(): void {}
  postText(text: string): void {
    const bytes = Buffer.from(text, "latin1");
    this.post(bytes, 0, bytes.length);
    // What was posted is copied: its memory may be used again at once.
    bytes.fill(0);
  }
  writeText(text: string): void {
    const bytes = Buffer.from(text, "latin1");
    this.write(bytes, 0, bytes.length);
  }
}

const folder = mkdtempSync(join(tmpdir(), "weir-batch-"));
const path = join(folder, "batch.sock");
let onWire: (wire: Scripted) => void = () => {};
let listening: Listening;

beforeAll(() => {
  const fd = openListeningSocket({ kind: "unix", path }, { backlog: 16, reusePort: false, isFirst: true });
  listening = listenOn(fd, (socket) => {
    const wire = new Scripted();
    adopt(socket, wire);
    onWire(wire);
  });
});

afterAll(() => {
  listening.stop();
  rmSync(folder, { recursive: true });
});

async function pair(script: (wire: Scripted, text: string) => void): Promise<{ client: Socket; wire: Scripted }> {
  const accepted = new Promise<Scripted>((resolve) => {
    onWire = resolve;
  });
  const client = connect(path);
  client.on("error", () => {});
  const wire = await accepted;
  wire.script = script;
  return { client, wire };
}

function everything(client: Socket): Promise<string> {
  const parts: Buffer[] = [];
  return new Promise((resolve) => {
    client.on("data", (part) => parts.push(part as Buffer));
    client.on("close", () => resolve(Buffer.concat(parts).toString("latin1")));
  });
}

test("what is posted keeps its place among what is written and gathered, and comes before the end", async () => {
  const { client } = await pair((wire) => {
    wire.postText("1");
    wire.writeText("2");
    wire.postText("3");
    wire.postText("4");
    const gathered = Buffer.from("5");
    wire.gather(gathered, 0, 1);
    wire.postText("6");
    wire.endWriting();
  });
  const answer = everything(client);
  client.write("go");
  expect(await answer).toBe("123456");
});

test.each(["close", "endWriting"] as const)("what was posted before %s is delivered", async (end) => {
  const { client, wire } = await pair((each) => {
    each.postText("last words");
    each[end]();
  });
  const answer = everything(client);
  client.write("go");
  expect(await answer).toBe("last words");
  expect(wire.writtenBytes).toBe(10);
});

test("a wire that takes over a socket writes behind what the former posted", async () => {
  const { client } = await pair((wire) => {
    const next = new Scripted();
    wire.postText("former ");
    wire.handOverTo(next);
    next.postText("latter");
    next.close();
  });
  const answer = everything(client);
  client.write("go");
  expect(await answer).toBe("former latter");
});

test("more than the outbox holds, and more than the kernel takes, arrives whole", async () => {
  const piece = "x".repeat(70_000);
  const { client, wire } = await pair((each, text) => {
    for (const letter of text) {
      if (letter === "e") each.endWriting();
      else each.postText(letter === "b" ? piece.repeat(5) : piece);
    }
  });
  // The first pieces fill the kernel's memory, because nobody reads them.
  for (const letter of "pppppbpppbppe") {
    client.write(letter);
    await Bun.sleep(2);
  }
  const expected = 10 * piece.length + 2 * 5 * piece.length;
  expect(wire.writtenBytes).toBe(expected);
  expect((await everything(client)).length).toBe(expected);
});

test("connections of one batch each get their own bytes, and one that another closed gets none", async () => {
  const first = await pair((wire) => wire.postText("a"));
  const second = await pair((wire) => wire.postText("b"));
  const answers = [first, second].map(({ client }) => new Promise((resolve) => client.once("data", resolve)));
  first.client.write("to the first");
  second.client.write("to the second, which is longer");
  expect((await Promise.all(answers)).map(String)).toEqual(["a", "b"]);
  expect(first.wire.received).toBe("to the first");
  expect(second.wire.received).toBe("to the second, which is longer");

  // Both are ready in the same round; whichever is handled first closes the other.
  first.wire.script = () => second.wire.destroy();
  second.wire.script = () => first.wire.destroy();
  const before = first.wire.received.length + second.wire.received.length;
  first.client.write("!");
  second.client.write("!");
  while (!first.wire.isClosed && !second.wire.isClosed) await Bun.sleep(1);
  await Bun.sleep(10);
  expect(first.wire.received.length + second.wire.received.length - before).toBe(1);
  expect([first.wire.isClosed, second.wire.isClosed].filter(Boolean)).toHaveLength(1);
  for (const { wire } of [first, second]) wire.destroy();
});
