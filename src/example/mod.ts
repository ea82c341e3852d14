/** The example upstream: a small simulated exchange to put behind a gateway, in a process of its own. */

export { type Behaviour, parseBehaviour, plainBehaviour } from "./behaviour.ts";
export { type Exchange, type ExchangeOptions, startExchange } from "./exchange.ts";
