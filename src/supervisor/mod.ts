/** Processes: workers, generations, reload, restart and drain, with the admin and metrics interfaces. */
export { type AdminTarget, adminRequest, findAdmin } from "./admin-client.ts";
export type { LogFormat } from "./log.ts";
export { type OperationName, type OperationResult, type ProblemReport, Refusal } from "./operation.ts";
export type { FromWorker, ListenerGrant, ToWorker } from "./protocol.ts";
export { type RunningGateway, type ServeOptions, serve } from "./serve.ts";
export type { Status, WorkerStatus } from "./status.ts";
export { tableCellsOf } from "./table-cells.ts";
export { plainProgram, WorkerImage, type WorkerProgram } from "./worker-image.ts";
