/** The program of a worker process, started by the supervisor alone: the data plane in the life of `worker-loop.ts`. */
import { Gateway } from "../gateway/mod.ts";
import { runWorker } from "./worker-loop.ts";

runWorker((options) => new Gateway(options));
