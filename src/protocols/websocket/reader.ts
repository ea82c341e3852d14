/**
 * @hot Reads frames of WebSocket (RFC 6455 §5, RFC 7692) as they come, in any pieces, and judges every rule a peer can break.
 *
 * Nothing is kept but what lies in two pieces of a frame's head or of a control frame's payload: a gateway passes the bytes on
 * as they are (`isUnmasking` false), an endpoint has the payload unmasked in place and reads the pieces it is told of. A reader
 * between frames owns no memory but its own fields: most of the WebSockets of a gateway are silent most of the time.
 *
 *     +-+-+-+-+-------+-+-------------+-------------------------------+
 *     |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
 *     |I|S|S|S|  (4)  |A|     (7)     |             (16/64)           |
 *     |N|V|V|V|       |S|             |   (if payload len==126/127)   |
 *     | |1|2|3|       |K|             |                               |
 *     +-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +
 *     |              Masking key, if MASK is set                      |
 *     +---------------------------------------------------------------+
 */
import { applyMask, readKey } from "./mask.ts";
import { checkMaskedUtf8, checkUtf8, utf8Broken, utf8Whole } from "./utf8.ts";
import { isCloseCode, WebSocketViolation } from "./violations.ts";

export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface WebSocketLimits {
  readonly frameBytesMax: number;
  /** A message over all its frames, compressed where it is compressed. */
  readonly messageBytesMax: number;
  readonly fragmentsMax: number;
}

export const defaultWebSocketLimits: WebSocketLimits = {
  // Nothing is kept of a frame, so these protect those who read the messages: 16 MiB is beyond any order or quote.
  frameBytesMax: 16_777_216,
  messageBytesMax: 16_777_216,
  // A message in fragments of a kilobyte; more is an attack on whoever joins them.
  fragmentsMax: 16_384,
};

export interface WebSocketReaderOptions {
  /** Whether the peer is a client: its frames are masked, a server's are not. */
  readonly isPeerClient: boolean;
  /** Whether permessage-deflate was agreed on: compressed messages are passed through unread. */
  readonly allowsDeflate: boolean;
  /** Whether payloads are unmasked in place. */
  readonly isUnmasking: boolean;
  readonly limits: WebSocketLimits;
}

/** What a reader has read. The bytes are valid during the call. */
export interface WebSocketEvents {
  /** A piece of a message; with `isEnd` its last one, which may be empty. */
  onMessage(opcode: number, isCompressed: boolean, bytes: Uint8Array, from: number, to: number, isEnd: boolean): void;
  /** A ping or pong with its whole payload, unmasked. */
  onControl(opcode: number, payload: Uint8Array, length: number): void;
  /** A close frame; the code is 1005 where it has none. The reason is `payload[2, length)`. */
  onClose(code: number, payload: Uint8Array, length: number): void;
}

const controlBytesMax = 125;
const headBytesMax = 14;
/** Where heads and control payloads are gathered that come in one piece: nearly all. */
const headScratch = new Uint8Array(headBytesMax);
const controlScratch = new Uint8Array(controlBytesMax);

export class WebSocketReader {
  /** What the peer broke; nothing is read any more. */
  violation = 0;
  /** A close frame has come; nothing may follow it, and nothing is read. */
  isClosed = false;
  private readonly options: WebSocketReaderOptions;
  /** The scratch, or memory of our own while a head is split. */
  private head = headScratch;
  private headEnd = 0;
  private isInPayload = false;
  /** The head being read began in an earlier piece. */
  private isHeadSplit = false;
  private opcode = 0;
  private isFinal = false;
  private key = 0;
  private payloadLength = 0;
  private position = 0;
  /** The message whose frames are coming: its opcode, 0 where there is none. */
  private messageOpcode = 0;
  private isCompressed = false;
  private messageBytes = 0;
  private fragments = 0;
  private textState: number = utf8Whole;
  private control = controlScratch;

  constructor(options: WebSocketReaderOptions) {
    this.options = options;
  }

  /** Whether what was right so far ends with a whole frame, so that somebody else may put one of their own behind it. */
  get isBetweenFrames(): boolean {
    return !this.isInPayload && (this.violation === 0 ? this.headEnd === 0 : !this.isHeadSplit);
  }

  /** Whether a message is half read: only control frames may be put in. */
  get isWithinMessage(): boolean {
    return this.messageOpcode !== 0;
  }

  /**
   * Reads `bytes[from, to)`. Returns how far the bytes are right: `to`, unless a violation or a close frame ended the reading
   * earlier. What is behind it must not be passed on.
   */
  receive(bytes: Uint8Array, from: number, to: number, events: WebSocketEvents): number {
    const end = this.read(bytes, from, to, events);
    const isControlSplit = this.isInPayload && this.opcode >= Opcode.close;
    if (this.headEnd > 0 || isControlSplit) this.keep();
    return end;
  }

  private read(bytes: Uint8Array, from: number, to: number, events: WebSocketEvents): number {
    let at = from;
    while (this.violation === 0 && !this.isClosed) {
      if (this.isInPayload) {
        if (at === to && this.position < this.payloadLength) return at;
        const end = Math.min(to, at + this.payloadLength - this.position);
        const isRight =
          this.opcode >= Opcode.close
            ? this.takeControl(bytes, at, end, events)
            : this.takeData(bytes, at, end, events);
        if (!isRight) return at;
        at = end;
        continue;
      }
      if (at === to) return at;
      const start = at;
      at = this.readHead(bytes, at, to);
      if (this.violation !== 0) return start;
    }
    return at;
  }

  /** Gathers a frame's head; once it is whole its payload begins. Returns the offset behind what was taken. */
  private readHead(bytes: Uint8Array, from: number, to: number): number {
    const { head } = this;
    let at = from;
    while (at < to && this.headEnd < this.headLength()) {
      head[this.headEnd++] = bytes[at++]!;
      // The first two bytes are judged at once: a wrong frame is not waited for.
      if (this.headEnd === 2) {
        this.violation = this.judgeHead();
        if (this.violation !== 0) return at;
      }
    }
    this.isHeadSplit = this.headEnd < this.headLength();
    if (this.isHeadSplit) return at;
    this.violation = this.beginFrame();
    if (this.violation !== 0) return at;
    this.headEnd = 0;
    this.head = headScratch;
    this.isInPayload = true;
    return at;
  }

  /** A head or a control frame's payload lies in two pieces: what has come of it is kept. @cold */
  private keep(): void {
    if (this.headEnd > 0 && this.head === headScratch) this.head = headScratch.slice();
    if (this.headEnd === 0 && this.control === controlScratch) this.control = controlScratch.slice();
  }

  /** Bytes of the head as far as it is known. */
  private headLength(): number {
    if (this.headEnd < 2) return 2;
    const short = this.head[1]! & 0x7f;
    const length = short === 127 ? 10 : short === 126 ? 4 : 2;
    return this.head[1]! >= 0x80 ? length + 4 : length;
  }

  private judgeHead(): number {
    const first = this.head[0]!;
    const second = this.head[1]!;
    const opcode = first & 0x0f;
    if ((first & 0x30) !== 0) return WebSocketViolation.reservedBits;
    const isCompressed = (first & 0x40) !== 0;
    if (isCompressed && !this.options.allowsDeflate) return WebSocketViolation.reservedBits;
    if (second >= 0x80 !== this.options.isPeerClient) {
      return this.options.isPeerClient ? WebSocketViolation.unmasked : WebSocketViolation.masked;
    }
    if (opcode >= Opcode.close) {
      if (opcode > Opcode.pong) return WebSocketViolation.opcode;
      if (first < 0x80) return WebSocketViolation.controlFragment;
      if (isCompressed) return WebSocketViolation.controlCompressed;
      return (second & 0x7f) > controlBytesMax ? WebSocketViolation.controlLength : 0;
    }
    if (opcode > Opcode.binary) return WebSocketViolation.opcode;
    if (opcode !== Opcode.continuation) return this.messageOpcode === 0 ? 0 : WebSocketViolation.interleaved;
    if (this.messageOpcode === 0) return WebSocketViolation.continuation;
    return isCompressed ? WebSocketViolation.continuationCompressed : 0;
  }

  /** The head is whole: its length and its key are read. */
  private beginFrame(): number {
    const { head, headEnd } = this;
    const { limits } = this.options;
    const length = this.readLength();
    if (length < 0) return WebSocketViolation.lengthForm;
    this.isFinal = head[0]! >= 0x80;
    this.opcode = head[0]! & 0x0f;
    this.key = head[1]! >= 0x80 ? readKey(head, headEnd - 4) : 0;
    this.payloadLength = length;
    this.position = 0;
    if (this.opcode >= Opcode.close) return 0;
    if (this.opcode !== Opcode.continuation) {
      this.messageOpcode = this.opcode;
      this.isCompressed = (head[0]! & 0x40) !== 0;
      this.messageBytes = 0;
      this.fragments = 0;
      this.textState = utf8Whole;
    }
    this.messageBytes += length;
    this.fragments += 1;
    if (length > limits.frameBytesMax) return WebSocketViolation.frameTooLarge;
    if (this.messageBytes > limits.messageBytesMax) return WebSocketViolation.messageTooLarge;
    return this.fragments > limits.fragmentsMax ? WebSocketViolation.fragments : 0;
  }

  /** The payload's length in its shortest form (§5.2), or -1. */
  private readLength(): number {
    const { head } = this;
    const short = head[1]! & 0x7f;
    if (short < 126) return short;
    if (short === 126) {
      const length = (head[2]! << 8) | head[3]!;
      return length < 126 ? -1 : length;
    }
    if (head[2]! >= 0x80) return -1;
    let length = 0;
    for (let i = 2; i < 10; i++) length = length * 256 + head[i]!;
    return length < 65_536 ? -1 : length;
  }

  /** A piece of a data frame. False: the text is not UTF-8. */
  private takeData(bytes: Uint8Array, from: number, to: number, events: WebSocketEvents): boolean {
    const { key, position } = this;
    const isMasked = key !== 0;
    const isEnd = position + to - from === this.payloadLength;
    const isMessageEnd = isEnd && this.isFinal;
    if (isMasked && this.options.isUnmasking) applyMask(bytes, from, to, key, position);
    if (this.messageOpcode === Opcode.text && !this.isCompressed) {
      this.textState =
        isMasked && !this.options.isUnmasking
          ? checkMaskedUtf8(this.textState, bytes, from, to, key, position)
          : checkUtf8(this.textState, bytes, from, to);
      if (this.textState === utf8Broken || (isMessageEnd && this.textState !== utf8Whole)) {
        this.violation = WebSocketViolation.text;
        return false;
      }
    }
    this.position += to - from;
    const { messageOpcode } = this;
    if (isEnd) this.isInPayload = false;
    if (isMessageEnd) this.messageOpcode = 0;
    events.onMessage(messageOpcode, this.isCompressed, bytes, from, to, isMessageEnd);
    return true;
  }

  /** A piece of a control frame, gathered and unmasked. False: a close frame that must not be. */
  private takeControl(bytes: Uint8Array, from: number, to: number, events: WebSocketEvents): boolean {
    const { control } = this;
    for (let at = from; at < to; at++) {
      const position = this.position++;
      const plain = bytes[at]! ^ (this.key >>> (8 * (position & 3)));
      control[position] = plain;
      if (this.options.isUnmasking) bytes[at] = plain;
    }
    if (this.position < this.payloadLength) return true;
    if (this.opcode === Opcode.close) return this.takeClose(events);
    this.isInPayload = false;
    this.control = controlScratch;
    events.onControl(this.opcode, control, this.payloadLength);
    return true;
  }

  private takeClose(events: WebSocketEvents): boolean {
    const { control, payloadLength } = this;
    const code = payloadLength >= 2 ? (control[0]! << 8) | control[1]! : 1005;
    if (payloadLength === 1) this.violation = WebSocketViolation.closeLength;
    else if (payloadLength > 0 && !isCloseCode(code)) this.violation = WebSocketViolation.closeCode;
    else if (checkUtf8(utf8Whole, control, 2, payloadLength) !== utf8Whole)
      this.violation = WebSocketViolation.closeReason;
    if (this.violation !== 0) return false;
    this.isInPayload = false;
    this.isClosed = true;
    events.onClose(code, control, payloadLength);
    return true;
  }
}
