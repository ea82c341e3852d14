/** Routes and heads written as text, for the tests and benchmarks of routing. */
import { assert } from "../base/mod.ts";
import { defaultConfig, parsePathPattern, type RouteConfig } from "../config/mod.ts";
import type { RoutableHead } from "./route.ts";

export interface RouteText {
  readonly hosts?: readonly string[];
  readonly path?: string;
  readonly methods?: readonly string[];
  readonly fields?: readonly { readonly name: string; readonly value?: string; readonly present?: boolean }[];
}

export interface RequestText {
  readonly host?: string;
  readonly path?: string;
  readonly method?: string;
  readonly fields?: readonly (readonly [string, string])[];
}

/** Routes with these matches. Unlike a file's, they may be out of each other's reach. */
export function routesOf(texts: readonly RouteText[]): readonly RouteConfig[] {
  const model = defaultConfig().routes[0]!;
  return texts.map(({ hosts = [], path = "/*", methods = [], fields = [] }, index) => {
    const pattern = parsePathPattern(path);
    assert("segments" in pattern, `${path} is a pattern`);
    const conditions = fields.map((field) => ({ value: null, present: true, ...field }));
    return { ...model, name: `r${index}`, match: { hosts, path: pattern, methods, fields: conditions } };
  });
}

const methods = ["", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"];

/** A head as the parser leaves it, with everything routing reads. */
export function headOf(request: RequestText): RoutableHead {
  const { host = "", path = "/", method = "GET", fields = [] } = request;
  const bytes: number[] = [];
  const put = (text: string): number => {
    bytes.push(...Buffer.from(text, "latin1"));
    return bytes.length;
  };
  const count = fields.length;
  const head = {
    methodId: Math.max(0, methods.indexOf(method)),
    methodStart: 0,
    methodEnd: put(method),
    pathStart: put(" "),
    pathEnd: put(path),
    authorityStart: put(" "),
    authorityHostEnd: put(host.replace(/:\d+$/, "")),
    fieldCount: count,
    nameStart: new Int32Array(count),
    nameEnd: new Int32Array(count),
    valueStart: new Int32Array(count),
    valueEnd: new Int32Array(count),
  };
  for (const [index, [name, value]] of fields.entries()) {
    head.nameStart[index] = put(" ");
    head.nameEnd[index] = put(name);
    head.valueStart[index] = put(": ");
    head.valueEnd[index] = put(value);
  }
  return { ...head, bytes: Uint8Array.from(bytes) };
}
