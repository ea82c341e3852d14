/** An NTP server (RFC 5905) on loopback that tells this machine's time, for gateways whose clock is stepped on purpose. */
import type { udp } from "bun";
import { systemClock } from "../../src/base/mod.ts";

const secondsBefore1970 = 2_208_988_800;

export class TimeSource {
  private readonly socket: udp.Socket<"buffer">;

  private constructor(socket: udp.Socket<"buffer">) {
    this.socket = socket;
  }

  static async start(): Promise<TimeSource> {
    return new TimeSource(
      await Bun.udpSocket({
        hostname: "127.0.0.1",
        socket: { data: (socket, question, port, address) => void socket.send(answerTo(question), port, address) },
      }),
    );
  }

  get port(): number {
    return this.socket.port;
  }

  close(): void {
    this.socket.close();
  }
}

/** A server's answer of stratum 2 that is sure of its time. */
function answerTo(question: Uint8Array): Buffer {
  const answer = Buffer.alloc(48);
  answer[0] = 0x24;
  answer[1] = 2;
  answer.set(question.subarray(40, 48), 24);
  const wallMs = systemClock.wallMs();
  for (const at of [32, 40]) {
    answer.writeUInt32BE((Math.floor(wallMs / 1000) + secondsBefore1970) % 2 ** 32, at);
    answer.writeUInt32BE(Math.floor(((wallMs % 1000) / 1000) * 2 ** 32), at + 4);
  }
  return answer;
}
