/** The program that loads a large configuration beside the supervisor: prints what `loadConfig` returns as JSON. */
import { loadConfig } from "../config/mod.ts";

await Bun.write(Bun.stdout, JSON.stringify(loadConfig(Bun.argv[2]!)));
