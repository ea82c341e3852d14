import { expect, test } from "bun:test";
import { askTime, parseAnswer } from "./sntp.ts";

/** A server's answer to a question, as ntpd writes it. */
function answerTo(request: Uint8Array, wallMs: number, change: (answer: Buffer) => void = () => {}): Buffer {
  const answer = Buffer.alloc(48);
  answer[0] = 0x24;
  answer[1] = 2;
  answer.writeUInt32BE(65_536 / 100, 4);
  answer.writeUInt32BE(65_536 / 50, 8);
  answer.set(request.subarray(40, 48), 24);
  for (const at of [32, 40]) {
    answer.writeUInt32BE((Math.floor(wallMs / 1000) + 2_208_988_800) % 2 ** 32, at);
    answer.writeUInt32BE(Math.floor(((wallMs % 1000) / 1000) * 2 ** 32), at + 4);
  }
  change(answer);
  return answer;
}

test("a real answer over UDP gives the server's time and its error", async () => {
  const server = await Bun.udpSocket({
    hostname: "127.0.0.1",
    socket: {
      data: (socket, data, port, address) => void socket.send(answerTo(data, 1_800_000_000_250), port, address),
    },
  });
  const answer = await askTime("127.0.0.1", server.port, () => performance.now(), 5000);
  server.close();
  expect(Math.abs(answer!.serverMs - 1_800_000_000_250)).toBeLessThan(0.01);
  expect(answer!.receivedMs).toBeGreaterThan(answer!.sentMs);
  expect(Math.abs(answer!.serverErrorMs - 25)).toBeLessThan(0.1);
});

test("no answer in time is none", async () => {
  const server = await Bun.udpSocket({ hostname: "127.0.0.1", socket: { data() {} } });
  expect(await askTime("127.0.0.1", server.port, () => performance.now(), 50)).toBeNull();
  server.close();
});

test("answers to other questions are ignored, those of servers without the time not used, and 2036 is not the end", () => {
  const request = Buffer.alloc(48, 7);
  const parse = (change: (answer: Buffer) => void, wallMs = 1.7e12) =>
    parseAnswer(answerTo(request, wallMs, change), request, 0, 1);
  expect(parse((answer) => answer.writeUInt8(9, 24))).toBeUndefined();
  expect(parse((answer) => answer.writeUInt8(0x23, 0))).toBeUndefined();
  expect(parse((answer) => answer.writeUInt8(0xe4, 0))).toBeNull();
  expect(parse((answer) => answer.writeUInt8(0, 1))).toBeNull();
  expect(parse(() => {}, 2.2e12)!.serverMs).toBe(2.2e12);
});
