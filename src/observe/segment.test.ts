import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { WeirError } from "../base/mod.ts";
import { planSegment, runtimeFolder, Segment } from "./segment.ts";
import { SegmentDirectory, seriesKey } from "./segment-directory.ts";
import { SeatState, seatCountersAt, slotOther, slotsReserved } from "./segment-layout.ts";

const folders: string[] = [];
const sizes = { seats: 4, slots: 8, cells: 64 };

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function newFolder(): string {
  const folder = mkdtempSync("/tmp/weir-observe-");
  folders.push(folder);
  return folder;
}

test("what one mapping writes another reads, and removing the file leaves nothing", () => {
  const segment = Segment.create(sizes, newFolder());
  const other = Segment.open(segment.path);
  segment.seat(3)[100] = 42;
  Atomics.add(segment.cells, 63, 7);
  expect([other.seat(3)[100], Atomics.load(other.cells, 63), other.sizes]).toEqual([42, 7, sizes]);
  segment.remove();
  expect(existsSync(segment.path)).toBe(false);
});

test("every slot of every seat has memory of its own, also across chunks", () => {
  const segment = Segment.create({ seats: 3, slots: 1200, cells: 16 }, newFolder());
  const places = [0, 1, 2].flatMap((seat) => [0, 511, 512, 1023, 1024, 1199].map((slot) => ({ seat, slot })));
  for (const { seat, slot } of places) segment.slot(seat, slot).fill(1 + seat * 2000 + slot);
  for (const seat of [0, 1, 2]) segment.seat(seat).fill(-1);
  const other = Segment.open(segment.path);
  for (const { seat, slot } of places) {
    const memory = other.slot(seat, slot);
    expect([memory.length, new Set(memory)]).toEqual([256, new Set([1 + seat * 2000 + slot])]);
  }
  expect(other.seat(2).every((value) => value === -1)).toBe(true);
  expect(() => segment.chunk(0, 3)).toThrow("chunk");
});

test("a file that is no segment of this layout is refused with a reason", () => {
  const folder = newFolder();
  const segment = Segment.create(sizes, folder);
  const foreign = join(folder, "foreign");
  writeFileSync(foreign, new Uint8Array(8192));
  const short = join(folder, "short");
  writeFileSync(short, "x");
  expect(reasonOf(join(folder, "absent"))).toContain("does not exist");
  expect(reasonOf(foreign)).toContain("mark of a segment");
  expect(reasonOf(short)).toContain("too short");
  truncateSync(segment.path, 8192);
  expect(reasonOf(segment.path)).toContain("bytes where its header asks for");
});

test("a segment that does not fit its file system is refused at once", () => {
  expect(() => Segment.create({ seats: 1000, slots: 100_000_000, cells: 1 }, newFolder())).toThrow("free");
});

test("segments of supervisors that are gone are removed, those of the living are kept", () => {
  const folder = newFolder();
  const orphan = join(folder, "segment-999999999-1");
  const living = join(folder, `segment-${process.ppid}-1`);
  writeFileSync(orphan, "");
  writeFileSync(living, "");
  Segment.create(sizes, folder);
  expect([existsSync(orphan), existsSync(living)]).toEqual([false, true]);
});

test("the folder is the one asked for, otherwise one in memory", () => {
  expect(runtimeFolder({ WEIR_RUNTIME_DIR: "/somewhere" })).toBe("/somewhere");
  expect(runtimeFolder({ XDG_RUNTIME_DIR: "/nonexistent" })).not.toContain("nonexistent");
});

test("the plan has seats for two generations and spares, and shrinks to the room there is", () => {
  const folder = newFolder();
  const workers = availableParallelism() + 1;
  const planned = { seats: 2 * workers + 2, slots: 100 + slotsReserved, cells: 1_048_576 };
  expect(planSegment(workers, 100, folder)).toEqual(planned);
  expect(planSegment(workers, 100, folder, 1000).cells).toBe(planned.cells + 2000);
  expect(planSegment(1, 100, folder).seats).toBe(2 * availableParallelism() + 2);
  expect(planSegment(2, 1e12, folder).slots).toBeLessThan(1e12);
});

test("a slot keeps its name across reloads, and pairs beyond the last slot are counted as other", () => {
  const directory = new SegmentDirectory(Segment.create(sizes, newFolder()));
  const pair = (name: string) => ({ route: name, upstream: "core" });
  const before = { ...directory.assignSlots([pair("a"), pair("b")]) };
  const after = directory.assignSlots(["z", "b", "c", "d", "e", "f"].map(pair));
  expect(before).toEqual({ "a\ncore": 2, "b\ncore": 3 });
  expect(after).toEqual({ "a\ncore": 2, "b\ncore": 3, "z\ncore": 4, "c\ncore": 5, "d\ncore": 6, "e\ncore": 7 });
  expect(after[seriesKey("f", "core")] ?? slotOther).toBe(slotOther);
});

test("a seat is used by one process at a time, keeps its counts, and loses its gauges when it ends", () => {
  const directory = new SegmentDirectory(Segment.create(sizes, newFolder()));
  const [first, second] = [directory.claimSeat(0, 1, 5), directory.claimSeat(1, 1, 5)];
  const seat = directory.segment.seat(second);
  seat[seatCountersAt + 0] = 10;
  seat[seatCountersAt + 1] = 3;
  const overlapping = directory.claimSeat(1, 2, 6);
  directory.releaseSeat(second);
  expect([first, second, overlapping]).toEqual([0, 1, 2]);
  expect([seat[seatCountersAt], seat[seatCountersAt + 1]]).toEqual([10, 0]);
  directory.releaseSeat(first);
  expect(directory.claimSeat(1, 3, 7)).toBe(second);
  expect([seat[SeatState.generation], seat[SeatState.claims], seat[seatCountersAt]]).toEqual([3, 2, 10]);
  directory.claimSeat(5, 3, 7);
  directory.claimSeat(6, 3, 7);
  expect(() => directory.claimSeat(7, 3, 7)).toThrow("places for workers");
});

test("cells are given by name on cache lines of their own until they are used up", () => {
  const directory = new SegmentDirectory(Segment.create(sizes, newFolder()));
  const given = ["a", "b", "a", "c", "d", "e"].map((name) => directory.allocateCells(name, 4));
  expect(given).toEqual([0, 16, 0, 32, 48, -1]);
});

function reasonOf(path: string): string {
  try {
    Segment.open(path);
  } catch (error) {
    return error instanceof WeirError ? error.message : `unexpected ${error}`;
  }
  return "opened";
}
