/**
 * Histograms as they stand in results: HdrHistogram's V2 encoding, compressed, in base64, which every HDR library reads.
 * Counts are exact; the totals that the encoding does not carry exactly (sum, smallest, largest) stand beside it.
 */
import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type JsHistogram } from "hdr-histogram-js";
import { Histogram, latencyNsShape, WeirError } from "../base/mod.ts";

export interface EncodedHistogram {
  readonly unit: "ns";
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  /** HdrHistogram V2, compressed, base64; empty when nothing was recorded. */
  readonly hdrV2: string;
}

export function encodeHistogram(histogram: Histogram): EncodedHistogram {
  const { count, sum, min, max } = histogram;
  return { unit: "ns", count, sum, min, max, hdrV2: count === 0 ? "" : encode(histogram) };
}

/** Adds an encoded histogram to one of the same shape. */
export function addEncoded(encoded: EncodedHistogram, into: Histogram): void {
  if (encoded.count === 0) return;
  const one = new Histogram(latencyNsShape);
  // Both index their counts alike (see histogram-shape.ts), so counts move bucket by bucket.
  const hdr = decodeFromCompressedBase64(encoded.hdrV2, 64, false) as JsHistogram;
  const indexes = Math.min(hdr.countsArrayLength, latencyNsShape.bucketsCount);
  let counted = 0;
  for (let index = 0; index < indexes; index++) {
    const count = hdr.getCountAtIndex(index);
    if (count === 0) continue;
    one.recordMany(latencyNsShape.lowestOf(index), count);
    counted += count;
  }
  if (counted !== encoded.count) {
    throw new WeirError("load.histogram", `a histogram says ${encoded.count} and holds ${counted} values`, {
      hint: "the result file is damaged or was edited; use the one the run wrote",
    });
  }
  // The encoding knows buckets; the exact totals are put back.
  one.memory[1] = encoded.sum;
  one.memory[2] = encoded.min;
  one.memory[3] = encoded.max;
  into.merge(one);
}

function encode(histogram: Histogram): string {
  const { maxValue } = histogram.shape;
  const hdr = build({
    bitBucketSize: 64,
    autoResize: false,
    lowestDiscernibleValue: 1,
    highestTrackableValue: maxValue,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false,
  });
  histogram.forEachBucket((lowest, _highest, count) => hdr.recordValueWithCount(Math.min(lowest, maxValue), count));
  return encodeIntoCompressedBase64(hdr);
}
