import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const main = join(import.meta.dir, "main.ts");
const examples = join(import.meta.dir, "../../examples");

async function weir(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn([process.execPath, main, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

test("a right configuration is summed up, and the command passes", async () => {
  const { code, out, err } = await weir("check", join(examples, "minimal.yaml"));
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain("minimal.yaml is right");
  expect(out).toContain("public on 127.0.0.1:8080");
});

test("without a file the built-in configuration is checked", async () => {
  const { code, out } = await weir("check", "--json");
  expect([code, JSON.parse(out).ok]).toEqual([0, true]);
});

test("problems go to standard error with exit code 2, in the chosen language, and as JSON to standard output", async () => {
  const folder = mkdtempSync(join(tmpdir(), "weir-check-"));
  const file = join(folder, "wrong.yaml");
  writeFileSync(file, "wrokers: 1\n");
  try {
    const [plain, chinese, json] = await Promise.all([
      weir("check", file),
      weir("--lang", "zh", "check", file),
      weir("check", "--json", file),
    ]);
    expect([plain.code, plain.out]).toEqual([2, ""]);
    expect(plain.err).toContain(`${file}:1:1: there is no setting "wrokers" here`);
    expect(plain.err).toContain('did you mean "workers"?');
    expect(chinese.err).toContain("是否想写“workers”？");
    expect([json.code, JSON.parse(json.out).problems[0].path]).toEqual([2, "wrokers"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
