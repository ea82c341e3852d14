import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WorkerImage } from "./worker-image.ts";

const folder = mkdtempSync(join(tmpdir(), "weir-image-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("workers start from the source until its image is built, and again when the source changes", async () => {
  const source = join(folder, "src");
  const entry = join(source, "worker.ts");
  mkdirSync(source);
  writeFileSync(entry, 'import { word } from "./word.ts";\nconsole.log(word satisfies string);\n');
  writeFileSync(join(source, "word.ts"), 'export const word: string = "one";\n');
  const image = new WorkerImage(entry, source, join(folder, "cache"));
  const run = (): string =>
    Bun.spawnSync([...image.command()])
      .stdout.toString()
      .trim();
  const isSource = (): boolean => image.command()[1] === entry;
  image.refresh();
  expect([isSource(), run()]).toEqual([true, "one"]);
  await image.settled();
  expect([isSource(), run()]).toEqual([false, "one"]);

  writeFileSync(join(source, "word.ts"), 'export const word: string = "second";\n');
  image.refresh();
  expect([isSource(), run()]).toEqual([true, "second"]);
  await image.settled();
  expect([isSource(), run()]).toEqual([false, "second"]);

  const next = new WorkerImage(entry, source, join(folder, "cache"));
  next.refresh();
  expect(next.command()).toEqual(image.command());
  next.distrust();
  expect(next.command()[1]).toBe(entry);
});

test("source that cannot be built is simply run as it is", async () => {
  const source = join(folder, "broken");
  const entry = join(source, "worker.ts");
  mkdirSync(source);
  writeFileSync(entry, "this is no program");
  const image = new WorkerImage(entry, source, join(folder, "cache"));
  image.refresh();
  await image.settled();
  expect(image.command()[1]).toBe(entry);
});
