/**
 * Schedule files: one piece of the load per line, its duration and its rate, `10s 500` or `30s 500-2000` for a ramp. Blank
 * lines and what follows a # are left out. Every wrong line is told at once.
 */
import { WeirError } from "../base/mod.ts";
import { parseDurationMs } from "../config/mod.ts";
import type { ShapePiece } from "./shape.ts";

/** @param name of the file, for messages */
export function parseSchedule(text: string, name: string): ShapePiece[] {
  const pieces: ShapePiece[] = [];
  const problems: string[] = [];
  text.split("\n").forEach((line, index) => {
    const content = line.replace(/#.*/, "").trim();
    if (content === "") return;
    const piece = parsePiece(content);
    if (piece === null) problems.push(`${name}:${index + 1}: "${content}"`);
    else pieces.push(piece);
  });
  if (problems.length > 0 || pieces.length === 0) {
    const what = problems.length > 0 ? `wrong lines:\n  ${problems.join("\n  ")}` : "no lines";
    throw new WeirError("load.schedule", `the schedule ${name} has ${what}`, {
      hint: "write a duration and a rate per line, as in '10s 500' or '30s 500-2000'",
    });
  }
  return pieces;
}

/** A duration and a rate or a range of rates, or null. */
export function parsePiece(text: string): ShapePiece | null {
  const match = /^(\S+)\s+(\d+(?:\.\d+)?)(?:\s*-\s*(\d+(?:\.\d+)?))?$/.exec(text);
  const durationMs = match === null ? null : parseDurationMs(match[1]!);
  if (match === null || durationMs === null || durationMs <= 0) return null;
  const fromPerSecond = Number(match[2]);
  return { durationMs, fromPerSecond, toPerSecond: match[3] === undefined ? fromPerSecond : Number(match[3]) };
}
