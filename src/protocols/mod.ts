/** Wire formats as functions over bytes: no sockets, no clock. */
export * from "./http1/mod.ts";
export * from "./http2/mod.ts";
export * from "./proxy/mod.ts";
export * from "./websocket/mod.ts";
