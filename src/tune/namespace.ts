/**
 * A network namespace of its own: what is measured there changes nothing on the machine, and needs no privileges where user
 * namespaces are allowed. The command runs itself once more inside of it.
 */
import { dlopen, FFIType } from "bun:ffi";
import { ExitCode, say, WeirError } from "../base/mod.ts";
import { messages } from "./messages.ts";

const insideVariable = "WEIR_TUNE_INSIDE";

export function isInsideNamespace(): boolean {
  return process.env[insideVariable] === "1";
}

/** Runs a command in a new namespace with this process's terminal. Returns its exit code. */
export async function runInNamespace(command: readonly string[]): Promise<number> {
  const isRoot = process.getuid?.() === 0;
  const unshare = ["unshare", "--net", ...(isRoot ? [] : ["--user", "--map-root-user"])];
  let probe: { readonly exitCode: number; readonly stderr: { toString(): string } };
  try {
    probe = Bun.spawnSync([...unshare, "true"]);
  } catch (error) {
    throw cannot(String(error));
  }
  if (probe.exitCode !== 0) throw cannot(probe.stderr.toString().trim());
  const child = Bun.spawn([...unshare, ...command], {
    stdio: ["inherit", "inherit", "inherit"],
    env: { ...process.env, [insideVariable]: "1" },
  });
  const pass = (signal: NodeJS.Signals): void => child.kill(signal);
  process.on("SIGINT", pass);
  process.on("SIGTERM", pass);
  const code = await child.exited;
  process.off("SIGINT", pass);
  process.off("SIGTERM", pass);
  return code;
}

function cannot(reason: string): WeirError {
  return new WeirError("tune.no-namespace", say(messages.noNamespace, { reason }), {
    hint: say(messages.noNamespaceHint),
    exitCode: ExitCode.couldNotMeasure,
  });
}

const addressFamilyInet = 2;
const socketDatagram = 2;
const setInterfaceFlags = 0x8914;
const interfaceUp = 1;
const interfaceRunning = 0x40;

/** Brings up loopback, which a new namespace has but down. `struct ifreq`: 16 bytes of name, then the flags. */
export function bringUpLoopback(): void {
  const { i32, u64, ptr } = FFIType;
  const library = dlopen("libc.so.6", {
    socket: { args: [i32, i32, i32], returns: i32 },
    ioctl: { args: [i32, u64, ptr], returns: i32 },
    close: { args: [i32], returns: i32 },
  });
  const request = new Uint8Array(new ArrayBuffer(4096), 0, 40);
  request.set(Buffer.from("lo"));
  new DataView(request.buffer).setInt16(16, interfaceUp | interfaceRunning, true);
  const socket = library.symbols.socket(addressFamilyInet, socketDatagram, 0);
  const result = library.symbols.ioctl(socket, setInterfaceFlags, request);
  library.symbols.close(socket);
  library.close();
  if (socket < 0 || result < 0) throw cannot("lo");
}
