import { expect, test } from "bun:test";
import { CellDirectory, directoryCellsMin } from "./cell-directory.ts";

test("all workers get the same cells for a name, and no two names share any", () => {
  const cells = new Int32Array(directoryCellsMin * 4);
  const [first, second] = [new CellDirectory(cells), new CellDirectory(cells)];
  const names = Array.from({ length: 100 }, (_, index) => `breaker ${index}`);
  const given = names.map((name, index) => (index % 2 === 0 ? first : second).take(name, 17 + index));
  expect(names.map((name, index) => first.take(name, 17 + index))).toEqual(given);
  expect(names.map((name, index) => second.take(name, 17 + index))).toEqual(given);
  const owner = new Map<number, number>();
  for (const [index, at] of given.entries()) {
    for (let cell = at; cell < at + 17 + index; cell++) {
      expect(owner.has(cell)).toBe(false);
      owner.set(cell, index);
    }
  }
  expect(Math.min(...given)).toBeGreaterThanOrEqual(cells.length / 2);
});

test("what does not fit is refused with a hint, and a small segment is replaced by memory of one's own", () => {
  const directory = new CellDirectory(new Int32Array(directoryCellsMin));
  expect(() => directory.take("huge", directoryCellsMin)).toThrow("no shared memory left");
  expect(directory.take("small", 10)).toBeGreaterThan(0);
  expect(new CellDirectory(new Int32Array(16)).cells.length).toBe(65_536);
});
