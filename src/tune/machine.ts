/**
 * What the machine says of itself: files below a root, which tests replace by a folder, and the few facts that advice
 * depends on. Reading never fails: a file that is not there is a setting that this kernel or container does not have.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export class Machine {
  readonly root: string;

  /** @param root `/` for the real one */
  constructor(root: string) {
    this.root = root;
  }

  /** The file's text on one line with single spaces, or null. @param path from the root, without a leading slash */
  read(path: string): string | null {
    const text = this.readText(path);
    return text === null ? null : text.trim().replace(/\s+/g, " ");
  }

  readText(path: string): string | null {
    try {
      return readFileSync(join(this.root, path), "utf8");
    } catch {
      // Not there, or not for this user: both mean that there is nothing to say about it.
      return null;
    }
  }

  /** The integer that a device file gives in binary, or null. */
  readInteger(path: string): number | null {
    try {
      return readFileSync(join(this.root, path)).readInt32LE(0);
    } catch {
      // As with `readText`, or too short.
      return null;
    }
  }

  /** Returns why it could not be written, or null. */
  write(path: string, value: string): string | null {
    try {
      writeFileSync(join(this.root, path), value);
      return null;
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
  }

  names(path: string): string[] {
    try {
      return readdirSync(join(this.root, path)).sort();
    } catch {
      // As with `read`.
      return [];
    }
  }

  get coresCount(): number {
    return Math.max(1, this.names("sys/devices/system/cpu").filter((name) => /^cpu\d+$/.test(name)).length);
  }

  /** Interfaces that carry traffic to other machines and are up. */
  get interfaces(): string[] {
    return this.names("sys/class/net").filter(
      (name) => name !== "lo" && this.read(`sys/class/net/${name}/operstate`) === "up",
    );
  }

  receiveQueues(name: string): string[] {
    return this.names(`sys/class/net/${name}/queues`).filter((queue) => queue.startsWith("rx-"));
  }

  /** As [6, 18]; [0, 0] when unknown. */
  get kernelVersion(): readonly [number, number] {
    const parts = /^(\d+)\.(\d+)/.exec(this.read("proc/sys/kernel/osrelease") ?? "");
    return parts === null ? [0, 0] : [Number(parts[1]), Number(parts[2])];
  }

  /** Soft and hard limit of open descriptors of this process; Infinity for unlimited, null when unknown. */
  get descriptors(): { readonly soft: number; readonly hard: number } | null {
    const parts = /^Max open files\s+(\S+)\s+(\S+)/m.exec(this.readText("proc/self/limits") ?? "");
    if (parts === null) return null;
    const limit = (text: string): number => (text === "unlimited" ? Number.POSITIVE_INFINITY : Number(text));
    return { soft: limit(parts[1]!), hard: limit(parts[2]!) };
  }

  /** Packets dropped because a core's queue was full, over all cores since the start (second column, hexadecimal). */
  get backlogDrops(): number {
    const lines = (this.readText("proc/net/softnet_stat") ?? "").split("\n");
    return lines.reduce((sum, line) => sum + (Number.parseInt(line.trim().split(/\s+/)[1] ?? "0", 16) || 0), 0);
  }
}
