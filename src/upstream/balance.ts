/**
 * Which endpoint serves the next request. Three ways, all O(1) or O(log n) a request, rebuilt when the endpoints change. @hot
 *
 * - round robin: a schedule computed once by smooth weighted round robin (as nginx does a pick at a time), then walked.
 * - least in flight of two random choices (Mitzenmacher 2001), in-flight counts divided by weight.
 * - consistent hash: a ring of points by endpoint name (Karger 1997; 100 points a unit of weight), so that an endpoint that
 *   comes or goes moves only its share of the keys. An endpoint without room passes its keys on along the ring.
 */
import type { Random } from "../base/mod.ts";
import type { UpstreamHealth } from "../resilience/mod.ts";
import type { Endpoint } from "./endpoint.ts";

export type BalanceKind = "round-robin" | "least-in-flight" | "consistent-hash";

/** Longest round-robin schedule: weights are scaled down to fit. */
const SCHEDULE_MAX = 4096;
const POINTS_PER_WEIGHT = 100;
/** An endpoint that refused a connection is passed over for this long while another one is there, in milliseconds. */
const AVOID_MS = 1000;

export class Balancer {
  private readonly kind: BalanceKind;
  private readonly random: Random;
  private endpoints: readonly Endpoint[] = [];
  private schedule: Endpoint[] = [];
  private turn = 0;
  private ringPoints = new Uint32Array(0);
  private ringEndpoints: Endpoint[] = [];
  private health: UpstreamHealth | null = null;

  constructor(kind: BalanceKind, random: Random) {
    this.kind = kind;
    this.random = random;
  }

  /** Takes a new set of endpoints. @cold */
  update(endpoints: readonly Endpoint[]): void {
    this.endpoints = endpoints;
    if (this.kind === "consistent-hash") this.buildRing();
    else this.schedule = smoothSchedule(endpoints);
    this.turn = this.schedule.length === 0 ? 0 : this.random.below(this.schedule.length);
  }

  /** Passes over endpoints that are down or ejected, and gives those that came back less at first. @cold */
  watch(health: UpstreamHealth): void {
    this.health = health;
  }

  /** The endpoint for a request with balance hash `hash`, or null when there is none at all. */
  pick(hash: number, nowMs: number): Endpoint | null {
    const endpoints = this.endpoints;
    if (endpoints.length === 0) return null;
    if (endpoints.length === 1) return endpoints[0]!;
    if (this.kind === "round-robin") return this.pickNext(nowMs);
    if (this.kind === "least-in-flight") return this.pickOfTwo(nowMs);
    return this.pickByHash(hash, nowMs);
  }

  private pickNext(nowMs: number): Endpoint {
    const schedule = this.schedule;
    for (let tries = 0; tries < schedule.length; tries++) {
      this.turn = this.turn + 1 < schedule.length ? this.turn + 1 : 0;
      const endpoint = schedule[this.turn]!;
      if (this.isUsable(endpoint, nowMs)) return endpoint;
    }
    return schedule[this.turn]!;
  }

  private pickOfTwo(nowMs: number): Endpoint {
    const schedule = this.schedule;
    const first = schedule[this.random.below(schedule.length)]!;
    const second = schedule[this.random.below(schedule.length)]!;
    const isFirstUsable = this.isUsable(first, nowMs);
    if (isFirstUsable !== this.isUsable(second, nowMs)) return isFirstUsable ? first : second;
    if (!isFirstUsable) return this.pickNext(nowMs);
    return first.inFlightCount * second.weight <= second.inFlightCount * first.weight ? first : second;
  }

  private pickByHash(hash: number, nowMs: number): Endpoint {
    const points = this.ringPoints;
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (points[middle]! < hash >>> 0) low = middle + 1;
      else high = middle;
    }
    for (let tries = 0; tries < points.length; tries++) {
      const endpoint = this.ringEndpoints[(low + tries) % points.length]!;
      if (this.isUsable(endpoint, nowMs)) return endpoint;
    }
    return this.ringEndpoints[low % points.length]!;
  }

  /** Whether new requests may go there: it did not just refuse a connection, has one or room for one, and is healthy. */
  private isUsable(endpoint: Endpoint, nowMs: number): boolean {
    if (nowMs - endpoint.failedAtMs < AVOID_MS) return false;
    if (!endpoint.hasRoom && endpoint.idleCount === 0 && !endpoint.hasPipelineRoom) return false;
    if (this.health === null) return true;
    const weight = this.health.weight(endpoint.healthIndex, nowMs);
    return weight === 1 || this.random.unit() < weight;
  }

  /** @cold */
  private buildRing(): void {
    const points: { at: number; endpoint: Endpoint }[] = [];
    for (const endpoint of this.endpoints) {
      for (let point = 0; point < endpoint.weight * POINTS_PER_WEIGHT; point++) {
        points.push({ at: hashText(`${endpoint.name}#${point}`), endpoint });
      }
    }
    points.sort((left, right) => left.at - right.at);
    this.ringPoints = Uint32Array.from(points, (point) => point.at);
    this.ringEndpoints = points.map((point) => point.endpoint);
  }
}

/** The order of one whole turn of smooth weighted round robin. @cold */
function smoothSchedule(endpoints: readonly Endpoint[]): Endpoint[] {
  const total = endpoints.reduce((sum, endpoint) => sum + endpoint.weight, 0);
  const scale = total > SCHEDULE_MAX ? SCHEDULE_MAX / total : 1;
  const weights = endpoints.map((endpoint) => Math.max(1, Math.round(endpoint.weight * scale)));
  const length = weights.reduce((sum, weight) => sum + weight, 0);
  const current = new Float64Array(endpoints.length);
  const schedule: Endpoint[] = [];
  for (let step = 0; step < length; step++) {
    let best = 0;
    for (let index = 0; index < endpoints.length; index++) {
      current[index]! += weights[index]!;
      if (current[index]! > current[best]!) best = index;
    }
    current[best]! -= length;
    schedule.push(endpoints[best]!);
  }
  return schedule;
}

/** FNV-1a with a final mix (murmur3's), over UTF-16 units: for names, not against adversaries. @cold */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return mixHash(hash);
}

/** FNV-1a with murmur3's final mix over bytes: the key of consistent balancing. */
export function hashBytes(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let offset = from; offset < to; offset++) hash = Math.imul(hash ^ bytes[offset]!, 0x01000193);
  return mixHash(hash);
}

function mixHash(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
