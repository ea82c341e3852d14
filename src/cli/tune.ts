/** What `weir tune` does. */
import { ExitCode, language, Random, randomSeed, say, systemClock, WeirError } from "../base/mod.ts";
import { formatDuration, parseDurationMs } from "../config/mod.ts";
import {
  type Applied,
  apply,
  articleRows,
  bringUpLoopback,
  byHandOf,
  changesOf,
  inspect,
  inspectionText,
  isInsideNamespace,
  Machine,
  type MeasuredRow,
  measure,
  measurementText,
  messages,
  runInNamespace,
  runTrial,
  type Selection,
  selectMeasurable,
  settings,
  type TuneRow,
} from "../tune/mod.ts";
import type { TuneArguments } from "./tune-command.ts";

export async function runTune(names: string[], options: TuneArguments): Promise<number> {
  const unknown = names.find((name) => !settings.some(({ id }) => id === name));
  if (unknown !== undefined) {
    throw new WeirError("tune.setting", say(messages.unknownSetting, { id: unknown }), {
      hint: `${say(messages.unknownSettingHint)}: ${settings.map(({ id }) => id).join(", ")}`,
    });
  }
  if (options.measure === true) return runMeasure(names, options);
  const machine = new Machine(options.root);
  const rows = inspect(machine).filter(({ id }) => names.length === 0 || names.includes(id));
  if (options.apply === true) return runApply(machine, rows, names, options);
  if (options.json === true) console.log(JSON.stringify({ settings: rows.map(asJson) }));
  else console.log(`${inspectionText(rows, options.explain === true || names.length > 0)}\n${say(messages.applyHint)}`);
  return rows.some(({ state }) => state === "change") ? ExitCode.thresholdFailed : ExitCode.passed;
}

function runApply(
  machine: Machine,
  rows: readonly TuneRow[],
  names: readonly string[],
  options: TuneArguments,
): ExitCode {
  const changes = changesOf(rows, names);
  const byHand = byHandOf(rows, names);
  // With --json the result alone goes to standard output.
  const tell = options.json === true ? console.error : console.log;
  for (const { id, command } of byHand) tell(say(messages.byHand, { id, command }));
  if (changes.length === 0) {
    if (options.json === true) console.log(JSON.stringify({ applied: [], undo: null }));
    else if (byHand.length === 0) console.log(say(messages.nothingToChange));
    return byHand.length === 0 ? ExitCode.passed : ExitCode.thresholdFailed;
  }
  tell(inspectionText(changes, true));
  if (options.yes !== true && !isConfirmed(changes.length)) {
    tell(say(messages.notWritten));
    return ExitCode.interrupted;
  }
  const madeAt = new Date(systemClock.wallMs()).toISOString();
  const undo = options.undo ?? `weir-tune-undo-${madeAt.replace(/[:.]/g, "-")}.sh`;
  const applied = apply(machine, changes, undo, madeAt);
  if (options.json === true) console.log(JSON.stringify({ applied, undo }));
  else console.log([...applied.map(appliedText), say(messages.undo, { file: undo }), say(messages.lasting)].join("\n"));
  return applied.some(({ refused }) => refused !== null) ? ExitCode.thresholdFailed : ExitCode.passed;
}

function isConfirmed(count: number): boolean {
  if (process.stdin.isTTY !== true) {
    throw new WeirError("tune.cannot-ask", say(messages.cannotAsk), { hint: say(messages.cannotAskHint) });
  }
  return /^y(es)?$/i.test(prompt(say(messages.confirm, { count }))?.trim() ?? "");
}

function appliedText({ id, before, after, refused }: Applied): string {
  return refused === null
    ? say(messages.written, { id, before, after })
    : say(messages.refused, { id, reason: refused });
}

async function runMeasure(names: readonly string[], options: TuneArguments): Promise<number> {
  const rounds = Number(options.rounds);
  const runMs = parseDurationMs(options.run);
  if (!Number.isInteger(rounds) || rounds < 2 || rounds > 1000)
    throw wrong(say(messages.wrongCount, { text: options.rounds }));
  if (runMs === null || runMs < 500 || runMs > 60_000) throw wrong(say(messages.wrongDuration, { text: options.run }));
  if (!isInsideNamespace()) return runInNamespace([process.execPath, ...process.argv.slice(1)]);
  bringUpLoopback();
  const seed = options.seed === undefined ? randomSeed() : Number(options.seed);
  const machine = new Machine("/");
  const selection = selectMeasurable(inspect(machine), machine, names, options.machine === true);
  if (selection.rows.length === 0) {
    throw new WeirError("tune.nothing-to-measure", say(messages.nothingToMeasure), {
      hint: selection.left.map(({ row, reason }) => `${row.id}: ${say(reason)}`).join("; "),
      exitCode: ExitCode.couldNotMeasure,
    });
  }
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort();
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  const measured = await measure(selection.rows, {
    machine,
    random: new Random(seed),
    rounds,
    run: (workload, started) => runTrial(workload, started, { runMs, signal: interrupt.signal }),
    onProgress: progress(),
    signal: interrupt.signal,
  });
  const facts = { rounds, seconds: runMs / 1000, seed };
  if (options.json === true) console.log(JSON.stringify(measurementJson(measured, selection.left, facts)));
  else console.log(measurementText(measured, selection.left, facts));
  if (interrupt.signal.aborted) return ExitCode.interrupted;
  return measured.some(({ effect }) => effect === "not-measured") ? ExitCode.couldNotMeasure : ExitCode.passed;
}

/** One line on a terminal, a line each time elsewhere; the time left from the time so far. */
function progress(): (id: string, done: number, total: number) => void {
  const beganMs = systemClock.monotonicMs();
  return (id, done, total) => {
    const leftMs = done === 0 ? null : ((systemClock.monotonicMs() - beganMs) / done) * (total - done);
    const left = leftMs === null ? "?" : formatDuration(Math.ceil(leftMs / 1000) * 1000);
    const text = say(messages.measuring, { done: done + 1, total, id, left });
    process.stderr.write(
      process.stderr.isTTY === true ? `\r\x1b[K${text}${done + 1 === total ? "\n" : ""}` : `${text}\n`,
    );
  };
}

function measurementJson(measured: readonly MeasuredRow[], left: Selection["left"], facts: object): object {
  return {
    ...facts,
    measured,
    notMeasured: left.map(({ row, reason }) => ({ id: row.id, reason: say(reason) })),
    article: articleRows.map(({ setting, perSecond, gain }) => ({ setting: setting[language()], perSecond, gain })),
  };
}

function asJson({ why, risk, ...row }: TuneRow): object {
  return { ...row, why: say(why), risk: say(risk) };
}

function wrong(message: string): WeirError {
  return new WeirError("tune.measure", message, { hint: say(messages.wrongHint) });
}
