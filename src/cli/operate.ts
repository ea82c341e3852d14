/** Asks a running gateway for its state or an operation, and prints the answer. */
import { ExitCode, say } from "../base/mod.ts";
import { formatDuration, formatSize } from "../config/mod.ts";
import { adminRequest, findAdmin, type OperationResult, type Status } from "../supervisor/mod.ts";
import { messages } from "./messages.ts";
import type { OperateName, OperateOptions } from "./operate-command.ts";

export async function operate(name: OperateName, file: string | null, options: OperateOptions): Promise<number> {
  const target = findAdmin({ admin: options.admin ?? null, file });
  const path = `/${name}${name === "restart" && options.force ? "?force=true" : ""}`;
  const { body } = await adminRequest(target, name === "status" ? "GET" : "POST", path);
  if (options.json) console.log(JSON.stringify(body, null, 2));
  if (name === "status") {
    if (!options.json) console.log(statusText(body as Status));
    return ExitCode.passed;
  }
  const result = body as OperationResult;
  if (!options.json) printResult(result);
  return result.ok ? ExitCode.passed : ExitCode.wrongUse;
}

function printResult(result: OperationResult): void {
  const { operation, revision, generation, tookMs } = result;
  const values = { operation, revision, generation, tookMs };
  if (result.ok) {
    const done = operation === "drain" ? messages.drainBegun : result.changed ? messages.done : messages.unchanged;
    console.log(say(done, values));
    return;
  }
  console.error(result.problems.map(({ text }) => text).join("\n"));
  console.error(say(messages.refused, values));
}

function statusText(status: Status): string {
  const { version, pid, state, revision, generation, configFile, connections, totals, lastOperation } = status;
  const uptime = formatDuration(Math.floor(status.uptimeSeconds) * 1000);
  const values = { version, pid, state, uptime, revision, generation, file: configFile ?? "-" };
  const lines = [say(status.isReady ? messages.statusReady : messages.statusNotReady, values)];
  for (const { name, address } of status.listeners) lines.push(say(messages.listens, { name, address }));
  if (status.metrics !== null) lines.push(say(messages.metrics, { address: `http://${status.metrics}/metrics` }));
  lines.push(
    say(messages.statusConnections, { ...connections, requests: totals.requests, crashes: status.crashes }),
    ...table([
      ["worker", "pid", "listeners", "generation", "state", "revision", "connections", "requests", "memory"],
      ...status.workers.map((worker) => [
        `${worker.worker}`,
        `${worker.pid}`,
        worker.listeners.join(" "),
        `${worker.generation}`,
        worker.state,
        `${worker.revision}`,
        `${worker.connections}`,
        `${worker.requests}`,
        formatSize(Math.round(worker.residentBytes / 1024 ** 2) * 1024 ** 2),
      ]),
    ]),
  );
  lines.push(...protectionText(status));
  if (lastOperation !== null && !lastOperation.ok) {
    lines.push(say(messages.lastRefused, { operation: lastOperation.operation, at: lastOperation.at }));
    lines.push(...lastOperation.problems.map(({ text }) => text));
  }
  return lines.join("\n");
}

/** Breakers, endpoints and clocks, as far as there is anything to say. */
function protectionText({ protection, policies, clock }: Status): string[] {
  const { breakers, endpoints } = protection;
  const lines: string[] = [];
  if (breakers.length > 0) {
    const rows = breakers.map(({ upstream, route, state, cause, forMs, calls, failed, slow, openingsTotal }) => [
      route === "" ? upstream : `${upstream} ${route}`,
      state,
      cause,
      seconds(forMs),
      `${calls}`,
      `${failed}`,
      `${slow}`,
      `${openingsTotal}`,
    ]);
    lines.push(...table([["breaker", "state", "cause", "for", "calls", "failed", "slow", "openings"], ...rows]));
  }
  if (endpoints.length > 0) {
    const rows = endpoints.map(({ upstream, endpoint, state, reason, forMs, weight, ejections }) => [
      `${upstream} ${endpoint}`,
      state,
      reason,
      seconds(forMs),
      weight.toFixed(2),
      `${ejections}`,
    ]);
    lines.push(...table([["endpoint", "state", "reason", "for", "weight", "ejections"], ...rows]));
  }
  lines.push(...policiesText(policies));
  if (clock.steps > 0 || clock.offsetSeconds !== 0 || policies.clock.state !== "ok") {
    const { state, cause, forMs } = policies.clock;
    const values = {
      ...{ offset: clock.offsetSeconds.toFixed(3), error: clock.errorSeconds.toFixed(3), steps: clock.steps },
      ...{ state, cause, for: seconds(forMs) },
    };
    lines.push(say(messages.statusClock, values));
  }
  return lines;
}

function policiesText({ admission, rateLimits, pressure }: Status["policies"]): string[] {
  const lines: string[] = [];
  if (admission.length > 0) {
    const rows = admission.map((one) => [
      one.upstream,
      one.policy,
      one.state,
      one.cause,
      seconds(one.forMs),
      one.limit >= unlimited ? "-" : `${one.limit}`,
      `${one.inFlight}`,
      Object.values(one.waiting).join("/"),
      `${one.refusedTotal}`,
    ]);
    const head = ["admission", "policy", "state", "cause", "for", "limit", "in flight", "waiting c/o/m/q", "refused"];
    lines.push(...table([head, ...rows]));
  }
  if (rateLimits.length > 0) {
    const rows = rateLimits.map(({ name, state, refusedTotal, agoMs }) => [
      name,
      state,
      `${refusedTotal}`,
      agoMs === null ? "-" : seconds(agoMs),
    ]);
    lines.push(...table([["rate limit", "state", "refused", "last ago"], ...rows]));
  }
  if (pressure.ratio > 0) {
    const { state, cause, forMs, ratio } = pressure;
    lines.push(
      ...table([
        ["pressure", "cause", "for", "ratio"],
        [state, cause, seconds(forMs), ratio.toFixed(2)],
      ]),
    );
  }
  return lines;
}

/** A gate without admission has no limit of its own; so many are not a limit. */
const unlimited = 1_000_000_000;

function seconds(ms: number): string {
  return ms === 0 ? "-" : `${(ms / 1000).toFixed(1)}s`;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );
}
