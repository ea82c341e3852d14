/**
 * The program of a worker, bundled with its bytecode, so that a process serves in half the time that loading a hundred
 * source files takes: 22 ms of processor time instead of 60. It is built beside the running gateway, in a process of lower
 * priority, and kept in `node_modules/.cache/weir` for the next start.
 *
 * An image belongs to the exact source files it was made of: when they change (an upgrade), workers start from the source
 * until a new image is there. Packages are not part of it; the few that a worker needs are found from where it lies. Whatever goes wrong with an image, the source is always good.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Clock, systemClock } from "../base/mod.ts";

/** A build takes a tenth of a second. */
const draftMsMax = 600_000;

export interface WorkerProgram {
  /** What starts a worker now. */
  command(): readonly string[];
  /** The same when it stands for one state of the source, so that what was started from it is not outdated; or null. */
  lastingCommand(): readonly string[] | null;
  /** Looks at the source files again; to be called before a generation starts. */
  refresh(): void;
  /** A worker started from the image did not become ready: from now on only the source is used. */
  distrust(): void;
}

/** A program that is run as it is, without an image. */
export function plainProgram(command: readonly string[]): WorkerProgram {
  return { command: () => command, lastingCommand: () => null, refresh: () => {}, distrust: () => {} };
}

export class WorkerImage implements WorkerProgram {
  private readonly entry: string;
  private readonly sourceFolder: string;
  private readonly cacheFolder: string;
  private readonly clock: Clock;
  private image: string | null = null;
  private isTrusted = true;
  private building: Promise<void> | null = null;

  /** @param sourceFolder holds everything that the entry imports */
  constructor(entry: string, sourceFolder: string, cacheFolder: string, clock: Clock = systemClock) {
    this.clock = clock;
    this.entry = entry;
    this.sourceFolder = sourceFolder;
    this.cacheFolder = cacheFolder;
  }

  command(): readonly string[] {
    return this.lastingCommand() ?? [process.execPath, this.entry];
  }

  lastingCommand(): readonly string[] | null {
    return this.isTrusted && this.image !== null ? [process.execPath, this.image] : null;
  }

  refresh(): void {
    if (!this.isTrusted) return;
    const folder = this.folderOf(this.fingerprint());
    this.image = existsSync(folder) ? join(folder, this.fileName) : null;
    if (this.image !== null || this.building !== null) return;
    this.building = this.build().finally(() => {
      this.building = null;
    });
  }

  distrust(): void {
    this.isTrusted = false;
  }

  /** Resolves when no image is being built. */
  async settled(): Promise<void> {
    await this.building;
  }

  private get fileName(): string {
    return basename(this.entry).replace(/\.ts$/, ".js");
  }

  private get prefix(): string {
    return `worker-${hash([this.entry])}-`;
  }

  private folderOf(fingerprint: string): string {
    return join(this.cacheFolder, `${this.prefix}${fingerprint}`);
  }

  /** Name, size and time of every source file, and the runtime that the bytecode is for. */
  private fingerprint(): string {
    const files = (readdirSync(this.sourceFolder, { recursive: true }) as string[]).filter((name) =>
      name.endsWith(".ts"),
    );
    const facts = files.sort().map((name) => {
      const { size, mtimeMs } = statSync(join(this.sourceFolder, name));
      return `${name} ${size} ${mtimeMs}`;
    });
    return hash([Bun.version, Bun.revision, ...facts]);
  }

  private async build(): Promise<void> {
    const fingerprint = this.fingerprint();
    const folder = this.folderOf(fingerprint);
    // Another gateway may be building the same image.
    const draft = `${folder}.${process.pid}`;
    try {
      mkdirSync(draft, { recursive: true });
      const arguments_ = [
        "build",
        this.entry,
        "--target=bun",
        "--format=cjs",
        "--bytecode",
        "--packages=external",
        `--outdir=${draft}`,
      ];
      const child = Bun.spawn(["nice", "-n", "10", process.execPath, ...arguments_], {
        stdio: ["ignore", "ignore", "ignore"],
        cwd: dirname(this.entry),
      });
      child.unref();
      const isBuilt = (await child.exited) === 0 && existsSync(join(draft, this.fileName));
      // Files that changed meanwhile may be in it by halves.
      if (!isBuilt || this.fingerprint() !== fingerprint) return;
      this.removeOthers(folder);
      renameSync(draft, folder);
      this.image = join(folder, this.fileName);
    } catch {
      // A folder that cannot be written, a full disk, another gateway that was quicker: workers start from the source.
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
  }

  /** Images of this program made of other sources, whose workers have read them, and what broken-off builds left. */
  private removeOthers(folder: string): void {
    for (const name of readdirSync(this.cacheFolder)) {
      const path = join(this.cacheFolder, name);
      if (!name.startsWith(this.prefix) || name === basename(folder)) continue;
      const isDraft = name.includes(".");
      if (isDraft && this.clock.wallMs() - statSync(path).mtimeMs < draftMsMax) continue;
      rmSync(path, { recursive: true, force: true });
    }
  }
}

function hash(parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 16);
}
