/** wrk, the closed-loop generator, with its own counts as it knows them at its end instead of its rounded report. */
import { type Fleet, otherCore } from "./fleet.ts";

export interface WrkResult {
  readonly requests: number;
  readonly durationUs: number;
  readonly bytes: number;
  readonly errors: {
    readonly connect: number;
    readonly read: number;
    readonly write: number;
    /** Answers of status 400 and above. */
    readonly status: number;
    readonly timeout: number;
  };
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
}

/** `done` alone leaves wrk's requests static, so it costs nothing per request. */
const doneScript = `
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"durationUs":%d,"bytes":%d,"p50Us":%d,"p99Us":%d,"p999Us":%d,"maxUs":%d,' ..
    '"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}\\n',
    summary.requests, summary.duration, summary.bytes,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max,
    e.connect, e.read, e.write, e.status, e.timeout))
end
`;

export interface WrkOptions {
  readonly url: string;
  readonly connections: number;
  /** Whole seconds: wrk knows no others. */
  readonly seconds: number;
  readonly core?: number;
  /** More of its script, in Lua. */
  readonly script?: string;
}

export async function runWrk(fleet: Fleet, options: WrkOptions): Promise<WrkResult> {
  const { url, connections, seconds, core = otherCore, script = "" } = options;
  const file = fleet.write("wrk.lua", script + doneScript);
  const words = ["wrk", "-t1", `-c${connections}`, `-d${Math.max(1, Math.round(seconds))}s`, "-s", file, url];
  const printed = await fleet.run(core, words);
  const match = /^RESULT (.*)$/m.exec(printed);
  if (match === null) throw new Error(`wrk told no result:\n${printed}`);
  return JSON.parse(match[1]!) as WrkResult;
}

export function errorsOf({ errors }: WrkResult): number {
  return errors.connect + errors.read + errors.write + errors.status + errors.timeout;
}
