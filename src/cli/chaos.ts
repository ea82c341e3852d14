/** What `weir chaos` does. */
import { constants } from "node:os";
import { ExitCode, say, WeirError } from "../base/mod.ts";
import {
  addressOf,
  askControl,
  type ControlAnswer,
  clockEnvironment,
  FaultProxy,
  findClockFile,
  formatOffset,
  killProcess,
  listenAddressOf,
  messages,
  newClockFile,
  parseFault,
  parseOffset,
  pauseProcess,
  playTimeline,
  processTarget,
  readScenario,
  startControl,
  type TimelineEvent,
} from "../chaos/mod.ts";
import { formatDuration, parseDurationMs } from "../config/mod.ts";
import type { ClockArguments, ControlArguments, ProcessArguments, ProxyArguments } from "./chaos-command.ts";

export async function runProxy(options: ProxyArguments): Promise<ExitCode> {
  const scenario = options.scenario === undefined ? null : readScenario(options.scenario);
  const listen = options.listen === undefined ? (scenario?.listen ?? null) : listenAddressOf(options.listen);
  const upstream = options.upstream === undefined ? (scenario?.upstream ?? null) : addressOf(options.upstream);
  if (listen === null || upstream === null) throw addressMissing(listen === null ? "--listen" : "--upstream");
  const seed = seedOf(options.seed) ?? scenario?.seed ?? null;
  const first = (options.fault ?? []).map((text) => parseFault(text));
  const proxy = new FaultProxy({ listen, upstream, ...(seed !== null && { seed }) });
  const interrupt = interruptSignal();
  let control: { address: string; stop(): void } | null = null;
  try {
    first.forEach((fault, index) => {
      proxy.set(`${fault.kind}-${index + 1}`, fault);
    });
    control = options.control === "off" ? null : startControl(proxy, listenAddressOf(options.control));
    printStart(proxy, control?.address ?? null, options.json === true);
    if (scenario !== null) {
      await playTimeline(
        proxy,
        scenario.timeline,
        (event) => printEvent(event, options.json === true),
        interrupt.signal,
      );
    }
    if (options.exit !== true || scenario === null) await interrupt.fired;
    if (options.json === true) console.log(JSON.stringify({ event: "ended", ...proxy.snapshot() }));
    else console.log(stateText(proxy.snapshot()));
    return ExitCode.passed;
  } finally {
    interrupt.end();
    control?.stop();
    proxy.stop();
  }
}

export async function runControl(
  method: "GET" | "PUT" | "DELETE",
  name: string | null,
  body: string | null,
  options: ControlArguments,
): Promise<ExitCode> {
  if (body !== null) parseFault(body);
  const answer = await askControl(options.control, method, name, body);
  if (options.json === true) console.log(JSON.stringify(answer));
  else if (answer.ended === undefined) console.log(`${stateText(answer)}\n${faultsText(answer)}`);
  else console.log(say(messages.faultCleared, { names: answer.ended.join(", ") || "-" }));
  return ExitCode.passed;
}

export async function runPause(text: string, options: ProcessArguments): Promise<ExitCode> {
  const forMs = durationOf(options.for ?? "5s");
  const target = processTarget(text);
  const interrupt = interruptSignal();
  try {
    await sleep(durationOf(options.after ?? "0"), interrupt.signal);
    const { pid, command } = target;
    if (options.json !== true) console.log(say(messages.paused, { pid, command, duration: formatDuration(forMs) }));
    const lived = await pauseProcess(target, forMs, interrupt.signal);
    if (options.json === true) console.log(JSON.stringify({ pid, command, pausedMs: forMs, lived }));
    else console.log(say(lived ? messages.resumed : messages.ended, { pid }));
    return interrupt.signal.aborted ? ExitCode.interrupted : ExitCode.passed;
  } finally {
    interrupt.end();
  }
}

export async function runKill(text: string, options: ProcessArguments): Promise<ExitCode> {
  const signal = `SIG${(options.signal ?? "KILL").replace(/^SIG/, "")}` as NodeJS.Signals;
  if (!Object.hasOwn(constants.signals, signal)) throw wrongOption("--signal KILL, TERM, SEGV", signal);
  const target = processTarget(text);
  const interrupt = interruptSignal();
  try {
    await sleep(durationOf(options.after ?? "0"), interrupt.signal);
    if (interrupt.signal.aborted) return ExitCode.interrupted;
    const wasThere = killProcess(target, signal);
    const { pid, command } = target;
    if (options.json === true) console.log(JSON.stringify({ pid, command, signal, wasThere }));
    else console.log(say(messages.killed, { pid, command, signal }));
    return ExitCode.passed;
  } finally {
    interrupt.end();
  }
}

/** The program's exit code becomes this command's. */
export async function runClock(command: string[], options: ClockArguments): Promise<number> {
  const offsetMs = parseOffset(options.offset ?? "0");
  const file = newClockFile(options.file ?? null);
  try {
    file.set(offsetMs);
    const env = { ...process.env, ...clockEnvironment(file) };
    const child = Bun.spawn(command, { stdio: ["inherit", "inherit", "inherit"], env });
    const pass = (signal: NodeJS.Signals): void => child.kill(signal);
    process.on("SIGINT", pass);
    process.on("SIGTERM", pass);
    console.error(say(messages.clockRuns, { offset: formatOffset(offsetMs), file: file.path }));
    const code = await child.exited;
    process.off("SIGINT", pass);
    process.off("SIGTERM", pass);
    return code;
  } finally {
    file.remove();
  }
}

export function setClock(text: string, options: ClockArguments): ExitCode {
  const offsetMs = parseOffset(text);
  const file = findClockFile(options.file ?? null);
  file.set(offsetMs);
  if (options.json === true) console.log(JSON.stringify({ file: file.path, offsetMs }));
  else console.log(say(messages.clockSet, { offset: formatOffset(offsetMs), file: file.path }));
  return ExitCode.passed;
}

function printStart(proxy: FaultProxy, control: string | null, isJson: boolean): void {
  const snapshot = proxy.snapshot();
  if (isJson) {
    console.log(JSON.stringify({ event: "started", control, ...snapshot }));
    return;
  }
  const { listen, upstream, seed } = snapshot;
  console.log(say(messages.proxyListens, { listen, upstream }));
  if (control !== null) console.log(say(messages.proxyControl, { control }));
  console.log(`${say(messages.proxySeed, { seed })}\n${faultsText(snapshot)}`);
}

function printEvent(event: TimelineEvent, isJson: boolean): void {
  if (isJson) {
    console.log(JSON.stringify({ event: event.change, ...event }));
    return;
  }
  const values = { at: (event.atMs / 1000).toFixed(2), name: event.name, fault: event.fault };
  console.log(say(event.change === "began" ? messages.faultBegan : messages.faultEnded, values));
}

function faultsText({ faults }: Pick<ControlAnswer, "faults">): string {
  if (faults.length === 0) return say(messages.noFaults);
  return faults.map((each) => say(messages.faultSet, each)).join("\n");
}

function stateText({ listen, upstream, connections, bytes }: ControlAnswer): string {
  const { open, total, reset: resets } = connections;
  const { up, down, lost } = bytes;
  return say(messages.proxyState, { listen, upstream, open, total, resets, up, down, lost });
}

function seedOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const seed = Number(text);
  if (/^\d+$/.test(text) && seed <= 4_294_967_295) return seed;
  throw wrongOption("--seed 0 .. 4294967295", text);
}

function durationOf(text: string): number {
  const ms = text === "0" ? 0 : parseDurationMs(text);
  if (ms !== null) return ms;
  throw new WeirError("chaos.duration", say(messages.duration, { text }), { hint: say(messages.durationHint) });
}

function addressMissing(option: string): WeirError {
  return new WeirError("chaos.address", `${option}?`, { hint: say(messages.addressHint) });
}

function wrongOption(hint: string, text: string): WeirError {
  return new WeirError("chaos.option", `"${text}"?`, { hint });
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (ms === 0 || signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}

function interruptSignal(): { signal: AbortSignal; fired: Promise<void>; end: () => void } {
  const controller = new AbortController();
  const { promise: fired, resolve } = Promise.withResolvers<void>();
  const onSignal = (): void => {
    controller.abort();
    resolve();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  const end = (): void => {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  };
  return { signal: controller.signal, fired, end };
}
