/**
 * `weir tune` as a user runs it: in a folder that looks like a machine, and in a network namespace of its own, where the
 * kernel's own settings are changed and taken back without touching the machine.
 */
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const main = join(import.meta.dir, "../../src/cli/main.ts");
const folder = mkdtempSync(join(tmpdir(), "weir-tune-command-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(...command: string[]): Promise<Ran> {
  const child = Bun.spawn(command, { stdio: ["ignore", "pipe", "pipe"] });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

const weir = (...words: string[]): Promise<Ran> => run(process.execPath, main, "tune", ...words);

function root(name: string, files: Readonly<Record<string, string>>): string {
  const path = join(folder, name);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, file)), { recursive: true });
    writeFileSync(join(path, file), text);
  }
  return path;
}

const unshare = ["unshare", "--net", ...(process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"])];
/** Some containers forbid network namespaces: the command must then say that it could not measure. */
const mayUnshare = Bun.which("unshare") !== null && Bun.spawnSync([...unshare, "true"]).exitCode === 0;

test("what is to change gives exit code 3, what is good 0", async () => {
  const file = "proc/sys/net/core/somaxconn";
  const poor = await weir("--root", root("poor", { [file]: "128\n" }), "net.core.somaxconn");
  expect(poor.code).toBe(3);
  expect(poor.out).toContain("sysctl -w net.core.somaxconn=65535");
  const good = await weir("--root", root("good", { [file]: "65535\n" }), "--json", "net.core.somaxconn");
  expect(good.code).toBe(0);
  expect(JSON.parse(good.out)).toMatchObject({
    settings: [{ id: "net.core.somaxconn", state: "good", current: "65535" }],
  });
});

test("--apply writes after the way back is on the disk, and asks unless told not to", async () => {
  const file = "proc/sys/net/ipv4/tcp_tw_reuse";
  const place = root("apply", { [file]: "2\n" });
  const undo = join(folder, "undo.sh");
  const asked = await weir("--root", place, "--apply", "--undo", undo);
  expect([asked.code, existsSync(undo)]).toEqual([2, false]);
  expect(asked.err).toContain("[tune.cannot-ask]");
  const { code, out } = await weir("--root", place, "--apply", "--yes", "--undo", undo, "--json");
  expect(code).toBe(0);
  expect(JSON.parse(out)).toEqual({
    applied: [{ id: "net.ipv4.tcp_tw_reuse", place: file, before: "2", after: "1", refused: null }],
    undo,
  });
  expect(readFileSync(join(place, file), "utf8")).toBe("1");
  expect((await run(undo)).code).toBe(0);
  expect(readFileSync(join(place, file), "utf8")).toBe("2\n");
});

test("the kernel takes the values in a namespace of its own, and gives them back", async () => {
  const undo = join(folder, "kernel-undo.sh");
  const names = ["net.core.somaxconn", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_migrate_req"];
  const files = names.map((name) => `/proc/sys/${name.replaceAll(".", "/")}`).join(" ");
  const apply = `${process.execPath} ${main} tune --apply --yes --json --undo ${undo} ${names.join(" ")}`;
  const script = `cat ${files}; ${apply} 2>/dev/null; cat ${files}; ${undo}; cat ${files}`;
  const { code, out, err } = await run(...unshare, "sh", "-c", script);
  expect([code, err]).toEqual([0, ""]);
  const lines = out.trim().split("\n");
  expect(lines.slice(4, 7)).toEqual(["65535", "10240\t65535", "1"]);
  expect(lines.slice(7)).toEqual(lines.slice(0, 3));
});

test("--measure compares against a real gateway, and the machine keeps its values", async () => {
  const file = "/proc/sys/net/ipv4/tcp_migrate_req";
  const before = readFileSync(file, "utf8");
  const { code, out, err } = await weir(
    "--measure",
    "net.ipv4.tcp_migrate_req",
    "--rounds",
    "2",
    "--run",
    "500ms",
    "--json",
  );
  if (!mayUnshare) {
    expect([code, err.includes("tune.no-namespace")]).toEqual([4, true]);
    return;
  }
  // Two pairs prove nothing, and the command says so.
  expect([code, err.includes("A/A")]).toEqual([4, true]);
  const { measured, article } = JSON.parse(out) as {
    measured: { id: string; rate: { ratio: { estimate: number } } }[];
    article: unknown[];
  };
  expect(measured.map(({ id }) => id)).toEqual(["A/A", "net.ipv4.tcp_migrate_req"]);
  for (const { rate } of measured) expect(rate.ratio.estimate).toBeGreaterThan(0);
  expect(article.length).toBe(3);
  expect(readFileSync(file, "utf8")).toBe(before);
});

test("wrong use gives exit code 2, and what cannot be measured 4", async () => {
  const runs = await Promise.all([
    weir("net.core.nothing"),
    weir("--measure", "--rounds", "1"),
    weir("--measure", "--run", "5"),
    weir(
      "--apply",
      "--yes",
      "--undo",
      "/no/such/folder/undo.sh",
      "--root",
      root("wrong", { "proc/sys/net/core/somaxconn": "1" }),
    ),
  ]);
  expect(runs.map(({ code }) => code)).toEqual([2, 2, 2, 2]);
  for (const { err } of runs) expect(err).toMatch(/\[tune\.[a-z-]+\]\n {6}\S/);
  const nothing = await weir("--measure", "net.ipv4.tcp_fin_timeout");
  expect(nothing.code).toBe(4);
});
