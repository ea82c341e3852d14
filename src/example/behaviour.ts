/**
 * How the example exchange misbehaves on demand: for one request by its query, for all by `PUT /behaviour`.
 *
 *     latency=20ms  jitter=5ms   wait before answering, and up to so much more
 *     errors=0.1  status=503     share of requests answered with the status instead
 *     size=1000                  body of so many bytes
 *     chunked=on                 body in chunks instead of a length
 *     slow=10ms                  body in pieces of 1 KiB with so long between them
 *     close=after                close after the answer; `before`: instead of one; `half`: in the middle of its body
 */

export interface Behaviour {
  readonly latencyMs: number;
  readonly jitterMs: number;
  readonly errorRatio: number;
  readonly errorStatus: number;
  /** -1 for the answer's own. */
  readonly bodyBytes: number;
  readonly isChunked: boolean;
  readonly slowMs: number;
  readonly close: "no" | "before" | "half" | "after";
}

export const plainBehaviour: Behaviour = {
  latencyMs: 0,
  jitterMs: 0,
  errorRatio: 0,
  errorStatus: 503,
  bodyBytes: -1,
  isChunked: false,
  slowMs: 0,
  close: "no",
};

/** The largest body that is made up. */
export const bodyBytesMax = 16 * 1024 ** 3;

const names = ["latency", "jitter", "errors", "status", "size", "chunked", "slow", "close"];

/**
 * Settings as in a query, over `base`; a text that cannot be read gives what is wrong with it.
 * @param ignoresOthers parameters of other names are the request's own
 */
export function parseBehaviour(
  query: string,
  base: Behaviour = plainBehaviour,
  ignoresOthers = false,
): Behaviour | { readonly wrong: string } {
  const behaviour: { -readonly [K in keyof Behaviour]: Behaviour[K] } = { ...base };
  const parameters = new URLSearchParams(query);
  for (const [name, text] of parameters) {
    if (ignoresOthers && !names.includes(name)) continue;
    if (!apply(behaviour, name, text)) return { wrong: `${name}=${text}` };
  }
  // A status alone means: always.
  if (parameters.has("status") && !parameters.has("errors")) behaviour.errorRatio = 1;
  return behaviour;
}

function apply(behaviour: { -readonly [K in keyof Behaviour]: Behaviour[K] }, name: string, text: string): boolean {
  const within = (value: number, low: number, high: number): boolean => value >= low && value <= high;
  switch (name) {
    case "latency":
      behaviour.latencyMs = milliseconds(text);
      return within(behaviour.latencyMs, 0, 600_000);
    case "jitter":
      behaviour.jitterMs = milliseconds(text);
      return within(behaviour.jitterMs, 0, 600_000);
    case "slow":
      behaviour.slowMs = milliseconds(text);
      return within(behaviour.slowMs, 0, 600_000);
    case "errors":
      behaviour.errorRatio = text === "" ? Number.NaN : Number(text);
      return within(behaviour.errorRatio, 0, 1);
    case "status":
      behaviour.errorStatus = Number(text);
      return Number.isInteger(behaviour.errorStatus) && within(behaviour.errorStatus, 200, 599);
    case "size":
      behaviour.bodyBytes = /^\d+$/.test(text) ? Number(text) : -1;
      return within(behaviour.bodyBytes, 0, bodyBytesMax);
    case "chunked":
      behaviour.isChunked = text === "on";
      return text === "on" || text === "off";
    case "close":
      if (text !== "no" && text !== "before" && text !== "half" && text !== "after") return false;
      behaviour.close = text;
      return true;
    default:
      return false;
  }
}

/** `5ms`, `1.5s`; NaN for anything else. */
function milliseconds(text: string): number {
  const parts = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(text);
  return parts === null ? Number.NaN : Number(parts[1]) * (parts[2] === "s" ? 1000 : 1);
}
