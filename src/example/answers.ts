/** Answers of the exchange, rendered once and then only copied. */

/** A rendered answer: a head, and a body that HEAD leaves out. */
export interface Answer {
  readonly bytes: Uint8Array;
  readonly headLength: number;
}

const reasons: Readonly<Record<number, string>> = {
  200: "OK",
  201: "Created",
  204: "No Content",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  413: "Content Too Large",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};
const encoder = new TextEncoder();

export const json = "application/json";

/** Renders an answer with a Content-Length. */
export function renderAnswer(status: number, type: string, body: string, extra = "", close = false): Answer {
  const bytes = encoder.encode(body);
  const head = renderHead(status, type, bytes.length, extra, close);
  const whole = new Uint8Array(head.length + bytes.length);
  whole.set(head);
  whole.set(bytes, head.length);
  return { bytes: whole, headLength: head.length };
}

/** @param length -1 for a chunked body */
export function renderHead(status: number, type: string, length: number, extra: string, close: boolean): Uint8Array {
  const framing = status === 204 ? "" : length < 0 ? "Transfer-Encoding: chunked\r\n" : `Content-Length: ${length}\r\n`;
  return encoder.encode(
    `HTTP/1.1 ${status} ${reasons[status] ?? "Status"}\r\nContent-Type: ${type}\r\n${framing}${extra}${
      close ? "Connection: close\r\n" : ""
    }\r\n`,
  );
}

const rendered = new Map<string, Answer>();
/** Symbols of one exchange; further ones are rendered each time. */
export const renderedMax = 8192;

/** A quote whose numbers follow from the symbol alone, so that every answer can be checked. */
export function quoteAnswer(symbol: string, close: boolean): Answer {
  const key = close ? `${symbol} ` : symbol;
  const known = rendered.get(key);
  if (known !== undefined) return known;
  let hash = 2166136261;
  for (let i = 0; i < symbol.length; i++) hash = Math.imul(hash ^ symbol.charCodeAt(i), 16777619) >>> 0;
  const bid = 10 + (hash % 100_000) / 100;
  const body = JSON.stringify({
    symbol,
    bid: bid.toFixed(2),
    ask: (bid + 0.01).toFixed(2),
    last: bid.toFixed(2),
    volume: hash % 1_000_000,
  });
  const answer = renderAnswer(200, json, body, "", close);
  if (rendered.size < renderedMax) rendered.set(key, answer);
  return answer;
}
