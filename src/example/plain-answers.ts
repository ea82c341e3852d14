/**
 * @hot
 * Answers to the requests that benchmarks are made of: a quote, an order, a cancel, nothing asked for beside. They are found by
 * the request's bytes and leave nothing to collect: with strings and buffers for each, some 700 bytes a request, the
 * exchange's collector stopped it twice a second for two milliseconds, which whoever is measured before it seemed to take.
 */
import { type Answer, json, quoteAnswer, renderAnswer, renderedMax } from "./answers.ts";
import { type OrderBook, OrderState, orderStateNames } from "./order-book.ts";
import { Body, type RequestHead } from "./request.ts";

/** A number with more digits is answered by the long way. */
const digitsMax = 9;
const [quotesPath, ordersPath, orderPath] = ["/quotes/", "/orders", "/orders/"] as const;

/** An order's number always takes ten digits, so that the answer is rendered once and only the digits change. */
const idDigits = 10;
const idPlaceholder = "0".repeat(idDigits);

export class PlainAnswers {
  private readonly orders: OrderBook;
  /** By ten to the number of digits, plus their value: 007 is not 7. */
  private readonly quotes = new Map<number, Answer>();
  private readonly notFound = notFound(false);
  private readonly accepted = [acceptedAnswer(false), acceptedAnswer(true)] as const;
  /** By state and number of digits. */
  private readonly states = orderStateNames.map((_, state) =>
    Array.from({ length: digitsMax + 1 }, (_, digits) => orderAnswer("0".repeat(digits), state, false)),
  );

  constructor(orders: OrderBook) {
    this.orders = orders;
  }

  /** Null for every other request. @param end of the bytes; the body of an order must be among them */
  find(bytes: Uint8Array, head: RequestHead, end: number): Answer | null {
    if (head.wantsClose || head.expectsContinue || head.keyEnd !== 0) return null;
    if (head.body === Body.none) {
      if (isAt(bytes, head.start, "GET ")) return this.quote(bytes, head);
      return isAt(bytes, head.start, "DELETE ") ? this.cancel(bytes, head) : null;
    }
    if (head.body !== Body.length || !isAt(bytes, head.start, "POST ")) return null;
    const isOrder =
      head.targetEnd - head.targetStart === ordersPath.length && isAt(bytes, head.targetStart, ordersPath);
    return isOrder && head.end + head.bodyLength <= end ? this.accept("", false) : null;
  }

  /** Takes an order. @param key of its repetitions; empty for none */
  accept(key: string, close: boolean): Answer {
    const answer = this.accepted[close ? 1 : 0];
    const { bytes, headLength } = answer;
    const id = this.orders.accept(key);
    // The body ends in `"}`, the head in an empty line: the digits stand right before both.
    writeDigits(bytes, bytes.length - 2, id, idDigits);
    writeDigits(bytes, headLength - 4, id, idDigits);
    return answer;
  }

  private quote(bytes: Uint8Array, { targetStart, targetEnd }: RequestHead): Answer | null {
    const symbol = numberAt(bytes, targetStart, targetEnd, quotesPath);
    if (symbol < 0) return null;
    const key = 10 ** (targetEnd - targetStart - quotesPath.length) + symbol;
    return this.quotes.get(key) ?? this.renderQuote(key);
  }

  /** @cold */
  private renderQuote(key: number): Answer {
    // The leading one says how many digits there are.
    const answer = quoteAnswer(String(key).slice(1), false);
    if (this.quotes.size < renderedMax) this.quotes.set(key, answer);
    return answer;
  }

  private cancel(bytes: Uint8Array, { targetStart, targetEnd }: RequestHead): Answer | null {
    const id = numberAt(bytes, targetStart, targetEnd, orderPath);
    const digits = targetEnd - targetStart - orderPath.length;
    // The answer has the number as a number, without leading zeros.
    if (id < 0 || bytes[targetStart + orderPath.length] === 48) return null;
    if (this.orders.cancel(id) === OrderState.unknown) return this.notFound;
    const answer = this.states[this.orders.stateOf(id)]![digits]!;
    writeDigits(answer.bytes, answer.headLength + '{"id":"'.length + digits, id, digits);
    return answer;
  }
}

/** @cold */
export function notFound(close: boolean): Answer {
  return renderAnswer(404, json, '{"error":"not found"}', "", close);
}

/** @cold */
export function orderAnswer(id: string, state: number, close: boolean): Answer {
  return renderAnswer(200, json, `{"id":"${id}","status":"${orderStateNames[state]}"}`, "", close);
}

/** @cold */
function acceptedAnswer(close: boolean): Answer {
  const body = `{"status":"accepted","id":"${idPlaceholder}"}`;
  return renderAnswer(201, json, body, `Location: /orders/${idPlaceholder}\r\n`, close);
}

function isAt(bytes: Uint8Array, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) if (bytes[at + index] !== text.charCodeAt(index)) return false;
  return true;
}

/** The number that is all there is behind a prefix; -1 where something else is. */
function numberAt(bytes: Uint8Array, start: number, end: number, prefix: string): number {
  const from = start + prefix.length;
  if (from >= end || end - from > digitsMax || !isAt(bytes, start, prefix)) return -1;
  let value = 0;
  for (let at = from; at < end; at++) {
    const digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** The digits stand right before `end`. */
function writeDigits(bytes: Uint8Array, end: number, value: number, digits: number): void {
  let rest = value;
  for (let at = end - 1; at >= end - digits; at--) {
    bytes[at] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}
