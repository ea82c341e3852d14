/**
 * Checks on answers beyond their status: fields, text in the body, its length. One inspector serves one slot and class. A body that must be searched is kept up to
 * 64 KiB; the rest of a longer one is not looked at. Classes without such checks have no inspector and pay nothing.
 */
import { Failure } from "./failures.ts";
import type { PlanChecks } from "./plan.ts";
import type { AnswerInspector } from "./protocol-client.ts";

const keptBytesMax = 65_536;

export class CheckInspector implements AnswerInspector {
  private readonly checks: PlanChecks;
  private kept: Buffer;
  private keptBytes = 0;
  private bodyBytes = 0;
  private hasFields = true;

  constructor(checks: PlanChecks) {
    this.checks = checks;
    this.kept = Buffer.alloc(0);
  }

  begin(): void {
    this.keptBytes = 0;
    this.bodyBytes = 0;
    this.hasFields = true;
  }

  head(bytes: Uint8Array, start: number, end: number): void {
    if (this.checks.fields.length === 0) return;
    const lines = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start)
      .toString("latin1")
      .split("\r\n");
    this.hasFields = this.checks.fields.every(({ name, value }) =>
      lines.some((line) => {
        const colon = line.indexOf(":");
        if (colon < 0 || line.slice(0, colon).toLowerCase() !== name.toLowerCase()) return false;
        return value === null || line.slice(colon + 1).trim() === value;
      }),
    );
  }

  body(bytes: Uint8Array, start: number, end: number): void {
    this.bodyBytes += end - start;
    if (this.checks.bodyContains.length === 0) return;
    const wanted = Math.min(keptBytesMax, this.keptBytes + end - start);
    if (this.kept.length < wanted) {
      const larger = Buffer.alloc(Math.min(keptBytesMax, Math.max(1024, wanted * 2)));
      this.kept.copy(larger, 0, 0, this.keptBytes);
      this.kept = larger;
    }
    const length = Math.min(this.kept.length - this.keptBytes, end - start);
    this.kept.set(bytes.subarray(start, start + length), this.keptBytes);
    this.keptBytes += length;
  }

  /** Whether the answer just read holds what it must. */
  passes(): boolean {
    const { bodyBytes, bodyContains } = this.checks;
    if (!this.hasFields) return false;
    if (bodyBytes !== null && bodyBytes !== this.bodyBytes) return false;
    if (bodyContains.length === 0) return true;
    const text = this.kept.toString("utf8", 0, this.keptBytes);
    return bodyContains.every((wanted) => text.includes(wanted));
  }
}

/** Judges the answers of all slots and classes; inspectors are made for the pairs that need one. */
export class Judge {
  private readonly checks: readonly PlanChecks[];
  private readonly looksInside: readonly boolean[];
  private readonly inspectors: CheckInspector[] = [];

  /** @param checks by class */
  constructor(checks: readonly PlanChecks[]) {
    this.checks = checks;
    this.looksInside = checks.map(
      ({ fields, bodyContains, bodyBytes }) => fields.length > 0 || bodyContains.length > 0 || bodyBytes !== null,
    );
  }

  /** What must see the next answer on a slot; null when its status alone decides. */
  inspectorOf(classIndex: number, slot: number): CheckInspector | null {
    if (!this.looksInside[classIndex]) return null;
    const index = slot * this.checks.length + classIndex;
    const known = this.inspectors[index];
    if (known !== undefined) return known;
    const inspector = new CheckInspector(this.checks[classIndex]!);
    this.inspectors[index] = inspector;
    return inspector;
  }

  /** Judges the answer that a slot has just read. */
  judge(classIndex: number, slot: number, status: number): Failure {
    const { statuses } = this.checks[classIndex]!;
    const isExpected = statuses.length === 0 ? status < 400 : statuses.includes(status);
    if (!isExpected) return Failure.unexpectedStatus;
    const inspector = this.inspectorOf(classIndex, slot);
    return inspector === null || inspector.passes() ? Failure.none : Failure.checkFailed;
  }
}
