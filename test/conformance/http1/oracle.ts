/**
 * A second reader of HTTP/1.1, slow and strict, written with strings and regular expressions straight from the grammar of RFC
 * 9110, 9112 and 3986. It shares nothing with the codec: where the two disagree, one of them is wrong. It also reads what the
 * recording upstream received.
 *
 * It judges complete messages only; limits on sizes are not its business.
 */
import { isIPv6 } from "node:net";

export interface OracleHead {
  /** Index one past the empty line. */
  readonly end: number;
  readonly fields: readonly (readonly [string, string])[];
  readonly framing: "none" | "length" | "chunked" | "close";
  readonly length: number;
  readonly isKeepAlive: boolean;
  /** Lower-case names that must not be passed on. */
  readonly dropped: ReadonlySet<string>;
}

export interface OracleRequest extends OracleHead {
  readonly method: string;
  readonly target: string;
  readonly minor: number;
  readonly authority: string;
  /** The target as a server gets it. */
  readonly serverTarget: string;
  readonly isAbsolute: boolean;
}

export interface OracleResponse extends OracleHead {
  readonly status: number;
  readonly reason: string;
}

export interface OracleBody {
  readonly end: number;
  readonly body: string;
  readonly trailers: readonly (readonly [string, string])[];
}

const TCHAR = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]";
const PCHAR = "(?:[A-Za-z0-9\\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})";
/** Of a query also what the URL Standard leaves unencoded there. */
const QCHAR = `(?:${PCHAR}|[/?[\\\\\\]^\`{|}])`;
const REQUEST_LINE = new RegExp(`^(${TCHAR}{1,32}) ([^ ]+) HTTP/1\\.([01])$`);
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: ([\t -~\x80-\xff]*))?$/;
const FIELD_LINE = new RegExp(`^(${TCHAR}+):[ \\t]*([\\t -~\\x80-\\xff]*)$`);
const ORIGIN = new RegExp(`^(?:/${PCHAR}*)+(?:\\?${QCHAR}*)?$`);
const ABSOLUTE = new RegExp(`^https?://([^/?]+)((?:/${PCHAR}*)*)((?:\\?${QCHAR}*)?)$`, "i");
const NAME = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/;
const FUTURE = /^v[0-9a-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+$/i;
const TOKEN = new RegExp(`^${TCHAR}+$`);
const CONNECTION_FIELDS = new Set(
  "connection te trailer transfer-encoding upgrade keep-alive proxy-connection proxy-authorization proxy-authenticate http2-settings".split(
    " ",
  ),
);

/** Fields a Connection field may not strike out, written down again. */
const PROTECTED = new Set(
  (
    "host content-length expect forwarded x-forwarded-for x-forwarded-proto x-forwarded-host x-forwarded-port via traceparent " +
    "tracestate x-request-id x-real-ip idempotency-key authorization cookie set-cookie date server retry-after content-type " +
    "content-encoding content-range range origin sec-websocket-key sec-websocket-version sec-websocket-accept " +
    "sec-websocket-protocol sec-websocket-extensions priority accept accept-encoding user-agent cache-control location " +
    "max-forwards www-authenticate age expires vary pragma if-match if-none-match if-modified-since if-unmodified-since " +
    "if-range etag last-modified allow baggage"
  ).split(" "),
);

export function isAuthority(text: string): boolean {
  if (text === "") return true;
  const match = /^(\[[^\]]*\]|[^:[\]]*)(?::([0-9]*))?$/.exec(text);
  if (match === null || match[1] === "") return false;
  const port = match[2] ?? "";
  if (port !== "" && BigInt(port) > 65_535n) return false;
  const host = match[1]!;
  if (!host.startsWith("[")) return NAME.test(host);
  const literal = host.slice(1, -1);
  return FUTURE.test(literal) || (isIPv6(literal) && !literal.includes("%"));
}

interface Lines {
  readonly first: string;
  readonly fields: [string, string][];
  readonly end: number;
}

/** The lines of a head from `from` on; null when it is incomplete or breaks the grammar. */
function linesOf(text: string, from: number): Lines | null {
  const end = text.indexOf("\r\n\r\n", from);
  if (end < 0) return null;
  const [first, ...rest] = text.slice(from, end).split("\r\n");
  const fields: [string, string][] = [];
  for (const line of rest) {
    const match = FIELD_LINE.exec(line);
    if (match === null) return null;
    fields.push([match[1]!, match[2]!.replace(/[ \t]+$/, "")]);
  }
  return { first: first!, fields, end: end + 4 };
}

const valuesOf = (fields: readonly (readonly [string, string])[], name: string): string[] =>
  fields.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);

/** Names the message's Connection fields list, or null when they list what they must not. */
function connectionOptions(fields: readonly (readonly [string, string])[]): Set<string> | null {
  const elements = valuesOf(fields, "connection")
    .flatMap((value) => value.split(","))
    .map((element) => element.replace(/^[ \t]+|[ \t]+$/g, "").toLowerCase())
    .filter((element) => element !== "");
  if (elements.some((element) => !TOKEN.test(element) || PROTECTED.has(element))) return null;
  const others = elements.filter((element) => element !== "close" && !CONNECTION_FIELDS.has(element));
  return others.length > 16 ? null : new Set(elements);
}

/** The body's length as the two framing fields have it; null when it can be read in two ways. */
function framingOf(
  fields: readonly (readonly [string, string])[],
  minor: number,
): { framing: "none" | "length" | "chunked"; length: number } | null {
  const lengths = valuesOf(fields, "content-length");
  const codings = valuesOf(fields, "transfer-encoding");
  if (codings.length > 0) {
    const isPlain = codings.length === 1 && codings[0]!.toLowerCase() === "chunked";
    return isPlain && lengths.length === 0 && minor === 1 ? { framing: "chunked", length: 0 } : null;
  }
  if (lengths.length === 0) return { framing: "none", length: 0 };
  if (lengths.length > 1 || !/^[0-9]{1,15}$/.test(lengths[0]!)) return null;
  const length = Number(lengths[0]!);
  return { framing: length === 0 ? "none" : "length", length };
}

/** Reads a request from the start of `text`; null when it must be refused or is incomplete. */
export function oracleRequest(text: string): OracleRequest | null {
  const start = /^(?:\r\n){0,4}/.exec(text)![0].length;
  const lines = linesOf(text, start);
  const match = lines === null ? null : REQUEST_LINE.exec(lines.first);
  if (lines === null || match === null) return null;
  const { fields, end } = lines;
  const minor = Number(match[3]);
  const target = targetOf(match[1]!, match[2]!);
  const framing = framingOf(fields, minor);
  const options = connectionOptions(fields);
  const hosts = valuesOf(fields, "host");
  if (target === null || framing === null || options === null) return null;
  if (hosts.length > 1 || (hosts.length === 0 && minor === 1) || !isAuthority(hosts[0] ?? "")) return null;
  const expectations = valuesOf(fields, "expect").map((value) => value.toLowerCase());
  if (expectations.length > 1 || (expectations[0] ?? "100-continue") !== "100-continue") return null;
  const dropped = new Set([...CONNECTION_FIELDS, ...options]);
  if (target.authority !== undefined) dropped.add("host");
  return {
    method: match[1]!,
    target: match[2]!,
    minor,
    end,
    fields,
    ...framing,
    dropped,
    isKeepAlive: !options.has("close") && (minor === 1 || options.has("keep-alive")),
    authority: target.authority ?? hosts[0] ?? "",
    serverTarget: target.serverTarget,
    isAbsolute: target.authority !== undefined,
  };
}

function targetOf(method: string, target: string): { authority?: string; serverTarget: string } | null {
  if (method === "CONNECT") {
    return isAuthority(target) && /:[0-9]+$/.test(target) ? { authority: target, serverTarget: target } : null;
  }
  if (target === "*") return method === "OPTIONS" ? { serverTarget: "*" } : null;
  if (ORIGIN.test(target)) return { serverTarget: target };
  const absolute = ABSOLUTE.exec(target);
  if (absolute === null || !isAuthority(absolute[1]!)) return null;
  const [, authority, path, query] = absolute as unknown as [string, string, string, string];
  if (path !== "") return { authority, serverTarget: path + query };
  return { authority, serverTarget: method === "OPTIONS" && query === "" ? "*" : `/${query}` };
}

/** Reads an answer to a request with `method` from the start of `text`; null when it must be refused or is incomplete. */
export function oracleResponse(text: string, method: string): OracleResponse | null {
  const lines = linesOf(text, 0);
  const match = lines === null ? null : STATUS_LINE.exec(lines.first);
  if (lines === null || match === null) return null;
  const { fields, end } = lines;
  const minor = Number(match[1]);
  const status = Number(match[2]);
  const framing = framingOf(fields, minor);
  const options = connectionOptions(fields);
  if (framing === null || options === null) return null;
  const dropped = new Set([...CONNECTION_FIELDS, ...options]);
  const isBare = status < 200 || status === 204 || (method === "CONNECT" && status < 300);
  if (isBare && framing.framing !== "none") return null;
  if (isBare) dropped.add("content-length");
  const hasUpgrade = minor === 1 && options.has("upgrade") && valuesOf(fields, "upgrade").length > 0;
  if (status === 101 && !hasUpgrade) return null;
  let kind: OracleHead["framing"] = framing.framing;
  if (isBare || method === "HEAD" || status === 304) kind = "none";
  else if (kind === "none" && valuesOf(fields, "content-length").length === 0) kind = "close";
  const isKeepAlive = kind !== "close" && !options.has("close") && (minor === 1 || options.has("keep-alive"));
  return { status, reason: match[3] ?? "", end, fields, framing: kind, length: framing.length, dropped, isKeepAlive };
}

const QUOTED = '"(?:[\\t !#-\\[\\]-~\\x80-\\xff]|\\\\[\\t -~\\x80-\\xff])*"';
const EXTENSION = `(?:[ \\t]*;[ \\t]*${TCHAR}+(?:[ \\t]*=[ \\t]*(?:${TCHAR}+|${QUOTED}))?)`;
const CHUNK_LINE = new RegExp(`([0-9A-Fa-f]{1,12})(${EXTENSION}*)\\r\\n`, "y");
const TRAILER_LINE = new RegExp(`(${TCHAR}+):[ \\t]*([\\t -~\\x80-\\xff]*)\\r\\n`, "y");

/** Reads a chunked body from `from`; null when it is incomplete or breaks the coding. */
export function oracleChunked(text: string, from: number): OracleBody | null {
  let at = from;
  let body = "";
  for (;;) {
    CHUNK_LINE.lastIndex = at;
    const match = CHUNK_LINE.exec(text);
    if (match === null) return null;
    at += match[0].length;
    const size = Number.parseInt(match[1]!, 16);
    if (size === 0) break;
    if (at + size + 2 > text.length || text.slice(at + size, at + size + 2) !== "\r\n") return null;
    body += text.slice(at, at + size);
    at += size + 2;
  }
  const trailers: [string, string][] = [];
  for (;;) {
    TRAILER_LINE.lastIndex = at;
    const match = TRAILER_LINE.exec(text);
    if (match === null) break;
    trailers.push([match[1]!, match[2]!.replace(/[ \t]+$/, "")]);
    at += match[0].length;
  }
  return text.slice(at, at + 2) === "\r\n" ? { end: at + 2, body, trailers } : null;
}

/** Reads the body that follows a head at `head.end`; null when it is incomplete or breaks its framing. */
export function oracleBody(text: string, head: OracleHead): OracleBody | null {
  if (head.framing === "chunked") return oracleChunked(text, head.end);
  const end = head.framing === "close" ? text.length : head.end + (head.framing === "length" ? head.length : 0);
  return end > text.length ? null : { end, body: text.slice(head.end, end), trailers: [] };
}
