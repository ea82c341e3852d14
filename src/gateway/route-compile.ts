/**
 * Compiles routes into the flat arrays that `route.ts` walks. Runs once for each revision of the configuration.
 *
 * Node 0 stands for "none"; node numbers begin with 1. `order` lists the routes of each place one after another, in the
 * order of the file.
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

  readonly hostMask: number;
  readonly hostHash: Int32Array;
  /** 0 exact, 1 the suffix of a wildcard. */
  readonly hostKind: Int32Array;
  readonly hostStart: Int32Array;
  readonly hostLength: Int32Array;
  readonly hostRoot: Int32Array;

  readonly edgeMask: number;
  readonly edgeNode: Int32Array;
  readonly edgeHash: Int32Array;
  readonly edgeStart: Int32Array;
  readonly edgeLength: Int32Array;
  readonly edgeChild: Int32Array;

  readonly parameterChild: Int32Array;
  readonly exactFirst: Int32Array;
  readonly exactCount: Int32Array;
  readonly prefixFirst: Int32Array;
  readonly prefixCount: Int32Array;
  readonly order: Int32Array;

  /** By route. A mask of 0 admits every method. */
  readonly methodMask: Int32Array;
  readonly methodNames: readonly string[];
  readonly knownMethodCount: number;
  readonly conditionFirst: Int32Array;
  readonly conditionCount: Int32Array;

  readonly conditionIsPresent: Uint8Array;
  readonly nameStart: Int32Array;
  readonly nameLength: Int32Array;
  readonly valueStart: Int32Array;
  /** -1 where any value does. */
  readonly valueLength: Int32Array;
}

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
    const hosts = [...this.roots].filter(([host]) => host !== "");
    return {
      segmentsMax: this.segmentsMax,
      hostCount: hosts.length,
      wildcardCount: hosts.filter(([host]) => host.startsWith("*.")).length,
      anyHostRoot: this.roots.get("")?.id ?? 0,
      ...this.hostTable(hosts),
      ...this.edgeTable(),
      ...this.places(),
      ...compileMethods(routes),
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

  private hostTable(hosts: readonly (readonly [string, Node])[]) {
    const size = tableSize(hosts.length);
    const hostMask = size - 1;
    const [hostHash, hostKind, hostStart, hostLength, hostRoot] = columns(size, 5);
    for (const [pattern, root] of hosts) {
      const kind = pattern.startsWith("*.") ? 1 : 0;
      const bytes = [...Buffer.from(kind === 1 ? pattern.slice(2) : pattern, "latin1")];
      const hash = bytes.reduceRight(hashStep, 0);
      let slot = mixEdge(kind, hash) & hostMask;
      while (hostRoot![slot] !== 0) slot = (slot + 1) & hostMask;
      hostHash![slot] = hash;
      hostKind![slot] = kind;
      hostStart![slot] = this.keep(bytes);
      hostLength![slot] = bytes.length;
      hostRoot![slot] = root.id;
    }
    return {
      hostMask,
      hostHash: hostHash!,
      hostKind: hostKind!,
      hostStart: hostStart!,
      hostLength: hostLength!,
      hostRoot: hostRoot!,
    };
  }

  private edgeTable() {
    const size = tableSize(this.nodes.reduce((sum, node) => sum + node.literals.size, 0));
    const edgeMask = size - 1;
    const [edgeNode, edgeHash, edgeStart, edgeLength, edgeChild] = columns(size, 5);
    for (const node of this.nodes) {
      for (const { bytes, child } of node.literals.values()) {
        const hash = bytes.reduce(hashStep, 0);
        let slot = mixEdge(node.id, hash) & edgeMask;
        while (edgeChild![slot] !== 0) slot = (slot + 1) & edgeMask;
        edgeNode![slot] = node.id;
        edgeHash![slot] = hash;
        edgeStart![slot] = this.keep(bytes);
        edgeLength![slot] = bytes.length;
        edgeChild![slot] = child.id;
      }
    }
    return {
      edgeMask,
      edgeNode: edgeNode!,
      edgeHash: edgeHash!,
      edgeStart: edgeStart!,
      edgeLength: edgeLength!,
      edgeChild: edgeChild!,
    };
  }

  private places() {
    const [parameterChild, exactFirst, exactCount, prefixFirst, prefixCount] = columns(this.nodes.length + 1, 5);
    const order: number[] = [];
    for (const node of this.nodes) {
      parameterChild![node.id] = node.parameter?.id ?? 0;
      exactFirst![node.id] = order.length;
      exactCount![node.id] = node.exact.length;
      for (const route of node.exact) order.push(route);
      prefixFirst![node.id] = order.length;
      prefixCount![node.id] = node.prefix.length;
      for (const route of node.prefix) order.push(route);
    }
    return {
      parameterChild: parameterChild!,
      exactFirst: exactFirst!,
      exactCount: exactCount!,
      prefixFirst: prefixFirst!,
      prefixCount: prefixCount!,
      order: Int32Array.from(order),
    };
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
    let first = 0;
    const [conditionFirst, conditionCount] = columns(routes.length, 2);
    for (const [index, route] of routes.entries()) {
      conditionFirst![index] = first;
      conditionCount![index] = route.match.fields.length;
      first += route.match.fields.length;
    }
    return {
      conditionFirst: conditionFirst!,
      conditionCount: conditionCount!,
      conditionIsPresent: Uint8Array.from(all, (field) => (field.present ? 1 : 0)),
      nameStart: nameStart!,
      nameLength: nameLength!,
      valueStart: valueStart!,
      valueLength: valueLength!,
    };
  }
}

function compileMethods(routes: readonly RouteConfig[]) {
  const methodNames = [...knownMethods];
  const bitOf = (method: string): number => {
    const bit = methodNames.indexOf(method);
    return bit >= 0 ? bit : methodNames.push(method) - 1;
  };
  const methodMask = Int32Array.from(routes, ({ match: { methods } }) => {
    const mask = methods.reduce((bits, method) => bits | (1 << bitOf(method)), 0);
    return methods.includes("GET") ? mask | (1 << bitOf("HEAD")) : mask;
  });
  assert(methodNames.length <= methodsMax, "the configuration's checks bound the methods");
  return { methodMask, methodNames, knownMethodCount: knownMethods.length };
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
