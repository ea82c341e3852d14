/**
 * The universal scalability law (Gunther): X(N) = lambda N / (1 + sigma (N - 1) + kappa N (N - 1)), with contention sigma and
 * coherency kappa. Where kappa is above zero, throughput peaks at N* = sqrt((1 - sigma) / kappa). A fit without a peak has no
 * N*, and six points are the fewest that carry three parameters and an error; otherwise the reason is given instead.
 */
import { levenbergMarquardt } from "ml-levenberg-marquardt";
import type { Random } from "../../base/mod.ts";
import type { Point } from "./knee-point.ts";
import { mean, quantile } from "./samples.ts";

export interface UslFit {
  readonly lambda: number;
  readonly sigma: number;
  readonly kappa: number;
  /** N where throughput peaks, and the throughput there. */
  readonly peakAt: number;
  readonly peak: number;
  readonly rSquared: number;
  /** 95 % interval of `peak`, from residuals drawn again; null where most draws had no peak. */
  readonly peakInterval: readonly [low: number, high: number] | null;
}

export type UslRefusal = "too-few-points" | "no-peak" | "no-fit";

const pointsMin = 6;
const draws = 200;

interface Parameters {
  readonly lambda: number;
  readonly sigma: number;
  readonly kappa: number;
}

export function throughputAt({ lambda, sigma, kappa }: Parameters, n: number): number {
  return (lambda * n) / (1 + sigma * (n - 1) + kappa * n * (n - 1));
}

/** @param points N against throughput, N at least 1 */
export function fitUsl(points: readonly Point[], random: Random): UslFit | { readonly refused: UslRefusal } {
  if (new Set(points.map(([n]) => n)).size < pointsMin) return { refused: "too-few-points" };
  const fit = fitOnce(points);
  if (fit === null) return { refused: "no-fit" };
  if (!(fit.kappa > 0) || fit.sigma >= 1) return { refused: "no-peak" };
  const peakAt = Math.sqrt((1 - fit.sigma) / fit.kappa);
  return {
    ...fit,
    peakAt,
    peak: throughputAt(fit, peakAt),
    rSquared: rSquaredOf(fit, points),
    peakInterval: peakIntervalOf(fit, points, random),
  };
}

/** Throughput relative to its largest and the parameters in ratio to that, so that all are of one size. */
function fitOnce(points: readonly Point[]): Parameters | null {
  const scale = Math.max(...points.map(([, throughput]) => throughput));
  if (!(scale > 0)) return null;
  const first = points.reduce((least, point) => (point[0] < least[0] ? point : least));
  try {
    const { parameterValues } = levenbergMarquardt(
      { x: points.map(([n]) => n), y: points.map(([, throughput]) => throughput / scale) },
      ([lambda, sigma, kappa]) =>
        (n: number) =>
          throughputAt({ lambda: lambda!, sigma: sigma!, kappa: kappa! }, n),
      {
        initialValues: [first[1] / first[0] / scale, 0.05, 0.0001],
        minValues: [1e-9, 0, 0],
        maxValues: [1e9, 1, 10],
        gradientDifference: 1e-6,
        maxIterations: 400,
        damping: 0.01,
      },
    );
    const [lambda, sigma, kappa] = parameterValues as [number, number, number];
    if (![lambda, sigma, kappa].every(Number.isFinite)) return null;
    // A kappa this small puts the peak beyond anything that was measured.
    const isFlat = kappa < 1e-9;
    return { lambda: lambda * scale, sigma, kappa: isFlat ? 0 : kappa };
  } catch {
    return null;
  }
}

function rSquaredOf(fit: Parameters, points: readonly Point[]): number {
  const average = mean(points.map(([, throughput]) => throughput));
  const residual = points.reduce((sum, [n, throughput]) => sum + (throughput - throughputAt(fit, n)) ** 2, 0);
  const total = points.reduce((sum, [, throughput]) => sum + (throughput - average) ** 2, 0);
  return total === 0 ? 1 : 1 - residual / total;
}

function peakIntervalOf(fit: Parameters, points: readonly Point[], random: Random): UslFit["peakInterval"] {
  const residuals = points.map(([n, throughput]) => throughput - throughputAt(fit, n));
  const peaks: number[] = [];
  for (let draw = 0; draw < draws; draw++) {
    const drawn = points.map(
      ([n]): Point => [n, Math.max(1e-9, throughputAt(fit, n) + residuals[random.below(residuals.length)]!)],
    );
    const again = fitOnce(drawn);
    if (again !== null && again.kappa > 0) peaks.push(throughputAt(again, Math.sqrt((1 - again.sigma) / again.kappa)));
  }
  return peaks.length < draws / 2 ? null : [quantile(peaks, 0.025), quantile(peaks, 0.975)];
}
