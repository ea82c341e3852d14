import { expect, test } from "bun:test";
import { getSocketOption, SocketOption } from "./libc.ts";
import { markConnected, markListening, marksOf } from "./marking.ts";

const marks = { dscp: 46, priority: 5 };
const address = { kind: "ip", host: "127.0.0.1" } as const;

test("accepted connections inherit the code point, and get the priority when they are marked", async () => {
  const accepted = Promise.withResolvers<number[]>();
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        const { fd } = socket as unknown as { fd: number };
        const inherited = getSocketOption(fd, SocketOption.ipTypeOfService);
        markConnected(socket, marks, address);
        accepted.resolve([inherited, getSocketOption(fd, SocketOption.priority)]);
      },
      data() {},
    },
  });
  markListening((listener as unknown as { fd: number }).fd, marks, address);
  const client = await Bun.connect({ hostname: "127.0.0.1", port: listener.port, socket: { data() {} } });
  expect(await accepted.promise).toEqual([46 << 2, 5]);
  client.end();
  listener.stop(true);
});

test("nothing asked for is nothing to do", () => {
  expect([marksOf({ dscp: 0, priority: 0 }), marksOf(marks)]).toEqual([null, marks]);
});
