/** Figures as people read them, by their unit. */
import { type Text, textOf } from "./text.ts";

export type Unit = "req/s" | "ms" | "us" | "MB" | "B" | "ratio" | "count" | "s" | "1/s" | "conn/s" | "%/h";

const infinity = "∞";

/** The figure without its unit: three digits below a thousand, whole and grouped above. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "-" : value < 0 ? `-${infinity}` : infinity;
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1000) return Math.round(value).toLocaleString("en-US");
  if (size >= 100) return value.toFixed(0);
  if (size >= 0.01) return String(Number(value.toPrecision(3)));
  return value.toExponential(1);
}

export function formatFigure(value: number | null, unit: Unit): string {
  if (value === null) return "-";
  if (unit === "ratio") {
    const percent = value * 100;
    return `${percent !== 0 && Math.abs(percent) < 0.01 ? percent.toExponential(1) : formatNumber(percent)} %`;
  }
  return unit === "count" ? formatNumber(value) : `${formatNumber(value)} ${unit}`;
}

const left = {
  seconds: { en: "{seconds} s", zh: "{seconds} 秒" },
  minutes: { en: "{minutes} min {seconds} s", zh: "{minutes} 分 {seconds} 秒" },
};

export function formatSpan(seconds: number): Text {
  const whole = Math.max(0, Math.ceil(seconds));
  if (whole < 90) return textOf(left.seconds, { seconds: whole });
  return textOf(left.minutes, { minutes: Math.floor(whole / 60), seconds: whole % 60 });
}
