/** A null server of several processes that share one port, for ceilings above what one process serves. */
import { join } from "node:path";
import type { Subprocess } from "bun";

export interface NullServers {
  readonly port: number;
  readonly processIds: readonly number[];
  stop(): Promise<void>;
}

/** Starts the processes one after the other: the first chooses the port, the others join it. */
export async function startNullServers(processesCount: number, host = "127.0.0.1"): Promise<NullServers> {
  const children: Subprocess[] = [];
  const stop = async (): Promise<void> => {
    // A stopped process does not hear a gentler signal.
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children.map((child) => child.exited));
  };
  try {
    let port = 0;
    for (let index = 0; index < processesCount; index++) port = await spawn(children, port, host);
    return { port, processIds: children.map((child) => child.pid), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function spawn(children: Subprocess[], port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "null-worker.ts"), String(port), host], {
      stdio: ["ignore", "ignore", "inherit"],
      ipc: (message: { port: number }) => resolve(message.port),
      onExit: (_child, code) => reject(new Error(`a null server process ended with ${code}`)),
    });
    children.push(child);
  });
}
