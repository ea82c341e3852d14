/** What `weir prove` does: reads what was asked, shows progress, writes the report, and turns verdicts into an exit code. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { ExitCode, randomSeed, say, setLanguage, systemClock, WeirError } from "../base/mod.ts";
import {
  compareRuns,
  countsOf,
  type Experiment,
  experiments,
  formatFigure,
  formatSpan,
  type Indicator,
  indicatorEntry,
  keepAwake,
  mayGiveTurns,
  proveMessages as messages,
  overallVerdict,
  type ProfileName,
  profileNames,
  profiles,
  type ReportDocument,
  type RunFacts,
  readFingerprint,
  readIndicators,
  reportHtml,
  reportSchema,
  reportText,
  runSuite,
  type SuiteHooks,
  type SuiteResult,
  type TargetTls,
  type Text,
  useUnknown,
  verdictTable,
  weaknesses,
} from "../prove/mod.ts";
import type { ProveArguments } from "./prove-command.ts";

/** The article's rate. */
const soakPerSecondDefault = 80_000;

/** Each ends the run and keeps what it measured: a terminal that is closed must not cost an hour's soak. */
const endSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** As a word on the command line: every experiment that applies, also those that no indicator needs. */
const everything = "all";

interface Request {
  readonly words: readonly string[];
  readonly profile: ProfileName;
  readonly seed: number;
  readonly workersCount: number;
  readonly soakPerSecond: number;
  readonly kneePerSecond: number | null;
  readonly toleratesGenerator: boolean;
  readonly target: string | null;
  readonly tls: TargetTls;
  readonly previous: ReportDocument | null;
}

export async function runProveCommand(words: readonly string[], options: ProveArguments): Promise<ExitCode> {
  if (options.lang === "en" || options.lang === "zh") setLanguage(options.lang);
  else if (options.lang !== undefined) throw wrongValue("--lang", options.lang, "en or zh");
  const names = experiments.map(({ name }) => name);
  const indicators = readIndicators(names, options.indicators ?? null);
  if (options.list === true) return list(indicators);
  const out = options.out ?? "report";
  if (options.render !== undefined) return await render(options.render, out);
  const request = requestOf(words, options);
  const chosen = choose(request.words, indicators, request.target === null);
  const isQuiet = options.json === true;
  const print = (text: string): void => void (isQuiet ? process.stderr : process.stdout).write(`${text}\n`);
  const document = await run(request, chosen, options.pid.map(Number), print);
  const report = await write(document, out);
  if (isQuiet) process.stdout.write(`${JSON.stringify(document)}\n`);
  print(say(messages.written, { files: report.join(", ") }));
  if (document.run.isInterrupted) return ExitCode.interrupted;
  if (document.verdict === "fail") return ExitCode.thresholdFailed;
  return document.verdict === "pass" ? ExitCode.passed : ExitCode.couldNotMeasure;
}

interface Chosen {
  readonly experiments: readonly Experiment[];
  readonly indicators: readonly Indicator[];
}

async function run(
  request: Request,
  chosen: Chosen,
  processIds: readonly number[],
  print: (text: string) => void,
): Promise<ReportDocument> {
  const { profile, seed, workersCount, soakPerSecond, previous } = request;
  const startedAt = new Date(systemClock.wallMs()).toISOString();
  const beganMs = systemClock.monotonicMs();
  const machine = await readFingerprint({ isAwake: keepAwake() });
  const unknown =
    request.target === null ? null : await useUnknown({ url: request.target, processIds, tls: request.tls });
  const { processor, cores, kernel, runtime } = machine;
  const weak = weaknesses(machine, unknown === null || unknown.isLocal, mayGiveTurns());
  const target: RunFacts["target"] =
    unknown === null || request.target === null
      ? { kind: "weir", name: "Weir" }
      : { kind: "unknown", name: unknown.name, url: request.target, tls: request.tls };
  print(say(messages.machine, { processor, cores, kernel, runtime }));
  print(say(messages.target, { name: target.name }));
  print(say(messages.seed, { profile, seed }));
  for (const text of weak) print(say(messages.warning, { text: say(text) }));
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort();
  for (const name of endSignals) process.once(name, onSignal);
  const { kneePerSecond, toleratesGenerator } = request;
  // With a knee of their own they hold shares of it.
  const heldBefore = kneePerSecond === null ? (previous?.run.heldPerSecond ?? {}) : {};
  const limits = { soakPerSecond, workersCount, kneePerSecond, heldBefore, toleratesGenerator };
  const options = { profile: profiles[profile], seed, machine, unknown, ...limits };
  const suite = await runSuite(
    { ...options, signal: interrupt.signal },
    chosen.experiments,
    chosen.indicators,
    hooksOf(print),
  ).finally(() => {
    for (const name of endSignals) process.off(name, onSignal);
  });
  const tookSeconds = (systemClock.monotonicMs() - beganMs) / 1000;
  printVerdicts(suite, tookSeconds, print);
  const command = commandOf(request);
  const { isInterrupted, generatorCeiling, heldPerSecond, results, verdicts } = suite;
  const facts: RunFacts = {
    ...{ startedAt, tookSeconds, profile, seed, target, workersCount, soakPerSecond, command },
    ...{ isInterrupted, machine, weaknesses: weak, generatorCeiling, heldPerSecond },
  };
  return {
    schema: reportSchema,
    run: facts,
    verdict: overallVerdict(verdicts, results),
    indicators: verdicts.map(indicatorEntry),
    experiments: results,
    comparison: previous === null ? null : compareRuns(previous.run.startedAt, previous.experiments, results),
  };
}

function hooksOf(print: (text: string) => void): SuiteHooks {
  const left = (seconds: number): string => say(messages.timeLeft, { left: say(formatSpan(seconds)) });
  return {
    onBegin: ({ title }, index, count, seconds) =>
      print(`\n${say(messages.begins, { index: index + 1, count, title: say(title) })} (${left(seconds)})`),
    onStep: (text, seconds) => print(say(messages.step, { text: say(text), left: left(seconds) })),
    onEnd: ({ status, figures, limiter, reason, notes }) => {
      for (const { title, value, unit, interval, reason: why } of Object.values(figures)) {
        if (value === null) {
          if (why !== null && reason === null) print(say(messages.noFigure, { title: say(title), why: say(why) }));
          continue;
        }
        const range =
          interval === null ? "" : ` [${formatFigure(interval[0], unit)} .. ${formatFigure(interval[1], unit)}]`;
        const because = why === null ? "" : ` (${say(why)})`;
        print(say(messages.figure, { title: say(title), value: formatFigure(value, unit) + range + because }));
      }
      for (const note of notes) print(say(messages.warning, { text: say(note) }));
      const why = status === "measured" ? messages.reservation : messages.reason;
      if (reason !== null) print(say(why, { text: say(reason) }));
      if (limiter !== null) print(say(messages.limiter, { text: say(limiter) }));
    },
  };
}

function printVerdicts({ verdicts, isInterrupted }: SuiteResult, seconds: number, print: (text: string) => void): void {
  const hasColour = process.stdout.isTTY === true && !process.env["NO_COLOR"];
  if (isInterrupted) print(say(messages.interrupted));
  print(`\n${verdictTable(verdicts, hasColour, process.stdout.columns ?? 120)}\n`);
  print(say(messages.took, { counts: say(countsOf(verdicts)), took: say(formatSpan(seconds)) }));
}

function requestOf(words: readonly string[], options: ProveArguments): Request {
  const previous = options.repeat === undefined ? null : readReport(options.repeat);
  const before = previous?.run;
  const profile = options.profile ?? before?.profile ?? "quick";
  if (!(profileNames as readonly string[]).includes(profile)) {
    throw wrongValue("--profile", profile, profileNames.join(", "));
  }
  const asBefore = options.target === undefined ? before?.target : undefined;
  return {
    words: words.length > 0 ? words : (previous?.experiments.map(({ name }) => name) ?? []),
    profile: profile as ProfileName,
    seed: numberOf("--seed", options.seed) ?? before?.seed ?? randomSeed(),
    workersCount: numberOf("--workers", options.workers) ?? before?.workersCount ?? defaultWorkers(),
    soakPerSecond: numberOf("--rate", options.rate) ?? before?.soakPerSecond ?? soakPerSecondDefault,
    kneePerSecond: numberOf("--knee", options.knee),
    toleratesGenerator: isTolerant(options.health),
    target: options.target ?? asBefore?.url ?? null,
    tls: {
      verifies: options.insecure !== true && asBefore?.tls?.verifies !== false,
      authorityFile: options.cacert ?? asBefore?.tls?.authorityFile ?? null,
    },
    previous,
  };
}

/** The other half is left to the generator and the upstream, which run beside it. */
function defaultWorkers(): number {
  return Math.max(1, Math.floor(availableParallelism() / 2));
}

/** Experiments by name or by the id of an indicator; indicators of what was not chosen are left out. */
function choose(words: readonly string[], indicators: readonly Indicator[], isWeir: boolean): Chosen {
  const applicable = experiments.filter(({ needs }) => isWeir || needs === "any");
  if (words.includes(everything)) return { experiments: applicable, indicators };
  if (words.length === 0) {
    const wanted = new Set(indicators.map(({ scenario }) => scenario));
    return { experiments: applicable.filter(({ name }) => wanted.has(name)), indicators };
  }
  const names = new Set(
    words.map((word) => {
      const indicator = indicators.find(({ id }) => id.toLowerCase() === word.toLowerCase());
      const name = indicator?.scenario ?? word;
      if (applicable.some((experiment) => experiment.name === name)) return name;
      const known = experiments.some((experiment) => experiment.name === name);
      throw new WeirError("prove.experiment", `there is no experiment "${word}"${known ? " for any gateway" : ""}`, {
        hint: `there are: ${applicable.map((experiment) => experiment.name).join(", ")}`,
      });
    }),
  );
  return {
    experiments: applicable.filter(({ name }) => names.has(name)),
    indicators: indicators.filter(({ scenario }) => scenario !== null && names.has(scenario)),
  };
}

function commandOf(request: Request): string {
  const { words, profile, seed, workersCount, soakPerSecond, kneePerSecond, target, tls } = request;
  const parts = ["./weir prove", ...words];
  if (target !== null) parts.push(`--target ${target}`);
  if (!tls.verifies) parts.push("--insecure");
  if (tls.authorityFile !== null) parts.push(`--cacert ${tls.authorityFile}`);
  parts.push(`--profile ${profile}`, `--seed ${seed}`);
  if (workersCount !== defaultWorkers()) parts.push(`--workers ${workersCount}`);
  if (soakPerSecond !== soakPerSecondDefault) parts.push(`--rate ${soakPerSecond}`);
  if (kneePerSecond !== null) parts.push(`--knee ${kneePerSecond}`);
  if (request.toleratesGenerator) parts.push("--health warn");
  return parts.join(" ");
}

async function write(document: ReportDocument, folder: string): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const files = [join(folder, "report.html"), join(folder, "report.json")] as const;
  writeFileSync(files[0], await reportHtml(document));
  writeFileSync(files[1], reportText(document));
  return [...files];
}

async function render(file: string, folder: string): Promise<ExitCode> {
  const document = readReport(file);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "report.html");
  writeFileSync(path, await reportHtml(document));
  console.log(say(messages.written, { files: path }));
  return ExitCode.passed;
}

function readReport(file: string): ReportDocument {
  let document: ReportDocument;
  try {
    document = JSON.parse(readFileSync(file, "utf8")) as ReportDocument;
  } catch (error) {
    throw new WeirError("prove.report", `${file} cannot be read as a report`, { hint: String(error), cause: error });
  }
  if (document.schema === reportSchema) {
    const held = Object.entries(document.run.heldPerSecond ?? {}).find(([, rate]) => !(rate > 0 && rate < 1e9));
    if (held === undefined) return document;
    const [name, rate] = held;
    throw new WeirError("prove.report", `${file}: run.heldPerSecond.${name} is ${JSON.stringify(rate)}`, {
      hint: "it is a rate per second; take a report as weir prove wrote it",
    });
  }
  throw new WeirError("prove.report", `${file} is no report of weir prove`, { hint: `its schema is ${reportSchema}` });
}

function list(indicators: readonly Indicator[]): ExitCode {
  const row = (name: string, title: Text): string => `  ${name.padEnd(12)} ${say(title)}`;
  console.log(experiments.map(({ name, title }) => row(name, title)).join("\n"));
  console.log(
    `\n${indicators.map(({ id, title, scenario }) => row(id, title) + (scenario ? ` (${scenario})` : "")).join("\n")}`,
  );
  return ExitCode.passed;
}

function numberOf(option: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw wrongValue(option, text, "a whole number");
}

function isTolerant(health: string | undefined): boolean {
  if (health === undefined || health === "void" || health === "warn") return health === "warn";
  throw wrongValue("--health", health, "void or warn");
}

function wrongValue(option: string, found: string, wanted: string): WeirError {
  return new WeirError("prove.option", `${option} ${found} cannot be used`, { hint: `it takes ${wanted}` });
}
