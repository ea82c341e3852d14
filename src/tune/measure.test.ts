import { expect, test } from "bun:test";
import { Random } from "../base/mod.ts";
import { MachineFixture } from "./fixture.ts";
import { inspect } from "./inspect.ts";
import { type MeasuredRow, measure } from "./measure.ts";
import { measurementText } from "./render.ts";
import { selectMeasurable } from "./select.ts";

/** A gateway that is a formula over the settings in force, with noise of one percent. */
async function measureModel(
  perSecondOf: (read: (path: string) => string | null) => number,
): Promise<{ measured: MeasuredRow[]; after: string[]; seenSlack: Set<string>; text: string }> {
  const fixture = new MachineFixture();
  const { machine } = fixture;
  const noise = new Random(11);
  const seenSlack = new Set<string>();
  try {
    const before = inspect(machine);
    const selection = selectMeasurable(before, machine, [], false);
    const measured = await measure(selection.rows, {
      machine,
      random: new Random(3),
      rounds: 12,
      run: (_workload, started) => {
        seenSlack.add(machine.read("proc/self/timerslack_ns")!);
        const perSecond = perSecondOf((path) => machine.read(path)) * (0.99 + 0.02 * noise.unit());
        started();
        // The load generator comes after: it has the slack of always.
        expect(machine.read("proc/self/timerslack_ns")).toBe("50000");
        return Promise.resolve({ perSecond, latencyUsP99: 1e9 / perSecond });
      },
    });
    const after = inspect(machine).map(({ current }) => current);
    expect(after).toEqual(before.map(({ current }) => current));
    return {
      measured,
      after,
      seenSlack,
      text: measurementText(measured, selection.left, { rounds: 12, seconds: 2, seed: 3 }),
    };
  } finally {
    fixture.free();
  }
}

test("effects are told from none, alone and together, and everything is restored", async () => {
  const { measured, seenSlack, text } = await measureModel((read) => {
    const gain = read("proc/sys/net/core/somaxconn") === "65535" ? 1.2 : 1;
    const loss = read("proc/sys/net/ipv4/tcp_tw_reuse") === "1" ? 0.8 : 1;
    return 10_000 * gain * loss;
  });
  expect(measured.map(({ id, workload, effect }) => [id, workload, effect])).toEqual([
    ["A/A", "kept-connections", "none"],
    ["A/A", "new-connections", "none"],
    ["net.core.somaxconn", "new-connections", "faster"],
    ["net.ipv4.tcp_max_syn_backlog", "new-connections", "none"],
    ["net.ipv4.tcp_tw_reuse", "new-connections", "slower"],
    ["net.ipv4.ip_local_port_range", "new-connections", "none"],
    ["net.ipv4.tcp_migrate_req", "new-connections", "none"],
    ["net.ipv4.tcp_slow_start_after_idle", "kept-connections", "none"],
    ["timer-slack", "kept-connections", "none"],
    ["all", "kept-connections", expect.any(String)],
    ["all", "new-connections", expect.any(String)],
  ]);
  const { ratio } = measured[2]!.rate!;
  expect(ratio.estimate).toBeCloseTo(1.2, 1);
  expect(ratio.low).toBeGreaterThan(1.1);
  expect([...seenSlack].sort()).toEqual(["1000", "50000"]);
  expect(text).toContain("33210");
  expect(text).toContain("+72.2 %");
  expect(text).toMatch(/net\.core\.busy_poll +- +- +- +not measured: no load over loopback/);
});

test("runs without answers are not measured, never no effect", async () => {
  const { measured } = await measureModel(() => 0);
  expect(new Set(measured.map(({ effect }) => effect))).toEqual(new Set(["not-measured"]));
});
