/** `weir tune`: kernel and process settings: explain, check, apply, measure. See docs/tune.md. */
import type { Command } from "commander";

export interface TuneArguments {
  readonly explain?: true;
  readonly apply?: true;
  readonly yes?: true;
  readonly undo?: string;
  readonly measure?: true;
  readonly machine?: true;
  readonly rounds: string;
  readonly run: string;
  readonly seed?: string;
  readonly root: string;
  readonly json?: true;
}

export function registerTune(program: Command): void {
  program
    .command("tune")
    .description("kernel and process settings: explain, check, apply, measure")
    .argument("[setting...]", "only these, by their names in the table")
    .option("--explain", "reasons and risks of all settings, not only of those to change")
    .option("--apply", "write what is to change, after asking; optional settings only when named")
    .option("--yes", "do not ask")
    .option("--undo <file>", "where the script that takes it back is written (default: weir-tune-undo-TIME.sh)")
    .option("--measure", "what each setting, and all together, is worth on this machine")
    .option("--machine", "measure what concerns the whole machine too: changed for seconds, then restored")
    .option("--rounds <count>", "pairs of runs for each setting", "6")
    .option("--run <duration>", "length of one run", "2s")
    .option("--seed <number>", "order of the runs, to repeat a measurement (default: drawn, and printed)")
    .option("--root <directory>", "look at the settings below another root", "/")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
Examples:
  weir tune
  weir tune --apply --yes --undo undo-tune.sh
  weir tune --measure net.core.somaxconn net.ipv4.tcp_tw_reuse --rounds 10

Exit codes: 0 all is good (or was written, or measured), 2 wrong use, 3 something is to change, or was refused,
4 could not measure, 130 interrupted`,
    )
    .action(async (names: string[], options: TuneArguments) => {
      const { runTune } = await import("./tune.ts");
      process.exitCode = await runTune(names, options);
    });
}
