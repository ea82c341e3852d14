/**
 * Which route a request takes, at a cost that does not grow with the number of routes. @hot
 *
 *     host    hashed from its end: exact, then the longest "*." suffix, then any host. Each has a trie of its own.
 *     path    a trie of segments. All edges of all tries lie in one hash table, keyed by node and segment, and every hit is
 *             verified byte by byte, so that a collision costs time and never a wrong route.
 *     rest    routes that end in the same place are tried in the order of the file: method first, then fields.
 *
 * A route matches when all its conditions hold. Of those that match, the host decides first, then the path from its left
 * (a literal segment before a parameter before `*`), then the order in the file. `/a/*` also takes `/a`. GET takes HEAD.
 *
 * What is matched is what the upstream will read. The raw path is forwarded, so it must not be possible to write a path
 * that Weir reads in one way and the upstream in another. Segments are compared percent-decoded, and what programs are
 * known to disagree about is refused: dot segments however encoded, encoded control bytes, and, unless configured
 * otherwise, encoded slashes, encoded backslashes and empty segments. A host is compared without port, letter case and
 * the final dot; one with percent signs is refused.
 *
 * Limits: 32 segments in a pattern, 21 methods beside the nine known ones, and a path no longer than the parser admits.
 * Not reentrant: one table per worker, one match at a time.
 */
import { assert } from "../base/mod.ts";
import type { Config, RouteConfig } from "../config/mod.ts";
import {
  type CompiledRoutes,
  compileRoutes,
  EdgeSlot,
  edgeStride,
  HostSlot,
  hashStep,
  hostStride,
  mixEdge,
  NodeRow,
  nodeStride,
  RouteRow,
  routeStride,
  takesAll,
} from "./route-compile.ts";

/** The part of a parsed head that routing reads. */
export interface RoutableHead {
  readonly bytes: Uint8Array;
  readonly methodId: number;
  readonly methodStart: number;
  readonly methodEnd: number;
  readonly authorityStart: number;
  readonly authorityHostEnd: number;
  readonly pathStart: number;
  readonly pathEnd: number;
  readonly fieldCount: number;
  readonly nameStart: Int32Array;
  readonly nameEnd: Int32Array;
  readonly valueStart: Int32Array;
  readonly valueEnd: Int32Array;
}

/** What `match` returns instead of the index of a route. */
export const RouteMiss = { none: -1, methodNotAllowed: -2, ambiguousPath: -3 } as const;

const SLASH = 0x2f;
const DOT = 0x2e;
const PERCENT = 0x25;
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;
/** The largest `limits.targetBytesMax`. */
const pathBytesMax = 65_536;
/** A host has at most 253 bytes, so at most 127 suffixes. */
const rootsMax = 128;

export class RouteTable {
  private readonly routes: CompiledRoutes;
  private readonly isEncodedSlashRefused: boolean;
  private readonly isEmptySegmentRefused: boolean;
  /** Where decoded paths are written; undecoded ones are read where they lie. */
  private readonly decoded = new Uint8Array(pathBytesMax);
  private readonly segmentStart: Int32Array;
  private readonly segmentEnd: Int32Array;
  private readonly segmentHash: Int32Array;
  private readonly nodeAt: Int32Array;
  private readonly stageAt: Uint8Array;
  private readonly roots = new Int32Array(rootsMax);
  private allowedMethods = 0;

  /** @param paths `Config.paths`; without it, everything ambiguous is refused */
  constructor(routes: readonly RouteConfig[], paths?: Config["paths"]) {
    this.routes = compileRoutes(routes);
    this.isEncodedSlashRefused = paths?.encodedSlash !== "pass";
    this.isEmptySegmentRefused = paths?.emptySegments !== "pass";
    const depths = this.routes.segmentsMax + 2;
    this.segmentStart = new Int32Array(depths);
    this.segmentEnd = new Int32Array(depths);
    this.segmentHash = new Int32Array(depths);
    this.nodeAt = new Int32Array(depths);
    this.stageAt = new Uint8Array(depths);
  }

  /** Index of the route in the configuration, or one of `RouteMiss`. */
  match(head: RoutableHead): number {
    let bytes = head.bytes;
    let segments = this.split(bytes, head.pathStart, head.pathEnd);
    if (segments === needsDecoding) {
      const length = this.decode(bytes, head.pathStart, head.pathEnd);
      if (length < 0) return RouteMiss.ambiguousPath;
      bytes = this.decoded;
      segments = this.split(bytes, 0, length);
    }
    if (segments < 0) return RouteMiss.ambiguousPath;
    this.allowedMethods = 0;
    const methodBit = this.methodBitOf(head);
    if (this.routes.hostCount > 0) {
      const rootCount = this.findRoots(head);
      if (rootCount < 0) return RouteMiss.ambiguousPath;
      for (let index = rootCount - 1; index >= 0; index--) {
        const route = this.walk(this.roots[index]!, bytes, segments, methodBit, head);
        if (route >= 0) return route;
      }
    }
    const anyRoot = this.routes.anyHostRoot;
    const route = anyRoot === 0 ? RouteMiss.none : this.walk(anyRoot, bytes, segments, methodBit, head);
    if (route >= 0) return route;
    return this.allowedMethods === 0 ? RouteMiss.none : RouteMiss.methodNotAllowed;
  }

  /** After `match` returned `methodNotAllowed`: the value of the Allow field (RFC 9110 section 15.5.6). Allocates. */
  allowed(): string {
    return this.routes.methodNames.filter((_, bit) => (this.allowedMethods & (1 << bit)) !== 0).join(", ");
  }

  /**
   * Notes where the segments of a path are and their hashes, as many as the tries are deep and one more.
   * Returns their count, `needsDecoding`, or `isAmbiguous`.
   */
  private split(bytes: Uint8Array, from: number, to: number): number {
    const { segmentStart, segmentEnd, segmentHash } = this;
    const countMax = this.routes.segmentsMax + 1;
    // In a decoded path "%" is a byte like any other, and an encoded slash has become a byte that no path holds.
    const refused = bytes === this.decoded ? -1 : PERCENT;
    let count = 0;
    let start = from + 1;
    while (start <= to) {
      let at = start;
      let hash = 0;
      for (; at < to; at++) {
        const byte = bytes[at]!;
        if (byte === SLASH) break;
        if (byte === refused) return needsDecoding;
        hash = hashStep(hash, byte);
      }
      if (at === start && at < to && this.isEmptySegmentRefused) return isAmbiguous;
      if (bytes[start] === DOT && isDotSegment(bytes, start, at)) return isAmbiguous;
      if (count < countMax) {
        segmentStart[count] = start;
        segmentEnd[count] = at;
        segmentHash[count++] = hash;
      }
      start = at + 1;
    }
    if (from < to) return count;
    // The empty path of an absolute target means "/" (RFC 9110 section 4.2.3).
    segmentStart[0] = from;
    segmentEnd[0] = from;
    segmentHash[0] = 0;
    return 1;
  }

  /** Writes the percent-decoded path to `decoded`; returns its length, or -1 when it must be refused. */
  private decode(bytes: Uint8Array, from: number, to: number): number {
    assert(to - from <= pathBytesMax, "the parser bounds the target");
    const { decoded } = this;
    let length = 0;
    for (let at = from; at < to; at++) {
      let byte = bytes[at]!;
      if (byte === PERCENT) {
        byte = at + 2 < to ? (hexDigit(bytes[at + 1]!) << 4) | hexDigit(bytes[at + 2]!) : -1;
        if (byte < 0x20 || byte === 0x7f) return -1;
        if (byte === SLASH || byte === BACKSLASH) {
          if (this.isEncodedSlashRefused) return -1;
          byte = 0;
        }
        at += 2;
      }
      decoded[length++] = byte;
    }
    return length;
  }

  /**
   * Fills `roots` with the tries of the host, the most specific last. Returns their count, or -1 for a host that cannot be
   * compared. The host is hashed from its end, so that each suffix is a prefix of the work.
   */
  private findRoots(head: RoutableHead): number {
    const { bytes } = head;
    const from = head.authorityStart;
    let to = head.authorityHostEnd;
    if (to > from && bytes[to - 1] === DOT) to--;
    let count = 0;
    let hash = 0;
    for (let at = to - 1; at >= from; at--) {
      const byte = bytes[at]!;
      if (byte === PERCENT) return -1;
      if (byte === DOT && this.routes.wildcardCount > 0 && at > from) {
        const root = this.findHost(bytes, at + 1, to, hash, 1);
        if (root !== 0 && count < rootsMax - 1) this.roots[count++] = root;
      }
      hash = hashStep(hash, lower(byte));
    }
    const root = this.findHost(bytes, from, to, hash, 0);
    if (root !== 0) this.roots[count++] = root;
    return count;
  }

  private findHost(bytes: Uint8Array, from: number, to: number, hash: number, kind: number): number {
    const { hosts, hostMask, pool } = this.routes;
    for (let slot = mixEdge(kind, hash) & hostMask; ; slot = (slot + 1) & hostMask) {
      const row = slot * hostStride;
      const root = hosts[row + HostSlot.root]!;
      if (root === 0) return 0;
      if (hosts[row + HostSlot.hash] !== hash || hosts[row + HostSlot.kind] !== kind) continue;
      if (hosts[row + HostSlot.length] !== to - from) continue;
      const start = hosts[row + HostSlot.start]!;
      let at = from;
      while (at < to && lower(bytes[at]!) === pool[start + at - from]) at++;
      if (at === to) return root;
    }
  }

  /** Walks one trie in the order of precedence; returns a route or -1. The work is bounded by the nodes that fit the path. */
  private walk(root: number, bytes: Uint8Array, segments: number, methodBit: number, head: RoutableHead): number {
    const nodeAt = this.nodeAt;
    const { segmentStart, segmentEnd } = this;
    const { nodes } = this.routes;
    let depth = 0;
    nodeAt[0] = root;
    this.stageAt[0] = Stage.literal;
    while (depth >= 0) {
      const node = nodeAt[depth]!;
      const row = node * nodeStride;
      const stage = this.stageAt[depth]!;
      this.stageAt[depth] = stage + 1;
      let child = 0;
      if (stage === Stage.literal) {
        if (depth < segments) child = this.findEdge(node, bytes, depth);
        else if (nodes[row + NodeRow.exactCount]! !== 0) {
          const first = nodes[row + NodeRow.exactFirst]!;
          const route = this.pick(first, nodes[row + NodeRow.exactCount]!, methodBit, head);
          if (route >= 0) return route;
        }
      } else if (stage === Stage.parameter) {
        if (depth < segments && segmentEnd[depth]! > segmentStart[depth]!) child = nodes[row + NodeRow.parameter]!;
      } else {
        depth--;
        if (nodes[row + NodeRow.prefixCount]! !== 0) {
          const first = nodes[row + NodeRow.prefixFirst]!;
          const route = this.pick(first, nodes[row + NodeRow.prefixCount]!, methodBit, head);
          if (route >= 0) return route;
        }
      }
      if (child === 0) continue;
      depth++;
      nodeAt[depth] = child;
      this.stageAt[depth] = Stage.literal;
    }
    return RouteMiss.none;
  }

  private findEdge(node: number, bytes: Uint8Array, depth: number): number {
    const { edges, edgeMask, pool } = this.routes;
    const hash = this.segmentHash[depth]!;
    const from = this.segmentStart[depth]!;
    const length = this.segmentEnd[depth]! - from;
    for (let slot = mixEdge(node, hash) & edgeMask; ; slot = (slot + 1) & edgeMask) {
      const row = slot * edgeStride;
      const child = edges[row + EdgeSlot.child]!;
      if (child === 0) return 0;
      if (edges[row + EdgeSlot.hash] !== hash || edges[row + EdgeSlot.node] !== node) continue;
      if (edges[row + EdgeSlot.length] !== length) continue;
      const start = edges[row + EdgeSlot.start]!;
      let index = 0;
      while (index < length && bytes[from + index] === pool[start + index]) index++;
      if (index === length) return child;
    }
  }

  /** The first of `count` routes whose method and fields fit; notes the methods of those that only the method kept out. */
  private pick(first: number, count: number, methodBit: number, head: RoutableHead): number {
    if (count === takesAll) return first;
    const { order, routes } = this.routes;
    for (let index = first; index < first + count; index++) {
      const route = order[index]!;
      const mask = routes[route * routeStride + RouteRow.methodMask]!;
      const isMethodRight = mask === 0 || (mask & methodBit) !== 0;
      if (routes[route * routeStride + RouteRow.conditionCount]! > 0 && !this.fieldsFit(route, head)) continue;
      if (isMethodRight) return route;
      this.allowedMethods |= mask;
    }
    return RouteMiss.none;
  }

  private fieldsFit(route: number, head: RoutableHead): boolean {
    const { routes, conditionIsPresent } = this.routes;
    const first = routes[route * routeStride + RouteRow.conditionFirst]!;
    const end = first + routes[route * routeStride + RouteRow.conditionCount]!;
    for (let condition = first; condition < end; condition++) {
      if (this.hasField(condition, head) !== (conditionIsPresent[condition] === 1)) return false;
    }
    return true;
  }

  /** Whether any field has the condition's name and, where one is asked for, its value. */
  private hasField(condition: number, head: RoutableHead): boolean {
    const { pool, nameStart, nameLength, valueStart, valueLength } = this.routes;
    const { bytes } = head;
    for (let field = 0; field < head.fieldCount; field++) {
      const name = head.nameStart[field]!;
      const length = head.nameEnd[field]! - name;
      if (length !== nameLength[condition]) continue;
      let at = 0;
      while (at < length && lower(bytes[name + at]!) === pool[nameStart[condition]! + at]) at++;
      if (at < length) continue;
      const wanted = valueLength[condition]!;
      if (wanted < 0) return true;
      const value = head.valueStart[field]!;
      if (head.valueEnd[field]! - value !== wanted) continue;
      at = 0;
      while (at < wanted && bytes[value + at] === pool[valueStart[condition]! + at]) at++;
      if (at === wanted) return true;
    }
    return false;
  }

  /** Known methods have the bit of their id; others that some route names a bit above; the rest none. */
  private methodBitOf(head: RoutableHead): number {
    if (head.methodId !== 0) return 1 << head.methodId;
    const { methodNames, knownMethodCount } = this.routes;
    const length = head.methodEnd - head.methodStart;
    for (let bit = knownMethodCount; bit < methodNames.length; bit++) {
      const name = methodNames[bit]!;
      if (name.length !== length) continue;
      let at = 0;
      while (at < length && head.bytes[head.methodStart + at] === name.charCodeAt(at)) at++;
      if (at === length) return 1 << bit;
    }
    return 0;
  }
}

/** `.` or `..`, also with the parameters that some servers cut off before they resolve it: `..;x=1`. */
function isDotSegment(bytes: Uint8Array, from: number, to: number): boolean {
  const at = from + 1 < to && bytes[from + 1] === DOT ? from + 2 : from + 1;
  return at === to || (at < to && bytes[at] === SEMICOLON);
}

const needsDecoding = -1;
const isAmbiguous = -2;
const Stage = { literal: 0, parameter: 1 } as const;

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

/** -1 makes the whole byte negative. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
