/**
 * Runs every check of the project in order and ends with the line `N passed, N failed`.
 *
 * Types, format and lint count as one test each; the suites are run by `bun test` one folder of files at a time, so that
 * suites that measure or bind ports never run beside each other. Words on the command line select test files by path.
 */
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";

const root = join(import.meta.dir, "..");
const words = process.argv.slice(2);
let passed = 0;
let failed = 0;

if (words.length === 0) {
  await check("types", [process.execPath, "check"]);
  await check("format and lint", [join(root, "node_modules/.bin/biome"), "check", "."]);
}
const files = ["src", "test", "bench"]
  .flatMap(testFiles)
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)));
if (files.length === 0) {
  console.error(`no test file matches ${words.join(" ")}`);
  failed += 1;
}
for (const group of groups(files)) await suite(group);

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

async function check(name: string, command: string[]): Promise<void> {
  const child = Bun.spawn(command, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  const ok = (await child.exited) === 0;
  if (ok) passed += 1;
  else failed += 1;
  console.log(`${ok ? "ok" : "FAILED"}: ${name}`);
}

function testFiles(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return (readdirSync(join(root, folder), { recursive: true }) as string[])
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => join(folder, file))
    .sort();
}

/** Unit tests together, every file of `test/` and `bench/` by itself. */
function groups(all: string[]): string[][] {
  const unit = all.filter((file) => file.startsWith("src/"));
  const alone = all.filter((file) => !file.startsWith("src/")).map((file) => [file]);
  return unit.length === 0 ? alone : [unit, ...alone];
}

async function suite(group: string[]): Promise<void> {
  const child = Bun.spawn([process.execPath, "test", "--timeout", "120000", ...group.map((file) => `./${file}`)], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const code = await child.exited;
  const count = (word: string): number => Number(err.match(new RegExp(`^ *(\\d+) ${word}$`, "m"))?.[1] ?? 0);
  passed += count("pass");
  failed += count("fail");
  const ran = count("pass") + count("fail") > 0;
  if (code !== 0 && count("fail") === 0) failed += 1;
  const ok = code === 0 && ran;
  const name = group.length === 1 ? relative(".", group[0]!) : "unit tests";
  console.log(`${ok ? "ok" : "FAILED"}: ${name} (${count("pass")} passed, ${count("fail")} failed)`);
  if (!ok) console.log(`${out}\n${err}`);
}
