/** h2load, nghttp2's closed-loop generator for HTTP/2 with prior knowledge. */
import { type Fleet, otherCore } from "./fleet.ts";

export interface H2loadResult {
  /** Answered with 2xx. */
  readonly requests: number;
  readonly durationUs: number;
  /** Requests that were not answered, or with another status. Those under way when the time is over do not count. */
  readonly errors: number;
}

export interface H2loadOptions {
  readonly url: string;
  readonly connections: number;
  /** Streams in flight on each connection. */
  readonly streams: number;
  readonly seconds: number;
}

export async function runH2load(fleet: Fleet, options: H2loadOptions): Promise<H2loadResult> {
  const { url, connections, streams, seconds } = options;
  const words = [
    "h2load",
    "-t1",
    `-c${connections}`,
    `-m${streams}`,
    "-D",
    String(Math.max(1, Math.round(seconds))),
    url,
  ];
  const printed = await fleet.run(otherCore, words);
  const numberOf = (pattern: RegExp): number => {
    const match = pattern.exec(printed);
    if (match === null) throw new Error(`h2load did not tell ${pattern}:\n${printed}`);
    return Number(match[1]);
  };
  const requests = numberOf(/status codes: (\d+) 2xx/);
  return {
    requests,
    durationUs: (requests / numberOf(/finished in [^,]+, ([\d.]+) req\/s/)) * 1e6,
    errors: numberOf(/(\d+) failed,/) + numberOf(/(\d+) timeout/) + numberOf(/(\d+) 4xx/) + numberOf(/(\d+) 5xx/),
  };
}
