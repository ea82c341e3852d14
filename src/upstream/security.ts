/** TLS towards an upstream, as its connections need it: sessions over our sockets, or options for the runtime's own TLS. */
import type { TlsClientContext } from "../transport/mod.ts";

export type UpstreamSecurity = {
  /** The name to ask for and verify; null for the endpoint's own. */
  readonly serverName: string | null;
} & (
  | { readonly kind: "bytes"; readonly context: TlsClientContext }
  | { readonly kind: "socket"; readonly verifies: boolean; readonly options: (serverName: string) => Bun.TLSOptions }
);
