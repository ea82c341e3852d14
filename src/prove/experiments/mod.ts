/** Every experiment, in the order of a suite: what others build on comes first. */
import { burst } from "./burst.ts";
import { connections } from "./connections.ts";
import type { Experiment } from "./experiment.ts";
import { gc } from "./gc.ts";
import { crash, handover } from "./handover.ts";
import { knee } from "./knee.ts";
import { memory } from "./memory.ts";
import { mix } from "./mix.ts";
import { peers } from "./peers.ts";
import { pool } from "./pool.ts";
import { scale } from "./scale.ts";
import { soak } from "./soak.ts";
import { tls } from "./tls.ts";

export type { Experiment } from "./experiment.ts";

export const experiments: readonly Experiment[] = [
  knee,
  connections,
  memory,
  gc,
  mix,
  burst,
  handover,
  crash,
  soak,
  pool,
  scale,
  tls,
  peers,
];
