/** Local addresses to connect from: `127.0.0.2-127.0.0.9`, `10.0.0.1,10.0.0.2`, or both ways mixed. */
import { isIP } from "node:net";
import { WeirError } from "../base/mod.ts";

const addressesMax = 65_536;

export function parseSources(text: string): string[] {
  return text.split(",").flatMap((part) => {
    const [first, last, ...rest] = part.trim().split("-");
    if (rest.length > 0 || isIP(first ?? "") === 0) throw wrong(part);
    if (last === undefined) return [first!];
    const from = ipv4Number(first!);
    const to = ipv4Number(last);
    if (from === null || to === null || to < from || to - from >= addressesMax) throw wrong(part);
    return Array.from({ length: to - from + 1 }, (_, index) => ipv4Text(from + index));
  });
}

function ipv4Number(text: string): number | null {
  if (isIP(text) !== 4) return null;
  return text.split(".").reduce((value, part) => value * 256 + Number(part), 0);
}

function ipv4Text(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

function wrong(text: string): WeirError {
  return new WeirError("load.source", `"${text}" is not a local address or range`, {
    hint: "write 127.0.0.2-127.0.0.9, or addresses separated by commas",
  });
}
