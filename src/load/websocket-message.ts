/**
 * @hot
 * A message of a WebSocket: the class's body, as one frame that is masked anew for every sending (RFC 6455 section 5.3). Text
 * bodies are text messages and may hold placeholders; bodies from files are binary ones.
 */
import type { Random } from "../base/mod.ts";
import { firstByte, frameHeadBytesMax, Opcode, putFrame } from "../protocols/mod.ts";
import type { LoadPlan, PlanClass, ProcessShare } from "./plan.ts";
import type { AnswerInspector, RequestSource } from "./protocol-client.ts";
import { bodySegments, bytesMaxOf, type Segment, type TemplateSource, templateSource } from "./template.ts";

export class WebSocketMessage implements RequestSource {
  /** The whole frame. */
  readonly bytes: Uint8Array;
  length = 0;
  readonly expectsNoBody = false;
  inspector: AnswerInspector | null = null;
  private readonly segments: readonly Segment[];
  private readonly payload: Uint8Array;
  private readonly first: number;
  private readonly random: Random;

  constructor(plan: PlanClass, source: TemplateSource) {
    this.segments = bodySegments(plan.body, source);
    this.payload = new Uint8Array(bytesMaxOf(this.segments));
    this.bytes = new Uint8Array(frameHeadBytesMax + this.payload.length);
    this.first = firstByte(typeof plan.body === "string" ? Opcode.text : Opcode.binary, true, false);
    this.random = source.random;
  }

  render(): void {
    let length = 0;
    for (let index = 0; index < this.segments.length; index++) {
      length = this.segments[index]!.write(this.payload, length);
    }
    this.length = putFrame(this.bytes, 0, this.first, this.payload, 0, length, true, this.random.uint32() | 0);
  }
}

/** @cold */
export function webSocketMessages(plan: LoadPlan, share: ProcessShare, random: Random): WebSocketMessage[] {
  const source = templateSource(share, random);
  return plan.classes.map((each) => new WebSocketMessage(each, source));
}
