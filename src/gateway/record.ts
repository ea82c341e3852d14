/** The last phase of a request: what happened, as counters, histograms and a line of the access log. @hot */
import { type AccessLog, accessLogLabels } from "../observe/mod.ts";
import type { Exchange } from "./exchange.ts";
import { unroutedSlot } from "./settings.ts";

export type AccessLogger = AccessLog;

const UNROUTED_LABELS = accessLogLabels("none", "none");

/** Counts an exchange that is over, and logs it when the log wants it. */
export function recordExchange(exchange: Exchange): void {
  const { context, routeIndex } = exchange;
  const nowMs = context.loop.nowMs;
  const latencyUs = (nowMs - exchange.startedMs) * 1000;
  const upstreamUs = exchange.sentAtMs === 0 ? -1 : (nowMs - exchange.sentAtMs) * 1000;
  const slot = routeIndex < 0 ? unroutedSlot : exchange.settings.slots[routeIndex]!;
  const statusClass = (exchange.status / 100) | 0;
  context.metrics.recordRequest(slot, exchange.outcome, statusClass, latencyUs, upstreamUs);
  context.metrics.addRequestBytes(slot, exchange.requestBytes, exchange.replyBytes);
  const log = context.accessLog;
  if (log?.wants(exchange.outcome) === true) logExchange(log, exchange, latencyUs, upstreamUs);
}

function logExchange(log: AccessLog, exchange: Exchange, latencyUs: number, upstreamUs: number): void {
  const record = log.record;
  record.clear();
  record.head = exchange.out;
  record.methodFrom = 0;
  record.methodTo = exchange.targetFrom > 0 ? exchange.targetFrom - 1 : 0;
  record.targetFrom = exchange.targetFrom;
  record.targetTo = exchange.targetTo;
  record.labels = exchange.routeIndex < 0 ? UNROUTED_LABELS : exchange.settings.labels[exchange.routeIndex]!;
  record.client = exchange.client!.clientAddress;
  record.endpoint = exchange.endpointName;
  record.status = exchange.status;
  record.outcomeCode = exchange.outcome;
  record.latencyUs = latencyUs;
  record.upstreamUs = upstreamUs;
  record.bytesIn = exchange.requestBytes;
  record.bytesOut = exchange.replyBytes;
  record.requestId = exchange.out;
  record.requestIdFrom = exchange.requestIdFrom;
  record.requestIdTo = exchange.requestIdTo;
  record.traceparent = exchange.out;
  record.traceparentFrom = exchange.traceFrom;
  log.write();
}
