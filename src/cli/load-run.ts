/** What `weir load` does: builds the plan, runs it with its screen, prints and saves the result. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ExitCode, WeirError } from "../base/mod.ts";
import {
  buildPlan,
  ClientProcesses,
  ceilingNotice,
  checkCeiling,
  type LoadPlan,
  type LoadResult,
  mergeResults,
  readResult,
  readScenario,
  reportHtml,
  runLoad,
  runSweep,
  Screen,
  styleFor,
  summaryText,
  sweepHtml,
  sweepText,
  verdictExitCode,
  withCeiling,
} from "../load/mod.ts";
import { parseLevels, planInputOf } from "./load-arguments.ts";
import type { LoadArguments } from "./load-command.ts";

export async function runLoadCommand(url: string | undefined, options: LoadArguments): Promise<ExitCode> {
  const { plan, failIf } = planOf(url, options);
  if (options.ceiling === true) checkCeiling(plan);
  // With --json the result alone goes to standard output; what people watch goes to the other stream.
  const stream = options.json === true ? process.stderr : process.stdout;
  const isTerminal = stream.isTTY === true;
  const style = styleFor(isTerminal);
  const write = (text: string): void => void stream.write(text);
  const interrupt = interruptSignal();
  const clients = new ClientProcesses();
  const run = (each: LoadPlan): Promise<LoadResult> => {
    const screen = new Screen(each, { write, isTerminal }, style);
    screen.opening();
    return runLoad(each, {
      signal: interrupt.signal,
      failIf,
      clients,
      onStart: (setup) => screen.started(setup),
      onSecond: (point, collector) => screen.second(point, collector),
    }).finally(() => screen.finish());
  };
  try {
    const levels = levelsOf(options);
    if (levels !== null) {
      const sweep = await runSweep(plan, levels, run, interrupt.signal);
      if (options.json === true) process.stdout.write(`${JSON.stringify(sweep)}\n`);
      else write(sweepText(sweep, style));
      if (options.out !== undefined) save(options.out, sweep, await sweepHtml(sweep), write);
      return sweep.runs.map((each) => verdictExitCode(each.verdict)).reduce(worse, ExitCode.passed);
    }
    let result = await run(plan);
    if (options.ceiling === true && !interrupt.signal.aborted) {
      write(`${ceilingNotice()}\n`);
      result = await withCeiling(result, plan, interrupt.signal);
    }
    if (options.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
    else write(`\n${summaryText(result, style)}`);
    if (options.out !== undefined) save(options.out, result, await reportHtml(result), write);
    return verdictExitCode(result.verdict);
  } finally {
    await clients.close();
    interrupt.end();
  }
}

export async function runMergeCommand(
  files: readonly string[],
  options: { out?: string; json?: boolean },
): Promise<ExitCode> {
  const result = mergeResults(files.map(readResult));
  if (options.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
  else process.stdout.write(summaryText(result, styleFor(process.stdout.isTTY === true)));
  const write = (text: string): void => void process.stderr.write(text);
  if (options.out !== undefined) save(options.out, result, await reportHtml(result), write);
  return verdictExitCode(result.verdict);
}

function planOf(url: string | undefined, options: LoadArguments): { plan: LoadPlan; failIf: string[] } {
  if (options.scenario !== undefined) {
    const { url: _own, request: _request, tls, ...changes } = planInputOf("http://unused/", options);
    const scenario = readScenario(options.scenario);
    const input = {
      ...scenario.input,
      ...changes,
      ...(url === undefined ? {} : { url }),
      ...(tls === undefined ? {} : { tls: { ...scenario.input.tls, ...tls } }),
    };
    return { plan: buildPlan(input), failIf: [...scenario.failIf, ...(options.failIf ?? [])] };
  }
  if (url === undefined) {
    throw new WeirError("load.no-target", "there is nothing to load", { hint: "give a URL, or --scenario FILE" });
  }
  return { plan: buildPlan(planInputOf(url, options)), failIf: options.failIf ?? [] };
}

function levelsOf(options: LoadArguments): { kind: "rate" | "connections"; values: number[] } | null {
  if (options.sweep !== undefined) return { kind: "rate", values: parseLevels("--sweep", options.sweep) };
  if (options.sweepConnections === undefined) return null;
  return { kind: "connections", values: parseLevels("--sweep-connections", options.sweepConnections) };
}

/** The first interrupt ends the run and keeps what was measured; the second ends the process. */
function interruptSignal(): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController();
  const onInterrupt = (): void => {
    if (controller.signal.aborted) process.exit(ExitCode.interrupted);
    controller.abort();
  };
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onInterrupt);
  return {
    signal: controller.signal,
    end: () => {
      process.off("SIGINT", onInterrupt);
      process.off("SIGTERM", onInterrupt);
    },
  };
}

function save(directory: string, result: unknown, html: string, write: (text: string) => void): void {
  try {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "result.json"), `${JSON.stringify(result)}\n`);
    writeFileSync(join(directory, "result.html"), html);
  } catch (error) {
    throw new WeirError("load.out", `the result cannot be written to ${directory}`, {
      hint: String(error),
      cause: error,
    });
  }
  write(`${join(directory, "result.json")}\n${join(directory, "result.html")}\n`);
}

/** A sweep is as good as its worst run; void is worse than failed, for it proves nothing. */
function worse(left: ExitCode, right: ExitCode): ExitCode {
  return Math.max(left, right) as ExitCode;
}
