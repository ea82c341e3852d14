/**
 * What is wrong with a gateway, in words: the figures of a soak, read as an engineer would read them. Each defect has a sign
 * that the others lack, so that a failed indicator names its cause and not only its number.
 */
import { defineMessages } from "../../base/mod.ts";
import type { ErrorCounts } from "../../load/mod.ts";
import { formatNumber } from "../format.ts";
import { plainText, type Text, textOf } from "../text.ts";
import { isLeak } from "./growth.ts";

const messages = defineMessages({
  dropped: {
    en: "requests are dropped: {count} (1 in {every}) were sent and never answered",
    zh: "丢弃请求：{count} 个（每 {every} 个中 1 个）已发送但从未应答",
  },
  cut: {
    en: "connections are cut: {count} requests (1 in {every}) lost theirs before the answer ({kinds})",
    zh: "连接被切断：{count} 个请求（每 {every} 个中 1 个）在应答前失去连接（{kinds}）",
  },
  refused: {
    en: "requests are turned away: {count} (1 in {every}) had an answer with the wrong status or content",
    zh: "请求被拒绝：{count} 个（每 {every} 个中 1 个）应答状态或内容不符",
  },
  leaking: {
    en: "memory leaks: it grows by {bytes} bytes with every request",
    zh: "内存泄漏：每个请求增长 {bytes} 字节",
  },
  slow: {
    en: "some answers are slow: half come within {p50} ms, but 1 in 100 takes {p99} ms or longer",
    zh: "部分应答缓慢：一半在 {p50} 毫秒内，但每 100 个中有 1 个达 {p99} 毫秒以上",
  },
});

export interface SoakSigns {
  readonly requests: number;
  readonly errors: ErrorCounts;
  /** Null where memory cannot be seen. */
  readonly leakBytesPerRequest: number | null;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const cutKinds = ["reset", "closed-unanswered", "closed-early"];
const droppedKinds = ["timeout"];
const refusedKinds = ["unexpected-status", "check-failed"];
/** A tail this many times the median, and above the goal, is not the spread of one kind of answer. */
const tailRatio = 20;
const tailMsMin = 10;

export function defectsOf({ requests, errors, leakBytesPerRequest, p50Ms, p99Ms }: SoakSigns): Text[] {
  const count = (kinds: readonly string[]): number => kinds.reduce((sum, kind) => sum + (errors[kind] ?? 0), 0);
  const found: Text[] = [];
  const add = (message: Text, kinds: readonly string[]): void => {
    const total = count(kinds);
    if (total === 0) return;
    const seen = kinds.filter((kind) => (errors[kind] ?? 0) > 0).join(", ");
    const every = formatNumber(Math.round(requests / total));
    found.push(textOf(message, { count: formatNumber(total), every, kinds: plainText(seen) }));
  };
  add(messages.dropped, droppedKinds);
  add(messages.cut, cutKinds);
  add(messages.refused, refusedKinds);
  const leak = leakBytesPerRequest ?? 0;
  if (isLeak(leak, requests)) found.push(textOf(messages.leaking, { bytes: formatNumber(leak) }));
  if (p99Ms > tailMsMin && p99Ms > p50Ms * tailRatio) {
    found.push(textOf(messages.slow, { p50: formatNumber(p50Ms), p99: formatNumber(p99Ms) }));
  }
  return found;
}
