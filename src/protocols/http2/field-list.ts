/**
 * @hot The fields of one decoded block: offsets into a buffer of lines `name: value` CRLF, pseudo-fields among them.
 *
 * One list serves a whole worker, since a block is decoded and used in one go. What does not fit is counted, not kept:
 * the block must be decoded to its end all the same, because later blocks refer to what it adds to the table. The room
 * behind `end`, at least three times `listBytesMax`, is free for text composed from the fields, such as joined cookies.
 */
import { lineOverheadBytes } from "./dynamic-table.ts";
import { Pseudo, pseudoOf } from "./field-kind.ts";

/** What RFC 9113 §6.5.2 adds to the text of every field when it counts the size of a list. */
export const fieldOverheadBytes = 32;

export class FieldList {
  readonly bytes: Uint8Array;
  readonly fieldsMax: number;
  readonly listBytesMax: number;
  /** End of the text in `bytes`. */
  end = 0;
  count = 0;
  /** Size of the whole list in the RFC's count, of what was not kept too. */
  listBytes = 0;
  /** More fields or bytes came than are kept: the list is not to be used. */
  isOver = false;
  readonly nameStart: Int32Array;
  readonly nameEnd: Int32Array;
  readonly valueStart: Int32Array;
  readonly valueEnd: Int32Array;
  /** Who the field is and whether its text is allowed: see field-kind.ts. */
  readonly kind: Int32Array;
  /** 1 where the sender asked that nobody keep the field in a table (RFC 7541 §7.1.3). */
  readonly isSensitive: Uint8Array;

  /**
   * @param fieldsMax the most fields kept, pseudo-fields among them
   * @param listBytesMax the largest list kept, in the count of SETTINGS_MAX_HEADER_LIST_SIZE
   */
  constructor(fieldsMax: number, listBytesMax: number) {
    this.fieldsMax = fieldsMax;
    this.listBytesMax = listBytesMax;
    // What is kept, a name and a value that turn out not to fit (Huffman text grows by 8/5 at most), and their line's marks.
    this.bytes = new Uint8Array(Math.ceil(4.2 * listBytesMax) + lineOverheadBytes);
    this.nameStart = new Int32Array(fieldsMax);
    this.nameEnd = new Int32Array(fieldsMax);
    this.valueStart = new Int32Array(fieldsMax);
    this.valueEnd = new Int32Array(fieldsMax);
    this.kind = new Int32Array(fieldsMax);
    this.isSensitive = new Uint8Array(fieldsMax);
  }

  /** Whether this is a message's head and no trailers; known of a list that is over its limits too. */
  get beginsWithPseudo(): boolean {
    return this.count > 0 && pseudoOf(this.kind[0]!) !== Pseudo.none;
  }

  clear(): void {
    this.end = 0;
    this.count = 0;
    this.listBytes = 0;
    this.isOver = false;
  }

  /**
   * Whether a field with this much text may be kept; once one may not, none is, and what follows may overwrite the text.
   */
  admit(textBytes: number): boolean {
    this.listBytes += textBytes + fieldOverheadBytes;
    if (this.listBytes > this.listBytesMax || this.count === this.fieldsMax) this.isOver = true;
    if (this.isOver) this.end = 0;
    return !this.isOver;
  }

  /** Keeps the line that was written at `start`. */
  push(start: number, nameLength: number, valueLength: number, kind: number, isSensitive: number): void {
    const index = this.count;
    const nameEnd = start + nameLength;
    const valueEnd = nameEnd + 2 + valueLength;
    this.nameStart[index] = start;
    this.nameEnd[index] = nameEnd;
    this.valueStart[index] = nameEnd + 2;
    this.valueEnd[index] = valueEnd;
    this.kind[index] = kind;
    this.isSensitive[index] = isSensitive;
    this.count = index + 1;
    this.end = valueEnd + 2;
  }
}
