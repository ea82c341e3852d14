/** The PROXY protocol of balancers. */
export { type ProxyHeader, type ProxyVersions, readProxyHeader } from "./proxy-header.ts";
