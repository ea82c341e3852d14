import { expect, test } from "bun:test";
import { peerNames } from "../rig/mod.ts";
import { comparePeers, render } from "./peers.ts";

test("every peer is there, and answers every request of a small run", async () => {
  const options = { rounds: 1, seconds: 1, connections: 8, seed: 1, peers: peerNames, rateOfPeak: 0, rateRounds: 0 };
  const findings = await comparePeers(options, () => {});
  expect(findings.peers.map(({ name }) => name)).toEqual([...peerNames]);
  for (const { name, version, rounds } of findings.peers) {
    const [round] = rounds;
    expect({ name, errors: round!.errors, isCounted: round!.requests > 0 && round!.cpuUsPerRequest > 0 }).toEqual({
      name,
      errors: 0,
      isCounted: true,
    });
    expect(version).not.toBe("unknown");
  }
  expect(render(findings)).not.toContain("NaN");
});

test("latency at a share of nginx's peak is measured open-loop", async () => {
  const options = {
    rounds: 1,
    seconds: 1,
    connections: 8,
    seed: 1,
    peers: ["weir-exclusive", "nginx"],
    rateOfPeak: 0.1,
    rateRounds: 1,
  };
  const findings = await comparePeers(options, () => {});
  for (const { atRate } of findings.peers) expect(atRate.map(({ errors }) => errors)).toEqual([0]);
  expect(render(findings)).not.toContain("NaN");
});
