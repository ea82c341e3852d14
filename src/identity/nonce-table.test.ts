import { expect, test } from "bun:test";
import { KeyHash } from "../base/mod.ts";
import { NonceResult, NonceTable, nonceTableCells } from "./nonce-table.ts";

test("a nonce is fresh once, in whichever worker, until its time is over", () => {
  const cells = new Int32Array(nonceTableCells(100));
  const workers = [new NonceTable(cells, 0, 100), new NonceTable(cells, 0, 100)];
  const key = new KeyHash(7);
  key.ofText("nonce");
  expect([workers[0]!.use(key, 100, 160), workers[1]!.use(key, 101, 161), workers[0]!.use(key, 160, 220)]).toEqual([
    NonceResult.fresh,
    NonceResult.replayed,
    NonceResult.replayed,
  ]);
  expect(workers[1]!.use(key, 161.5, 230)).toBe(NonceResult.fresh);
});

test("as many nonces as asked for are remembered at once, and a full set refuses instead of forgetting", () => {
  const cells = new Int32Array(nonceTableCells(2000));
  const table = new NonceTable(cells, 0, 2000);
  const key = new KeyHash(3);
  const results = [0, 0, 0];
  for (let index = 0; index < 2000; index++) {
    key.ofText(`nonce ${index}`);
    results[table.use(key, 1000, 1060)]! += 1;
  }
  expect(results[NonceResult.replayed]).toBe(0);
  expect(results[NonceResult.full]!).toBeLessThan(20);
  const small = new NonceTable(new Int32Array(32), 0, 8);
  const seen = [];
  for (let index = 0; index < 20; index++) {
    key.ofText(`nonce ${index}`);
    seen.push(small.use(key, 1000, 1060));
  }
  expect(seen.filter((result) => result === NonceResult.full).length).toBe(4);
  key.ofText("nonce 0");
  expect(small.use(key, 1000, 1060)).toBe(NonceResult.replayed);
});
