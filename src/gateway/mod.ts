/** The data plane: one file per phase of a request's life. */
export { Gateway, type GatewayOptions } from "./gateway.ts";
export { RouteMiss, RouteTable } from "./route.ts";
