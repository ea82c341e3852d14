/** The configuration of `weir serve` without a file. `examples/default.yaml` is the same text. */
import { assert } from "../base/mod.ts";
import { parseConfig } from "./load.ts";
import type { Config } from "./normalise.ts";

/** The address of the built-in example upstream, which the supervisor starts when no file is given. */
export const exampleUpstreamAddress = "127.0.0.1:9000";

/** What messages call it. */
export const defaultFileName = "(built in)";

export const defaultConfigText = `# What 'weir serve' runs without a file: one listener, metrics, and the built-in example exchange behind it.
# Copy it, change it, and start it with 'weir serve my.yaml'. docs/configuration.md has every setting.
workers: auto
listeners:
  public: { address: "127.0.0.1:8080" }
upstreams:
  # The example exchange, which 'weir serve' starts by itself on this address when it is given no file.
  exchange:
    endpoints: ["${exampleUpstreamAddress}"]
routes:
  - match: { path: "/*" }
    upstream: exchange
metrics: { address: "127.0.0.1:9090" }
accessLog: off
`;

/**
 * A fresh copy each time.
 * @param upstreamAddress where the example exchange listens
 */
export function defaultConfig(upstreamAddress = exampleUpstreamAddress): Config {
  const text = defaultConfigText.replace(`["${exampleUpstreamAddress}"]`, `["${upstreamAddress}"]`);
  const result = parseConfig(text, defaultFileName);
  assert("config" in result, "the built-in configuration is right");
  return result.config;
}
