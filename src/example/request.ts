/**
 * Finds requests in the bytes of a connection. It knows what the exchange needs and no more: where a head ends, its method
 * and target, how its body is framed. A parser of its own, not the gateway's: what stands behind a gateway in a test must
 * not share its mistakes. It trusts its clients, so it belongs behind a gateway and never on a public network.
 */

export const Body = { none: 0, length: 1, chunked: 2 } as const;
const headEnd = Buffer.from("\r\n\r\n");
const decoder = new TextDecoder("latin1");

/** The head found last; one object for each connection. */
export class RequestHead {
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  /** Behind the empty line. */
  end = 0;
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  body = 0;
  bodyLength = 0;
  wantsClose = false;
  expectsContinue = false;
  /** Of the Idempotency-Key's value; equal when there is none. */
  keyStart = 0;
  keyEnd = 0;

  /** Whether a whole head begins at `start`; throws on what is no request. */
  find(bytes: Buffer, start: number): boolean {
    const found = bytes.indexOf(headEnd, start);
    if (found < 0) return false;
    this.bytes = bytes;
    this.start = start;
    this.end = found + 4;
    this.body = Body.none;
    this.bodyLength = 0;
    this.wantsClose = false;
    this.expectsContinue = false;
    this.keyStart = 0;
    this.keyEnd = 0;
    this.readLine();
    let line = bytes.indexOf(10, this.targetEnd) + 1;
    while (line < this.end - 2) {
      const lineEnd = bytes.indexOf(10, line);
      this.readField(line, lineEnd - 1);
      line = lineEnd + 1;
    }
    return true;
  }

  text(start: number, end: number): string {
    return decoder.decode(this.bytes.subarray(start, end));
  }

  private readLine(): void {
    const { bytes, start } = this;
    this.methodEnd = bytes.indexOf(32, start);
    this.targetStart = this.methodEnd + 1;
    this.targetEnd = bytes.indexOf(32, this.targetStart);
    if (this.methodEnd < 0 || this.targetEnd < 0 || this.targetEnd > this.end) throw new RangeError("no request line");
    // HTTP/1.0 closes unless told otherwise; nothing in front of the exchange tells it otherwise.
    if (bytes[this.targetEnd + 8] === 48) this.wantsClose = true;
  }

  private readField(start: number, end: number): void {
    const { bytes } = this;
    const first = bytes[start]! | 32;
    if (first === 99) {
      if (isField(bytes, start, "content-length")) {
        this.body = Body.length;
        this.bodyLength = readNumber(bytes, start + 15, end);
      } else if (isField(bytes, start, "connection")) this.wantsClose ||= contains(bytes, start + 11, end, "close");
    } else if (first === 116) {
      if (isField(bytes, start, "transfer-encoding")) this.body = Body.chunked;
    } else if (first === 101) {
      if (isField(bytes, start, "expect")) this.expectsContinue = true;
    } else if (first === 105 && isField(bytes, start, "idempotency-key")) {
      this.keyStart = start + 16;
      this.keyEnd = end;
    }
  }
}

/** Consumes a chunked body piece by piece. */
export class ChunkedBody {
  isDone = false;
  private left = 0;
  /** 0 size line, 1 data, 2 line end behind data, 3 trailers. */
  private state = 0;
  private size = 0;
  private lineLength = 0;
  private inExtension = false;

  reset(): void {
    this.isDone = false;
    this.state = 0;
    this.size = 0;
    this.lineLength = 0;
    this.inExtension = false;
  }

  /** Reads from `position` on and returns where it stopped; gives the data to `take` where that is not null. */
  read(bytes: Buffer, position: number, take: ((piece: Uint8Array) => void) | null): number {
    let at = position;
    while (at < bytes.length && !this.isDone) {
      if (this.state !== 1) {
        this.readFraming(bytes[at]!);
        at += 1;
        continue;
      }
      const end = Math.min(bytes.length, at + this.left);
      if (take !== null) take(bytes.subarray(at, end));
      this.left -= end - at;
      at = end;
      if (this.left === 0) this.state = 2;
    }
    return at;
  }

  private readFraming(byte: number): void {
    if (byte === 13) return;
    if (this.state === 2) {
      this.state = 0;
      this.size = 0;
      return;
    }
    if (byte !== 10) {
      this.lineLength += 1;
      if (byte === 59) this.inExtension = true;
      if (this.state === 0 && !this.inExtension) this.size = this.size * 16 + hexDigit(byte);
      return;
    }
    if (this.state === 3) {
      if (this.lineLength === 0) this.isDone = true;
    } else if (this.size === 0) this.state = 3;
    else {
      this.left = this.size;
      this.state = 1;
    }
    this.lineLength = 0;
    this.inExtension = false;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  if (letter >= 97 && letter <= 102) return letter - 87;
  throw new RangeError("no chunk size");
}

/** Whether the field's name is `name`, which is in lower case. */
function isField(bytes: Buffer, start: number, name: string): boolean {
  const { length } = name;
  if (bytes[start + length] !== 58) return false;
  for (let i = 0; i < length; i++) if ((bytes[start + i]! | 32) !== (name.charCodeAt(i) | 32)) return false;
  return true;
}

function contains(bytes: Buffer, start: number, end: number, word: string): boolean {
  for (let at = start; at + word.length <= end; at++) {
    let i = 0;
    while (i < word.length && (bytes[at + i]! | 32) === word.charCodeAt(i)) i += 1;
    if (i === word.length) return true;
  }
  return false;
}

function readNumber(bytes: Buffer, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - 48;
    if (digit >= 0 && digit <= 9) value = value * 10 + digit;
  }
  return value;
}
