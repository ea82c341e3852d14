/**
 * Asks time servers what time it is (SNTP, RFC 5905 section 14). Answers go to the caller as they come; what to believe is
 * decided elsewhere. The question carries a random number instead of our own time, and only its echo is accepted, so an
 * answer cannot be made up by somebody who did not see the question.
 */

/** An answer, in the terms of `ClockGuard.sample`. */
export interface TimeAnswer {
  readonly sentMs: number;
  readonly receivedMs: number;
  readonly serverMs: number;
  readonly heldMs: number;
  readonly serverErrorMs: number;
}

const packetBytes = 48;
const clientMode = 0x23; // version 4, mode 3
const serverMode = 4;
const stratumMax = 15;
const leapUnsynchronised = 3;
/** Seconds from 1900 to 1970. */
const epochSeconds = 2_208_988_800;

/** One question and its answer; null when none came in time, or none that can be used. */
export async function askTime(
  host: string,
  port: number,
  monotonicMs: () => number,
  timeoutMs: number,
): Promise<TimeAnswer | null> {
  const { promise, resolve } = Promise.withResolvers<TimeAnswer | null>();
  const request = Buffer.alloc(packetBytes);
  request[0] = clientMode;
  crypto.getRandomValues(request.subarray(40, 48));
  let sentMs = 0;
  const { lookup } = await import("node:dns/promises");
  const { address } = await lookup(host);
  const socket = await Bun.udpSocket({
    connect: { hostname: address, port },
    socket: {
      data(_socket, answer) {
        const parsed = parseAnswer(answer, request, sentMs, monotonicMs());
        if (parsed !== undefined) resolve(parsed);
      },
      error: () => resolve(null),
    },
  });
  const timer = setTimeout(() => resolve(null), timeoutMs);
  sentMs = monotonicMs();
  socket.send(request);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}

/** The answer; null when the server says that it cannot be used, undefined when it is not one to this question. */
export function parseAnswer(
  answer: Buffer,
  request: Uint8Array,
  sentMs: number,
  receivedMs: number,
): TimeAnswer | null | undefined {
  if (answer.length < packetBytes || (answer[0]! & 7) !== serverMode) return undefined;
  if (answer.compare(request, 40, 48, 24, 32) !== 0) return undefined;
  const stratum = answer[1]!;
  if (answer[0]! >> 6 === leapUnsynchronised || stratum === 0 || stratum > stratumMax) return null;
  const arrivedMs = timestampMs(answer, 32);
  const leftMs = timestampMs(answer, 40);
  if (leftMs < arrivedMs) return null;
  const rootDelayMs = (answer.readUInt32BE(4) / 65_536) * 1000;
  const rootDispersionMs = (answer.readUInt32BE(8) / 65_536) * 1000;
  return {
    sentMs,
    receivedMs,
    serverMs: (arrivedMs + leftMs) / 2,
    heldMs: leftMs - arrivedMs,
    serverErrorMs: rootDelayMs / 2 + rootDispersionMs,
  };
}

/** Milliseconds since 1970 of a timestamp of seconds since 1900, in the era from 2036 on where the first bit is clear. */
function timestampMs(bytes: Buffer, at: number): number {
  const seconds = bytes.readUInt32BE(at);
  const era = seconds < 0x80000000 ? 2 ** 32 : 0;
  return (seconds + era - epochSeconds) * 1000 + (bytes.readUInt32BE(at + 4) / 2 ** 32) * 1000;
}
