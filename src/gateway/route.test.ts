import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { RouteConfig } from "../config/mod.ts";
import { RouteMiss, RouteTable } from "./route.ts";
import { headOf, type RequestText, type RouteText, routesOf } from "./route-fixture.ts";

const tableOf = (routes: readonly RouteText[]): RouteTable => new RouteTable(routesOf(routes));

function pathMatches(routes: readonly string[], path: string): string | number {
  const index = tableOf(routes.map((text) => ({ path: text }))).match(headOf({ path }));
  return index >= 0 ? routes[index]! : index;
}

describe("paths", () => {
  const routes = ["/*", "/a", "/a/*", "/a/b", "/a/:x", "/a/:x/c", "/a/b/*", "/orders/:id", "/orders/", "/"];
  const cases: [path: string, route: string | number][] = [
    ["/", "/"],
    ["", "/"],
    ["/a", "/a"],
    ["/a/", "/a/*"],
    ["/a/b", "/a/b"],
    ["/a/b/", "/a/b/*"],
    ["/a/b/c", "/a/b/*"],
    ["/a/z", "/a/:x"],
    ["/a/z/c", "/a/:x/c"],
    ["/a/z/d", "/a/*"],
    ["/orders", "/*"],
    ["/orders/", "/orders/"],
    ["/orders/7", "/orders/:id"],
    ["/orders/7/", "/*"],
    ["/zzz", "/*"],
    ["/%61", "/a"],
    ["/%61/%62", "/a/b"],
    ["/a/%2a", "/a/:x"],
    ["/a/b%3Fc", "/a/:x"],
  ];
  for (const [path, route] of cases)
    test(`${path || "(empty)"} takes ${route}`, () => expect(pathMatches(routes, path)).toBe(route));

  test("a prefix takes the path it is made of", () => expect(pathMatches(["/a/*"], "/a")).toBe("/a/*"));
  test("a prefix ends at a segment's end", () => expect(pathMatches(["/a/*"], "/ab")).toBe(RouteMiss.none));
  test("a literal is preferred from the left, not by count", () =>
    expect(pathMatches(["/:x/b/c", "/a/*"], "/a/b/c")).toBe("/a/*"));
});

describe("paths that could be read in two ways are refused", () => {
  const hostile = [
    "/a/../b",
    "/a/..",
    "/..",
    "/.",
    "/a/./b",
    "/a/%2e%2e/b",
    "/a/%2E./b",
    "/a/.%2e",
    "/a/..;/b",
    "/a/.;x/b",
    "/a/..%3b/b",
  ];
  const parting = ["/a%2fb", "/a%2Fb", "/a%5Cb", "//a", "/a//b", "/a/%00", "/a/%0d%0a", "/a/%7f"];
  for (const path of [...hostile, ...parting]) {
    test(path, () => expect(pathMatches(["/*"], path)).toBe(RouteMiss.ambiguousPath));
  }
  test("but not what only looks like it", () => {
    for (const path of ["/.well-known/x", "/a/..b", "/a/b..", "/...", "/a/.b;c", "/a/%2e%2eb"]) {
      expect([path, pathMatches(["/*"], path)]).toEqual([path, "/*"]);
    }
  });
  test("encoded slashes and empty segments pass where the configuration says so, and part nothing", () => {
    const pass = { encodedSlash: "pass", emptySegments: "pass" } as const;
    const table = new RouteTable(routesOf([{ path: "/q/:symbol" }, { path: "/q/EUR/USD" }, { path: "/*" }]), pass);
    expect(table.match(headOf({ path: "/q/EUR%2FUSD" }))).toBe(0);
    expect(table.match(headOf({ path: "/q/EUR/USD" }))).toBe(1);
    expect(table.match(headOf({ path: "/q//USD" }))).toBe(2);
    expect(table.match(headOf({ path: "/q/%2e%2e" }))).toBe(RouteMiss.ambiguousPath);
  });
});

describe("hosts", () => {
  const table = tableOf([
    { path: "/*" },
    { hosts: ["api.example.com"] },
    { hosts: ["*.example.com"] },
    { hosts: ["*.eu.example.com"] },
    { hosts: ["[::1]"], path: "/*" },
  ]);
  const cases: [host: string, route: number][] = [
    ["api.example.com", 1],
    ["API.Example.COM:8443", 1],
    ["api.example.com.", 1],
    ["x.example.com", 2],
    ["x.y.example.com", 2],
    ["x.eu.example.com", 3],
    ["example.com", 0],
    ["badexample.com", 0],
    ["[::1]:80", 4],
    ["", 0],
    ["api%2eexample.com", RouteMiss.ambiguousPath],
  ];
  for (const [host, route] of cases)
    test(`"${host}" takes route ${route}`, () => expect(table.match(headOf({ host }))).toBe(route));
});

describe("methods and fields", () => {
  test("the method is told apart from the path, and Allow names the others", () => {
    const table = tableOf([
      { path: "/orders", methods: ["POST"] },
      { path: "/orders", methods: ["GET", "PURGE"] },
    ]);
    const matched = ["POST", "GET", "HEAD", "PURGE", "PUT", "POSTX"].map((method) =>
      table.match(headOf({ path: "/orders", method })),
    );
    expect(matched).toEqual([0, 1, 1, 1, RouteMiss.methodNotAllowed, RouteMiss.methodNotAllowed]);
    expect(table.allowed()).toBe("GET, HEAD, POST, PURGE");
    expect(table.match(headOf({ path: "/other", method: "PUT" }))).toBe(RouteMiss.none);
  });
  test("a wider route takes what a narrower one's method refuses", () => {
    const table = tableOf([{ path: "/orders", methods: ["POST"] }, { path: "/*" }]);
    expect(table.match(headOf({ path: "/orders", method: "PUT" }))).toBe(1);
  });
  test("fields decide among routes of one path, in the order of the file", () => {
    const table = tableOf([
      { path: "/x", fields: [{ name: "x-lane", value: "order" }] },
      { path: "/x", fields: [{ name: "x-lane" }] },
      { path: "/x", fields: [{ name: "authorization", present: false }] },
      { path: "/x" },
    ]);
    const match = (fields: [string, string][]): number => table.match(headOf({ path: "/x", fields }));
    expect(match([["X-Lane", "order"]])).toBe(0);
    expect(
      match([
        ["x-lane", "market"],
        ["x-lane", "order"],
      ]),
    ).toBe(0);
    expect(match([["X-LANE", "Order"]])).toBe(1);
    expect(match([])).toBe(2);
    expect(match([["Authorization", ""]])).toBe(3);
  });
});

// A matcher that anybody can check by reading: every route is looked at, and the best of those that match is taken.

const hostPatterns = ["a.example", "b.a.example", "*.example", "*.a.example"];
const pathTexts = fc.oneof(
  { weight: 1, arbitrary: fc.constant("/") },
  {
    weight: 8,
    arbitrary: fc
      .tuple(
        fc.array(fc.constantFrom("a", "b", "ab", ":p", ":q", "%61"), { minLength: 0, maxLength: 4 }),
        fc.constantFrom("", "/", "/*"),
      )
      .map(([segments, end]) => `/${segments.join("/")}${segments.length === 0 ? end.slice(1) : end}`)
      .filter((text) => (text.match(/:p/g)?.length ?? 0) < 2 && (text.match(/:q/g)?.length ?? 0) < 2),
  },
);
const routeTexts: fc.Arbitrary<RouteText> = fc.record({
  hosts: fc.subarray(hostPatterns, { maxLength: 2 }),
  path: pathTexts,
  methods: fc.subarray(["GET", "POST", "PURGE"], { maxLength: 2 }),
  fields: fc.oneof(
    fc.constant([]),
    fc.constantFrom<{ name: string; value?: string; present?: boolean }[]>(
      [{ name: "x-a" }],
      [{ name: "x-a", value: "1" }],
      [{ name: "x-a", present: false }],
    ),
  ),
});
const requestTexts: fc.Arbitrary<RequestText> = fc.record({
  host: fc.constantFrom("a.example", "A.EXAMPLE:80", "b.a.example", "c.a.example", "x.example", "other", "example"),
  path: fc
    .array(fc.constantFrom("a", "b", "ab", "abc", "%61", "%62", "z"), { maxLength: 5 })
    .chain((segments) =>
      fc.constantFrom("", segments.length > 0 ? "/" : "").map((end) => `/${segments.join("/")}${end}`),
    ),
  method: fc.constantFrom("GET", "HEAD", "POST", "PURGE", "PUT", "OTHER"),
  fields: fc.constantFrom<[string, string][]>([], [["X-A", "1"]], [["x-a", "2"]]),
});

test("the compiled table agrees with a matcher that looks at every route", () => {
  fc.assert(
    fc.property(
      fc.array(routeTexts, { maxLength: 24 }),
      fc.array(requestTexts, { minLength: 8, maxLength: 8 }),
      (texts, requests) => {
        const routes = routesOf(texts);
        const table = new RouteTable(routes);
        for (const request of requests) expect(table.match(headOf(request))).toBe(naiveMatch(routes, request));
      },
    ),
    { numRuns: 800 },
  );
});

function naiveMatch(routes: readonly RouteConfig[], request: RequestText): number {
  const host = (request.host ?? "").toLowerCase().replace(/:\d+$/, "");
  const segments = decodeURIComponent(request.path ?? "/")
    .slice(1)
    .split("/");
  const ranked = routes
    .map((route, index) => ({ index, route, host: hostRank(route, host), path: pathRank(route, segments) }))
    .filter((found) => found.host !== null && found.path !== null && naiveFieldsFit(found.route, request))
    .sort((a, b) => compare(b.host!, a.host!) || compare(b.path!, a.path!) || a.index - b.index);
  const method = request.method ?? "GET";
  const admits = (route: RouteConfig): boolean => {
    const { methods } = route.match;
    return methods.length === 0 || methods.includes(method) || (method === "HEAD" && methods.includes("GET"));
  };
  const best = ranked.find((found) => admits(found.route));
  if (best !== undefined) return best.index;
  return ranked.length === 0 ? RouteMiss.none : RouteMiss.methodNotAllowed;
}

function hostRank(route: RouteConfig, host: string): number[] | null {
  if (route.match.hosts.length === 0) return [0];
  const ranks = route.match.hosts.flatMap((pattern) => {
    if (pattern === host) return [1000];
    return pattern.startsWith("*.") && host.endsWith(pattern.slice(1)) ? [pattern.length] : [];
  });
  return ranks.length === 0 ? null : [Math.max(...ranks)];
}

/** 3 for a literal, 2 for a parameter, 1 for the end in `*`, 4 for the exact end. */
function pathRank(route: RouteConfig, segments: readonly string[]): number[] | null {
  const { path } = route.match;
  if (path.segments.length > segments.length || (!path.isPrefix && path.segments.length < segments.length)) return null;
  const ranks = path.segments.map((segment, index) => {
    const own = segments[index]!;
    if (segment.kind === "parameter") return own === "" ? 0 : 2;
    return String.fromCharCode(...segment.bytes) === own ? 3 : 0;
  });
  return ranks.includes(0) ? null : [...ranks, path.isPrefix ? 1 : 4];
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((rank, index) => rank !== b[index]);
  return at < 0 ? 0 : a[at]! - (b[at] ?? 0);
}

function naiveFieldsFit(route: RouteConfig, request: RequestText): boolean {
  return route.match.fields.every((wanted) => {
    const found = (request.fields ?? []).some(
      ([name, value]) => name.toLowerCase() === wanted.name && (wanted.value === null || wanted.value === value),
    );
    return found === wanted.present;
  });
}
