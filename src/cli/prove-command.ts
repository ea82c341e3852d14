/** `weir prove`: how much a gateway can take, and the proof. The work is in src/prove/. */
import type { Command } from "commander";

export interface ProveArguments {
  readonly target?: string;
  readonly cacert?: string;
  readonly insecure?: true;
  readonly pid: string[];
  readonly profile?: string;
  readonly out?: string;
  readonly json?: true;
  readonly indicators?: string;
  readonly repeat?: string;
  readonly render?: string;
  readonly seed?: string;
  readonly workers?: string;
  readonly rate?: string;
  readonly knee?: string;
  readonly health?: string;
  readonly list?: true;
  readonly lang?: string;
}

const many = (value: string, previous: string[]): string[] => [...previous, value];

const examples = `
Examples:
  weir prove                                   what the indicators need, in about five minutes
  weir prove knee burst                        these alone
  weir prove --target http://10.0.0.7:8080/    what applies to any gateway
  weir prove all --profile standard            every experiment, also those that no indicator needs
  weir prove soak --profile full --out results the 60-minute soak; an interrupt keeps what was measured
  weir prove --repeat report/report.json       the same again, and whether the figures agree

Exit codes: 0 all indicators pass, 3 one fails, 4 one could not be measured.`;

export function registerProve(program: Command): void {
  program
    .command("prove")
    .description("run experiments against Weir or any gateway; print verdicts; write report.html and report.json")
    .argument(
      "[experiment...]",
      "experiments, ids of indicators, or all; those of the indicators when left out (--list shows them)",
    )
    .option("--target <url>", "any gateway by its URL; without it Weir is started with its example upstream")
    .option("--cacert <file>", "authorities to trust for an https target, instead of the system's")
    .option("--insecure", "take any certificate of an https target")
    .option("--pid <id>", "a process of the target on this machine, to account for it; repeatable", many, [])
    .option("--profile <name>", "lengths: quick (five minutes), standard or full (with the 60-minute soak)")
    .option("--out <directory>", "where report.html and report.json go (default: report)")
    .option("--json", "print report.json, and nothing else, to standard output")
    .option("--indicators <directory>", "your own indicators as YAML files, beside Weir's")
    .option("--repeat <report>", "run what a report.json says again, and compare")
    .option("--render <report>", "write report.html from a report.json again, for example with --lang zh")
    .option("--seed <number>", "of everything random, to repeat a run")
    .option("--workers <count>", "worker processes of Weir (default: half the cores; the rest is the generator's)")
    .option("--rate <perSecond>", "rate of the soak (default 80000)")
    .option("--knee <perSecond>", "the knee as an earlier run found it, for experiments that build on it")
    .option("--health <how>", "void: runs limited by the generator prove nothing; warn: only say so (default void)")
    .option("--lang <language>", "language of the report: en or zh")
    .option("--list", "list experiments and indicators, and run none")
    .addHelpText("after", examples)
    .action(async (words: string[], options: ProveArguments) => {
      const { runProveCommand } = await import("./prove-run.ts");
      process.exitCode = await runProveCommand(words, options);
    });
}
