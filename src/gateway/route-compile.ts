/**
 * Compiles routes into the flat arrays that `route.ts` walks. Runs once for each revision of the configuration.
 *
 * Node 0 stands for "none"; node numbers begin with 1. What is read together lies together: with 10,000 routes the tables
 * outgrow the processor's near caches, and every row that is touched costs one miss.
 */
import { assert } from "../base/mod.ts";
import type { RouteConfig } from "../config/mod.ts";

/** In the order of the ids that the parser of heads gives them. */
const knownMethods = ["", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"];
const methodsMax = 31;

export interface CompiledRoutes {
  /** Bytes of all literals, hosts, field names and values. */
  readonly pool: Uint8Array;
  readonly segmentsMax: number;
  readonly hostCount: number;
  readonly wildcardCount: number;
  readonly anyHostRoot: number;

  /** Slots of `hostStride` numbers, see `HostSlot`. */
  readonly hosts: Int32Array;
  readonly hostMask: number;
  /** Slots of `edgeStride` numbers, see `EdgeSlot`. */
  readonly edges: Int32Array;
  readonly edgeMask: number;
  /** Rows of `nodeStride` numbers by node, see `NodeRow`. */
  readonly nodes: Int32Array;
  /** Routes of each place one after another, in the order of the file. */
  readonly order: Int32Array;
  /** Rows of `routeStride` numbers by route, see `RouteRow`. */
  readonly routes: Int32Array;

  readonly methodNames: readonly string[];
  readonly knownMethodCount: number;
  readonly conditionIsPresent: Uint8Array;
  readonly nameStart: Int32Array;
  readonly nameLength: Int32Array;
  readonly valueStart: Int32Array;
  /** -1 where any value does. */
  readonly valueLength: Int32Array;
}

/** What stands where in the rows. A row is half a cache line or a whole one, so that a look-up misses the cache once. */
export const HostSlot = { kind: 0, hash: 1, start: 2, length: 3, root: 4 } as const;
export const EdgeSlot = { node: 0, hash: 1, start: 2, length: 3, child: 4 } as const;
export const NodeRow = { parameter: 0, exactFirst: 1, exactCount: 2, prefixFirst: 3, prefixCount: 4 } as const;
export const RouteRow = { methodMask: 0, conditionFirst: 1, conditionCount: 2 } as const;
/** A count that says: one route without conditions on method and fields, and `first` is the route itself. */
export const takesAll = -1;
export const hostStride = 8;
export const edgeStride = 8;
export const nodeStride = 8;
export const routeStride = 4;

/** One step of the hash over the bytes of a segment or host: times 31, the shortest chain of instructions per byte. */
export function hashStep(hash: number, byte: number): number {
  return ((hash << 5) - hash + byte) | 0;
}

/** Spreads a node and a hash over the slots of a table. */
export function mixEdge(node: number, hash: number): number {
  let mixed = Math.imul(hash ^ Math.imul(node, 0x9e3779b1), 0x85ebca6b);
  mixed ^= mixed >>> 15;
  return mixed ^ (mixed >>> 7);
}

interface Node {
  readonly id: number;
  readonly literals: Map<string, { readonly bytes: readonly number[]; readonly child: Node }>;
  parameter: Node | null;
  readonly exact: number[];
  readonly prefix: number[];
}

export function compileRoutes(routes: readonly RouteConfig[]): CompiledRoutes {
  const builder = new Builder();
  for (const [index, route] of routes.entries()) builder.add(route, index);
  return builder.finish(routes);
}

class Builder {
  private readonly nodes: Node[] = [];
  /** By host pattern; the empty one is for every host. */
  private readonly roots = new Map<string, Node>();
  private readonly pool: number[] = [];
  private segmentsMax = 0;

  add(route: RouteConfig, index: number): void {
    const { path, hosts } = route.match;
    this.segmentsMax = Math.max(this.segmentsMax, path.segments.length);
    for (const host of hosts.length === 0 ? [""] : hosts) {
      const root = this.roots.get(host) ?? this.newNode();
      this.roots.set(host, root);
      const end = this.descend(root, route);
      (path.isPrefix ? end.prefix : end.exact).push(index);
    }
  }

  finish(routes: readonly RouteConfig[]): CompiledRoutes {
    const patterns = [...this.roots].filter(([host]) => host !== "");
    return {
      segmentsMax: this.segmentsMax,
      hostCount: patterns.length,
      wildcardCount: patterns.filter(([host]) => host.startsWith("*.")).length,
      anyHostRoot: this.roots.get("")?.id ?? 0,
      ...this.hostTable(patterns),
      ...this.edgeTable(),
      ...this.places(routes),
      ...compileRows(routes),
      ...this.conditions(routes),
      pool: Uint8Array.from(this.pool),
    };
  }

  private newNode(): Node {
    const node: Node = { id: this.nodes.length + 1, literals: new Map(), parameter: null, exact: [], prefix: [] };
    this.nodes.push(node);
    return node;
  }

  private descend(root: Node, route: RouteConfig): Node {
    let node = root;
    for (const segment of route.match.path.segments) {
      if (segment.kind === "parameter") {
        node.parameter ??= this.newNode();
        node = node.parameter;
        continue;
      }
      const key = String.fromCharCode(...segment.bytes);
      const edge = node.literals.get(key) ?? { bytes: segment.bytes, child: this.newNode() };
      node.literals.set(key, edge);
      node = edge.child;
    }
    return node;
  }

  private keep(bytes: readonly number[]): number {
    const start = this.pool.length;
    for (const byte of bytes) this.pool.push(byte);
    return start;
  }

  private hostTable(patterns: readonly (readonly [string, Node])[]) {
    const size = tableSize(patterns.length);
    const hostMask = size - 1;
    const hosts = new Int32Array(size * hostStride);
    for (const [pattern, root] of patterns) {
      const kind = pattern.startsWith("*.") ? 1 : 0;
      const bytes = [...Buffer.from(kind === 1 ? pattern.slice(2) : pattern, "latin1")];
      const hash = bytes.reduceRight(hashStep, 0);
      const row = freeRow(hosts, hostStride, mixEdge(kind, hash), hostMask, HostSlot.root);
      hosts.set([kind, hash, this.keep(bytes), bytes.length, root.id], row);
    }
    return { hosts, hostMask };
  }

  private edgeTable() {
    const size = tableSize(this.nodes.reduce((sum, node) => sum + node.literals.size, 0));
    const edgeMask = size - 1;
    const edges = new Int32Array(size * edgeStride);
    for (const node of this.nodes) {
      for (const { bytes, child } of node.literals.values()) {
        const hash = bytes.reduce(hashStep, 0);
        const row = freeRow(edges, edgeStride, mixEdge(node.id, hash), edgeMask, EdgeSlot.child);
        edges.set([node.id, hash, this.keep(bytes), bytes.length, child.id], row);
      }
    }
    return { edges, edgeMask };
  }

  private places(routes: readonly RouteConfig[]) {
    const nodes = new Int32Array((this.nodes.length + 1) * nodeStride);
    const order: number[] = [];
    const place = (list: readonly number[]): [first: number, count: number] => {
      const match = list.length === 1 ? routes[list[0]!]!.match : null;
      if (match !== null && match.methods.length + match.fields.length === 0) return [list[0]!, takesAll];
      const first = order.length;
      for (const route of list) order.push(route);
      return [first, list.length];
    };
    for (const node of this.nodes) {
      nodes.set([node.parameter?.id ?? 0, ...place(node.exact), ...place(node.prefix)], node.id * nodeStride);
    }
    return { nodes, order: Int32Array.from(order) };
  }

  private conditions(routes: readonly RouteConfig[]) {
    const all = routes.flatMap((route) => route.match.fields);
    const [nameStart, nameLength, valueStart, valueLength] = columns(all.length, 4);
    for (const [index, field] of all.entries()) {
      const name = [...Buffer.from(field.name, "latin1")];
      const value = field.value === null ? [] : [...Buffer.from(field.value, "latin1")];
      nameStart![index] = this.keep(name);
      nameLength![index] = name.length;
      valueStart![index] = this.keep(value);
      valueLength![index] = field.value === null ? -1 : value.length;
    }
    return {
      conditionIsPresent: Uint8Array.from(all, (field) => (field.present ? 1 : 0)),
      nameStart: nameStart!,
      nameLength: nameLength!,
      valueStart: valueStart!,
      valueLength: valueLength!,
    };
  }
}

/** Methods as bits, and where each route's conditions are. */
function compileRows(routes: readonly RouteConfig[]) {
  const methodNames = [...knownMethods];
  const bitOf = (method: string): number => {
    const bit = methodNames.indexOf(method);
    return bit >= 0 ? bit : methodNames.push(method) - 1;
  };
  const rows = new Int32Array(routes.length * routeStride);
  let conditionFirst = 0;
  for (const [index, { match }] of routes.entries()) {
    const named = match.methods.reduce((bits, method) => bits | (1 << bitOf(method)), 0);
    const methodMask = match.methods.includes("GET") ? named | (1 << bitOf("HEAD")) : named;
    rows.set([methodMask, conditionFirst, match.fields.length], index * routeStride);
    conditionFirst += match.fields.length;
  }
  assert(methodNames.length <= methodsMax, "the configuration's checks bound the methods");
  return { routes: rows, methodNames, knownMethodCount: knownMethods.length };
}

/** Where the row of the first free slot begins. A slot is taken when its last number, a node, is not 0. */
function freeRow(table: Int32Array, stride: number, mixed: number, mask: number, node: number): number {
  let slot = mixed & mask;
  while (table[slot * stride + node] !== 0) slot = (slot + 1) & mask;
  return slot * stride;
}

/** A power of two, at most half full, so that runs of taken slots stay short. */
function tableSize(entries: number): number {
  let size = 4;
  while (size < entries * 2) size *= 2;
  return size;
}

function columns(length: number, count: number): Int32Array[] {
  return Array.from({ length: count }, () => new Int32Array(length));
}
