/** The program of one null server process: tells its port to whoever spawned it, and ends with that process. */
import { startNullServer } from "./null-server.ts";

const [port = "0", host = "127.0.0.1"] = process.argv.slice(2);
const server = startNullServer({ port: Number(port), host });
process.send!({ port: server.port });
process.on("disconnect", () => process.exit(0));
process.on("SIGINT", () => {});
