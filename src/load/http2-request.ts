/**
 * @hot
 * A request of HTTP/2. What is rendered are the values of its fields and its body; the field block is encoded when it is sent,
 * for it depends on what the connection has sent before (HPACK).
 */
import { type Random, writeDecimal } from "../base/mod.ts";
import { fieldNames, type HpackEncoder, type Output } from "../protocols/mod.ts";
import type { LoadPlan, PlanClass, ProcessShare } from "./plan.ts";
import type { AnswerInspector, RequestSource } from "./protocol-client.ts";
import {
  areFixed,
  authorityOf,
  bodySegments,
  bytesMaxOf,
  type Segment,
  segmentsOf,
  type TemplateSource,
  templateSource,
} from "./template.ts";

/** A text of the request: what it is made of, and where it lies once it is rendered. */
class RenderedText {
  start = 0;
  end = 0;
  readonly segments: readonly Segment[];

  constructor(segments: readonly Segment[]) {
    this.segments = segments;
  }

  write(target: Uint8Array, at: number): number {
    this.start = at;
    this.end = at;
    for (let index = 0; index < this.segments.length; index++) {
      this.end = this.segments[index]!.write(target, this.end);
    }
    return this.end;
  }
}

/** A field: the number its name has among the known ones (0 where it has none), name and value. */
interface RenderedField {
  readonly id: number;
  readonly name: RenderedText;
  readonly value: RenderedText;
}

/** Digits of a body's length. */
const lengthBytesMax = 16;

export class Http2Request implements RequestSource {
  /** Values and body, one after the other. */
  readonly bytes: Uint8Array;
  /** Bytes the request took on the wire when it was sent last. */
  length = 0;
  readonly expectsNoBody: boolean;
  inspector: AnswerInspector | null = null;
  readonly body: RenderedText;
  private readonly isSecure: boolean;
  private readonly method: RenderedText;
  private readonly path: RenderedText;
  private readonly authority: RenderedText;
  private readonly fields: readonly RenderedField[];
  /** Content-Length, which is written last; null without a body. */
  private readonly lengthField: RenderedField | null;
  private readonly isFixed: boolean;

  constructor(
    plan: PlanClass,
    options: { readonly authority: string; readonly isSecure: boolean },
    source: TemplateSource,
  ) {
    this.expectsNoBody = plan.method === "HEAD";
    this.isSecure = options.isSecure;
    const text = (value: string): RenderedText => new RenderedText(segmentsOf(value, source));
    const named = plan.headers.map(([name, value]) => [name.toLowerCase(), value] as const);
    const host = named.find(([name]) => name === "host");
    this.method = text(plan.method);
    this.path = text(plan.path);
    this.authority = text(host === undefined ? options.authority : host[1]);
    this.body = new RenderedText(bodySegments(plan.body, source));
    const field = (name: string, value: string): RenderedField => ({
      id: Math.max(0, fieldNames.indexOf(name)),
      name: text(name),
      value: text(value),
    });
    this.fields = named.filter(([name]) => name !== "host").map(([name, value]) => field(name, value));
    const hasLength = plan.body !== null && !named.some(([name]) => name === "content-length");
    this.lengthField = hasLength ? field("content-length", "") : null;
    const values = this.fields.flatMap((each) => [each.name, each.value]);
    const texts = [this.method, this.path, this.authority, this.body, ...values];
    this.bytes = new Uint8Array(texts.reduce((sum, each) => sum + bytesMaxOf(each.segments), lengthBytesMax));
    this.isFixed = texts.every((each) => areFixed(each.segments));
    if (this.isFixed) this.write();
  }

  render(): void {
    if (!this.isFixed) this.write();
  }

  /** Appends the field block to the output, by the tables of a connection. */
  encode(hpack: HpackEncoder, output: Output): void {
    const { bytes, method, path, authority, fields } = this;
    hpack.begin(output);
    hpack.method(output, bytes, method.start, method.end);
    hpack.scheme(output, this.isSecure);
    hpack.authority(output, bytes, authority.start, authority.end);
    hpack.path(output, bytes, path.start, path.end);
    for (let index = 0; index < fields.length; index++) {
      const { id, name, value } = fields[index]!;
      hpack.field(output, id, bytes, name.start, name.end, value.start, value.end, 0);
    }
    if (this.lengthField === null) return;
    const { id, value } = this.lengthField;
    hpack.field(output, id, bytes, 0, 0, value.start, value.end, 0);
  }

  private write(): void {
    const { bytes, fields } = this;
    let at = this.method.write(bytes, 0);
    at = this.path.write(bytes, at);
    at = this.authority.write(bytes, at);
    for (let index = 0; index < fields.length; index++) {
      at = fields[index]!.name.write(bytes, at);
      at = fields[index]!.value.write(bytes, at);
    }
    at = this.body.write(bytes, at);
    if (this.lengthField === null) return;
    const { value } = this.lengthField;
    value.start = at;
    value.end = writeDecimal(this.body.end - this.body.start, bytes, at);
  }
}

/** @cold */
export function http2Requests(plan: LoadPlan, share: ProcessShare, random: Random): Http2Request[] {
  const options = { authority: authorityOf(plan.target), isSecure: plan.target.isSecure };
  const source = templateSource(share, random);
  return plan.classes.map((each) => new Http2Request(each, options, source));
}
