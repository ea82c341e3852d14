import { expect, test } from "bun:test";
import fc from "fast-check";
import { durationPattern, formatDuration, formatSize, parseDurationMs, parseSizeBytes, sizePattern } from "./units.ts";

test("durations carry one of six units", () => {
  const texts = ["250us", "1.5ms", "30s", "10m", "1h", "7d", "0ms"];
  expect(texts.map(parseDurationMs)).toEqual([0.25, 1.5, 30_000, 600_000, 3_600_000, 604_800_000, 0]);
});

test("sizes tell powers of 1000 from powers of 1024", () => {
  const texts = ["0B", "64KB", "64KiB", "8MB", "8MiB", "1.5GiB"];
  expect(texts.map(parseSizeBytes)).toEqual([0, 64_000, 65_536, 8_000_000, 8_388_608, 1_610_612_736]);
});

test("anything else is neither", () => {
  const wrong = [
    "",
    "10",
    "ten s",
    "10 s",
    "-1s",
    "1e3s",
    "10S",
    "10sec",
    "1m30s",
    ".5s",
    "5.s",
    "0x1s",
    "10constructor",
    `${"9".repeat(16)}d`,
  ];
  expect(wrong.map(parseDurationMs)).toEqual(wrong.map(() => null));
  expect(["10", "10kb", "10K", "10kib", "10 KiB", "-1B", "1e3B"].map(parseSizeBytes)).toEqual(Array(7).fill(null));
});

test("a duration that is written is read again, and matches the pattern editors check", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e15 }), (us) => {
      const text = formatDuration(us / 1000);
      expect(parseDurationMs(text)).toBe(us / 1000);
      expect(text).toMatch(new RegExp(durationPattern));
    }),
  );
});

test("a size that is written is read again, and matches the pattern editors check", () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      const bytes = Math.abs(value);
      fc.pre(bytes < 1e15);
      expect(parseSizeBytes(formatSize(bytes))).toBe(bytes);
      expect(formatSize(bytes)).toMatch(new RegExp(sizePattern));
    }),
  );
});

test("whatever the pattern takes, the parser takes, and the other way round", () => {
  const texts = fc.tuple(
    fc.nat(99_999),
    fc.constantFrom("", ".5", ".", ".25"),
    fc.constantFrom("us", "ms", "s", "m", "h", "d", "x", "", "S", "min"),
  );
  fc.assert(
    fc.property(texts, ([whole, fraction, unit]) => {
      const text = `${whole}${fraction}${unit}`;
      expect(parseDurationMs(text) !== null).toBe(new RegExp(durationPattern).test(text));
    }),
  );
});
