/** `weir test`: everything CI runs. The work is in `test/run.ts`, which counts and prints `N passed, N failed`. */
import { join } from "node:path";
import type { Command } from "commander";

export function registerTest(program: Command): void {
  program
    .command("test")
    .description("run everything CI runs: types, format, lint, tidy, unit, integration, small benchmarks")
    .argument("[path...]", "only the test files whose path contains one of these words")
    .addHelpText("after", "\nExample:\n  weir test http1")
    .action(async (paths: string[]) => {
      const script = join(import.meta.dir, "../../test/run.ts");
      const child = Bun.spawn([process.execPath, script, ...paths], { stdio: ["ignore", "inherit", "inherit"] });
      process.exitCode = await child.exited;
    });
}
