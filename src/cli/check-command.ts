/** `weir check [file]`: validates a configuration and reports every problem at once. */
import type { Command } from "commander";

export function registerCheck(program: Command): void {
  program
    .command("check")
    .description("validate a configuration: every problem at once, with its place and what would be right")
    .argument("[file]", "the configuration; without it, the one that `weir serve` uses by itself")
    .option("--json", "print the result as JSON")
    .option("--print", "print the whole configuration, every default filled in, as JSON")
    .addHelpText("after", "\nExample:\n  weir check examples/minimal.yaml\n\nExit code 2 means there are problems.")
    .action(async (file: string | undefined, options: { json?: boolean; print?: boolean }) => {
      const { check } = await import("./check.ts");
      process.exitCode = check(file ?? null, { json: options.json === true, print: options.print === true });
    });
}
