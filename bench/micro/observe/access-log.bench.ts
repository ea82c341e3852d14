/**
 * The cost of one access log line in the worker's thread, written to /dev/null in batches as in production. Prints
 * nanoseconds of processor time per line, the median of rounds; the thread that writes is part of it.
 */
import { latin1, Random, systemClock } from "../../../src/base/mod.ts";
import { AccessLog, accessLogLabels } from "../../../src/observe/mod.ts";

/** Nanoseconds per line, the median of `rounds` rounds. */
export async function measureLineNs(rounds: number, linesPerRound: number): Promise<number> {
  const options = { target: "/dev/null", sampleRatio: 1, level: "all", fields: [], flushIntervalMs: 200 } as const;
  const counters = { add: (): void => {} };
  const log = new AccessLog({ ...options, bufferBytesMax: 4 << 20 }, systemClock, new Random(1), counters);
  fill(log);
  const costs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = process.cpuUsage();
    for (let line = 0; line < linesPerRound; line++) {
      log.write();
      if (line % 256 === 0) await new Promise(setImmediate);
    }
    const used = process.cpuUsage(start);
    costs.push(((used.user + used.system) * 1000) / linesPerRound);
  }
  await log.close();
  return costs.sort((a, b) => a - b)[rounds >> 1]!;
}

function fill(log: AccessLog): void {
  const record = log.record;
  record.head = latin1("GET /quotes/600519?depth=5 HTTP/1.1\r\n\r\n");
  record.methodTo = 3;
  record.targetFrom = 4;
  record.targetTo = 26;
  record.labels = accessLogLabels("quotes", "core");
  record.client = "10.20.30.40";
  record.endpoint = "10.0.1.2:9000";
  record.status = 200;
  record.latencyUs = 812;
  record.upstreamUs = 640;
  record.bytesOut = 1432;
  record.requestId = latin1("0123456789abcdefghjk");
  record.requestIdTo = 20;
}

if (import.meta.main) console.log(`${(await measureLineNs(9, 200_000)).toFixed(0)} ns per line`);
