/**
 * The program of one TLS client process: connections with one request each, one after the other or due at a rate, and how
 * long they took, as JSON on standard output. Certificates are not verified, because what is measured is the server's work.
 *
 *     bun handshake-client.ts '{"host":...}'      (HandshakePlan, see handshakes.ts)
 */
import { connect, type TLSSocket } from "node:tls";
import { systemClock } from "../../base/mod.ts";
import type { HandshakePlan, HandshakeResult } from "./handshakes.ts";

const warmupCount = 20;
/** A connection that has no answer by then has failed. */
const timeoutMs = 5000;
/** More than this wait for nothing but a server that has given up: further ones that are due fail at once. */
const openMax = 4000;

const plan = JSON.parse(process.argv[2]!) as HandshakePlan;
const handshakeUs: number[] = [];
const answerUs: number[] = [];
const request = `GET ${plan.path} HTTP/1.1\r\nHost: ${plan.host}\r\nConnection: close\r\n\r\n`;
let [resumedCount, failedCount, dueCount, openCount] = [0, 0, 0, 0];
let ticket: Buffer | undefined;

// The first ones compile this program, and fetch a ticket where one is to be resumed.
for (let index = 0; index < warmupCount; index++) await connectOnce(systemClock.monotonicMs(), false);
const before = process.cpuUsage();
const beganMs = systemClock.monotonicMs();
if (plan.perSecond === null) await makeInTurn(plan.count);
else await makeAtRate(plan.perSecond, plan.durationMs);
const tookMs = systemClock.monotonicMs() - beganMs;
const used = process.cpuUsage(before);
const cpuRatio = (used.user + used.system) / 1000 / tookMs;
const result: HandshakeResult = { handshakeUs, answerUs, resumedCount, failedCount, dueCount, cpuRatio };
await Bun.write(Bun.stdout, JSON.stringify(result));
process.exit(0);

async function makeInTurn(count: number): Promise<void> {
  for (dueCount = 0; dueCount < count; dueCount++) await connectOnce(systemClock.monotonicMs(), true);
}

/** Each is timed from when it was due, however late this process or the server makes it. */
async function makeAtRate(perSecond: number, durationMs: number): Promise<void> {
  const startMs = systemClock.monotonicMs();
  const wanted = Math.floor((perSecond * durationMs) / 1000);
  const open = new Set<Promise<void>>();
  while (dueCount < wanted) {
    const dueMs = startMs + (dueCount / perSecond) * 1000;
    const leftMs = dueMs - systemClock.monotonicMs();
    if (leftMs > 0) {
      await new Promise((resolve) => (leftMs > 1 ? setTimeout(resolve, leftMs - 1) : setImmediate(resolve)));
      continue;
    }
    dueCount++;
    if (openCount >= openMax) {
      failedCount++;
      continue;
    }
    const made: Promise<void> = connectOnce(dueMs, true).finally(() => open.delete(made));
    open.add(made);
  }
  await Promise.all(open);
}

/** @param isMeasured false for those that warm up */
function connectOnce(fromMs: number, isMeasured: boolean): Promise<void> {
  return new Promise((resolve) => {
    const { host, port, protocols, isResumed } = plan;
    openCount++;
    let handshakeMs = 0;
    const options = { host, port, rejectUnauthorized: false, ALPNProtocols: [...protocols] };
    const session = isResumed && ticket !== undefined ? { session: ticket } : {};
    const socket: TLSSocket = connect({ ...options, ...session }, () => {
      handshakeMs = systemClock.monotonicMs() - fromMs;
      socket.setNoDelay(true);
      // A server that chose HTTP/2 is not asked in HTTP/1.1: its handshake is all that is measured.
      if (socket.alpnProtocol === "h2") end(true);
      else socket.write(request);
    });
    socket.on("session", (next: Buffer) => {
      ticket = next;
    });
    socket.on("error", () => end(false));
    socket.on("close", () => end(false));
    socket.on("data", () => end(true));
    const timer = setTimeout(() => end(false), timeoutMs);
    let isOver = false;
    function end(isGood: boolean): void {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      openCount--;
      if (isMeasured) note(isGood, handshakeMs, systemClock.monotonicMs() - fromMs, isGood && socket.isSessionReused());
      socket.destroy();
      resolve();
    }
  });
}

function note(isGood: boolean, handshakeMs: number, answerMs: number, isResumed: boolean): void {
  if (!isGood) {
    failedCount++;
    return;
  }
  handshakeUs.push(Math.round(handshakeMs * 1000));
  answerUs.push(Math.round(answerMs * 1000));
  if (isResumed) resumedCount++;
}
