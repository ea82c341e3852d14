/**
 * Requests from templates. A template without placeholders is rendered once; one with placeholders is written anew for
 * every request into memory that is kept. Placeholders, in the path, in header values and in text bodies:
 *
 *     {{counter}} {{counter:1000}}   1, 2, 3 ... (or from 1000), never the same in two processes
 *     {{random:1:100}}               a whole number from 1 to 100, both included, from the seed
 *     {{hex:16}}                     16 random hexadecimal digits
 *     {{uuid}}                       a random UUID, version 4
 *     {{choice:BUY|SELL}}            one of the words
 *
 * A header or body is text in UTF-8. What a placeholder yields is ASCII, or a word of `choice`.
 */
import { copyBytes, type Random, WeirError, writeDecimal } from "../base/mod.ts";
import type { LoadPlan, PlanClass, PlanTarget, ProcessShare } from "./plan.ts";
import type { AnswerInspector, RequestSource } from "./protocol-client.ts";

/** What placeholders draw from; one per client process. */
export interface TemplateSource {
  readonly random: Random;
  /** The first value of counters here, and the step to the next: process index and count. */
  readonly counterStart: number;
  readonly counterStep: number;
}

/** Writes its text at an offset and returns the offset after it. */
export interface Segment {
  readonly bytesMax: number;
  write(target: Uint8Array, at: number): number;
}

const encoder = new TextEncoder();
const placeholder = /\{\{([^{}]*)\}\}/g;

export function isTemplate(text: string): boolean {
  return text.includes("{{");
}

/** Why the placeholders of a text are wrong, or null. */
export function templateProblem(text: string): string | null {
  for (const [, inner] of text.matchAll(placeholder)) {
    const problem = placeholderProblem(inner!);
    if (problem !== null) return problem;
  }
  return text.replace(placeholder, "").includes("{{") ? "a placeholder {{ has no end }}" : null;
}

function placeholderProblem(inner: string): string | null {
  const [name, ...rest] = inner.trim().split(":");
  const args = rest.join(":");
  if (name === "uuid") return null;
  if (name === "counter") return args === "" || /^\d{1,15}$/.test(args) ? null : `{{${inner}}} needs a whole number`;
  if (name === "hex")
    return /^\d{1,4}$/.test(args) && Number(args) > 0 ? null : `{{${inner}}} needs a length from 1 to 9999`;
  if (name === "choice") return args === "" ? `{{${inner}}} needs words separated by |` : null;
  if (name === "random") {
    const match = /^(\d{1,15}):(\d{1,15})$/.exec(args);
    return match !== null && Number(match[1]) <= Number(match[2])
      ? null
      : `{{${inner}}} needs two bounds, {{random:1:100}}`;
  }
  return `{{${inner}}} is not a placeholder; there are counter, random, hex, uuid and choice`;
}

/** The request of a class, ready to be written again and again. */
export class RequestTemplate implements RequestSource {
  bytes: Uint8Array;
  length: number;
  readonly expectsNoBody: boolean;
  /** Set before each send by whoever checks answers. */
  inspector: AnswerInspector | null = null;
  private readonly head: Segment[];
  private readonly body: Segment[];
  private readonly bodyScratch: Uint8Array;
  private readonly isFixed: boolean;
  private readonly lengthAt: number;

  constructor(
    plan: PlanClass,
    options: { readonly authority: string; readonly keepsAlive: boolean },
    source: TemplateSource,
  ) {
    this.expectsNoBody = plan.method === "HEAD";
    const hasField = (name: string): boolean => plan.headers.some(([key]) => key.toLowerCase() === name);
    let start = `${plan.method} ${plan.path} HTTP/1.1\r\n`;
    if (!hasField("host")) start += `Host: ${options.authority}\r\n`;
    for (const [name, value] of plan.headers) start += `${name}: ${value}\r\n`;
    if (!options.keepsAlive && !hasField("connection")) start += "Connection: close\r\n";
    const hasBody = plan.body !== null && !hasField("content-length") && !hasField("transfer-encoding");
    this.head = segmentsOf(hasBody ? `${start}Content-Length: ` : start, source);
    this.lengthAt = hasBody ? this.head.length : -1;
    this.body = bodySegments(plan.body, source);
    this.isFixed = areFixed(this.head) && areFixed(this.body);
    const bodyBytesMax = bytesMaxOf(this.body);
    const headBytesMax = bytesMaxOf(this.head);
    this.bodyScratch = new Uint8Array(bodyBytesMax);
    this.bytes = new Uint8Array(headBytesMax + bodyBytesMax + 24);
    this.length = 0;
    if (this.isFixed) this.write();
  }

  /** Makes `bytes` and `length` the next request. */
  render(): void {
    if (!this.isFixed) this.write();
  }

  private write(): void {
    let bodyLength = 0;
    for (let index = 0; index < this.body.length; index++)
      bodyLength = this.body[index]!.write(this.bodyScratch, bodyLength);
    let at = 0;
    for (let index = 0; index < this.head.length; index++) at = this.head[index]!.write(this.bytes, at);
    if (this.lengthAt >= 0) {
      at = writeDecimal(bodyLength, this.bytes, at);
      this.bytes[at++] = 13;
      this.bytes[at++] = 10;
    }
    this.bytes[at++] = 13;
    this.bytes[at++] = 10;
    this.length = copyBytes(this.bodyScratch, 0, bodyLength, this.bytes, at);
  }
}

/** The templates of a process's share: its counters and random values never meet those of another. */
export function requestTemplates(plan: LoadPlan, share: ProcessShare, random: Random): RequestTemplate[] {
  const options = { authority: authorityOf(plan.target), keepsAlive: plan.reusesConnections };
  const source = templateSource(share, random);
  return plan.classes.map((each) => new RequestTemplate(each, options, source));
}

export function templateSource(share: ProcessShare, random: Random): TemplateSource {
  return { random, counterStart: share.process, counterStep: share.processesCount };
}

/** Host and port as requests name them. */
export function authorityOf(target: PlanTarget): string {
  const host = target.host.includes(":") ? `[${target.host}]` : target.host;
  return target.port === (target.isSecure ? 443 : 80) ? host : `${host}:${target.port}`;
}

/** The segments of a body: text is a template, bytes stay as they are. */
export function bodySegments(body: string | Uint8Array | null, source: TemplateSource): Segment[] {
  if (body === null) return [];
  return typeof body === "string" ? segmentsOf(body, source) : [fixed(body)];
}

export function bytesMaxOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + segment.bytesMax, 0);
}

export function areFixed(segments: readonly Segment[]): boolean {
  return segments.every((segment) => segment instanceof FixedSegment);
}

export function segmentsOf(text: string, source: TemplateSource): Segment[] {
  const segments: Segment[] = [];
  let from = 0;
  for (const match of text.matchAll(placeholder)) {
    if (match.index > from) segments.push(fixed(encoder.encode(text.slice(from, match.index))));
    segments.push(segmentOf(match[1]!, source));
    from = match.index + match[0].length;
  }
  if (from < text.length) segments.push(fixed(encoder.encode(text.slice(from))));
  return segments;
}

function segmentOf(inner: string, source: TemplateSource): Segment {
  const problem = placeholderProblem(inner);
  if (problem !== null) throw new WeirError("load.template", problem, { hint: "see docs/load.md, Templates" });
  const [name, ...args] = inner.trim().split(":");
  switch (name) {
    case "counter":
      return new CounterSegment(Number(args[0] ?? "1") + source.counterStart, source.counterStep);
    case "random":
      return new RandomSegment(Number(args[0]), Number(args[1]), source.random);
    case "hex":
      return new HexSegment("x".repeat(Number(args[0])), source.random);
    case "uuid":
      return new HexSegment("xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx", source.random);
    default:
      return new ChoiceSegment(args.join(":").split("|"), source.random);
  }
}

class FixedSegment implements Segment {
  readonly bytesMax: number;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.bytesMax = bytes.length;
  }

  write(target: Uint8Array, at: number): number {
    return copyBytes(this.bytes, 0, this.bytesMax, target, at);
  }
}

function fixed(bytes: Uint8Array): Segment {
  return new FixedSegment(bytes);
}

class CounterSegment implements Segment {
  readonly bytesMax = 16;
  private next: number;
  private readonly step: number;

  constructor(first: number, step: number) {
    this.next = first;
    this.step = step;
  }

  write(target: Uint8Array, at: number): number {
    const value = this.next;
    this.next += this.step;
    return writeDecimal(value, target, at);
  }
}

class RandomSegment implements Segment {
  readonly bytesMax = 16;
  private readonly lowest: number;
  private readonly span: number;
  private readonly random: Random;

  constructor(lowest: number, highest: number, random: Random) {
    this.lowest = lowest;
    this.span = highest - lowest + 1;
    this.random = random;
  }

  write(target: Uint8Array, at: number): number {
    return writeDecimal(this.lowest + this.random.below(this.span), target, at);
  }
}

/** Random digits in a pattern: x any hexadecimal digit, y one of 8 9 a b, the rest as it is. */
class HexSegment implements Segment {
  readonly bytesMax: number;
  private readonly pattern: Uint8Array;
  private readonly random: Random;

  constructor(pattern: string, random: Random) {
    this.pattern = encoder.encode(pattern);
    this.bytesMax = this.pattern.length;
    this.random = random;
  }

  write(target: Uint8Array, at: number): number {
    let bits = 0;
    let bitsLeft = 0;
    for (let index = 0; index < this.pattern.length; index++) {
      const letter = this.pattern[index]!;
      if (letter !== 120 && letter !== 121) {
        target[at++] = letter;
        continue;
      }
      if (bitsLeft === 0) {
        bits = this.random.uint32();
        bitsLeft = 32;
      }
      const digit = letter === 120 ? bits & 15 : 8 | (bits & 3);
      bits >>>= 4;
      bitsLeft -= 4;
      target[at++] = digit < 10 ? 48 + digit : 87 + digit;
    }
    return at;
  }
}

class ChoiceSegment implements Segment {
  readonly bytesMax: number;
  private readonly words: Uint8Array[];
  private readonly random: Random;

  constructor(words: readonly string[], random: Random) {
    this.words = words.map((word) => encoder.encode(word));
    this.bytesMax = Math.max(...this.words.map((word) => word.length));
    this.random = random;
  }

  write(target: Uint8Array, at: number): number {
    const word = this.words[this.random.below(this.words.length)]!;
    return copyBytes(word, 0, word.length, target, at);
  }
}
