import { expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { apply, byHandOf, changesOf } from "./apply.ts";
import { MachineFixture, stockFiles } from "./fixture.ts";
import { inspect } from "./inspect.ts";

test("what is to change is written, and the script takes all of it back", () => {
  const fixture = new MachineFixture();
  const { machine, root } = fixture;
  const undo = join(root, "undo.sh");
  try {
    const changes = changesOf(inspect(machine), []);
    const applied = apply(machine, changes, undo, "2026-01-02T03:04:05Z");
    expect(applied.map(({ id, after, refused }) => [id, after, refused])).toEqual([
      ["net.core.somaxconn", "65535", null],
      ["net.ipv4.tcp_max_syn_backlog", "65535", null],
      ["net.ipv4.tcp_tw_reuse", "1", null],
      ["net.ipv4.ip_local_port_range", "10240 65535", null],
      ["net.ipv4.tcp_migrate_req", "1", null],
      ["net.ipv4.tcp_slow_start_after_idle", "0", null],
      ["net.core.default_qdisc", "pfifo_fast", null],
      ["cpu-governor", "performance", null],
      ["transparent-hugepages", "madvise", null],
    ]);
    expect(changesOf(inspect(machine), [])).toEqual([]);
    expect(statSync(undo).mode & 0o777).toBe(0o700);
    expect(Bun.spawnSync([undo]).exitCode).toBe(0);
    for (const { place, before } of applied) expect(machine.read(place)).toBe(before);
    expect(machine.read("proc/sys/net/ipv4/tcp_fin_timeout")).toBe(
      stockFiles["proc/sys/net/ipv4/tcp_fin_timeout"]!.trim(),
    );
  } finally {
    fixture.free();
  }
});

test("optional settings are written only when they are named, those of processes never", () => {
  const fixture = new MachineFixture();
  try {
    const rows = inspect(fixture.machine);
    const ids = (named: string[]): string[] => changesOf(rows, named).map(({ id }) => id);
    expect(ids(["net.core.busy_poll", "net.ipv4.tcp_fin_timeout"])).toEqual(["net.core.busy_poll"]);
    expect(ids(["timer-slack", "descriptors"])).toEqual([]);
    expect(byHandOf(rows, ["timer-slack", "descriptors"]).map(({ id }) => id)).toEqual(["timer-slack"]);
    expect(byHandOf(rows, [])).toEqual([]);
    expect(ids([])).not.toContain("net.core.busy_poll");
  } finally {
    fixture.free();
  }
});

test("without a script to take it back nothing is written, and a value that is not taken is told", () => {
  const fixture = new MachineFixture();
  const { machine, root } = fixture;
  try {
    const changes = changesOf(inspect(machine), ["net.core.somaxconn"]);
    expect(() => apply(machine, changes, join(root, "no/such/folder/undo.sh"), "")).toThrow(
      expect.objectContaining({ code: "tune.undo" }),
    );
    expect(machine.read("proc/sys/net/core/somaxconn")).toBe("4096");
    rmSync(join(root, "proc/sys/net"), { recursive: true });
    const undo = join(root, "undo.sh");
    expect(apply(machine, changes, undo, "")[0]).toMatchObject({ refused: "ENOENT" });
    expect(existsSync(undo)).toBe(true);
    // A script that is there already is somebody's way back: it is never replaced.
    expect(() => apply(machine, changes, undo, "")).toThrow("EEXIST");
    expect(readFileSync(undo, "utf8")).toContain("echo '4096'");
  } finally {
    fixture.free();
  }
});
