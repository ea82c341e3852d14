/**
 * The shared segment as a mapped file: made and removed by the supervisor, opened by workers. It lies in a memory file
 * system, because a mapped file on a disk stalls its writers for milliseconds whenever the kernel writes it back.
 *
 * Limits: the seats and slots it was made with. A file of another layout, version or size is refused.
 */
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  statfsSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, type Message, say, WeirError } from "../base/mod.ts";
import { messages } from "./messages.ts";
import {
  Header,
  pageBytes,
  type SegmentSizes,
  seatBytes,
  seatsOffset,
  segmentBytes,
  segmentMagic,
  segmentVersion,
  slotsReserved,
} from "./segment-layout.ts";

/** What the supervisor tells a worker over IPC. */
export interface SegmentGrant {
  readonly path: string;
  readonly seat: number;
  /** Slots by `seriesKey(route, upstream)`. */
  readonly slots: Readonly<Record<string, number>>;
}

/** Int32 values common to all workers; use them through Atomics alone. */
export type Cells = Int32Array<ArrayBufferLike>;

/** 4 MiB of a sparse file: rate limits by key and nonces take what they are configured for, the rest is never touched. */
const segmentCellsCount = 1_048_576;

const memoryFileSystem = 0x01021994;
const filePattern = /^segment-(\d+)-\d+$/;
let filesMade = 0;

export class Segment {
  readonly path: string;
  readonly sizes: SegmentSizes;
  readonly cells: Cells;
  private readonly bytes: Uint8Array<ArrayBufferLike>;

  private constructor(path: string, bytes: Uint8Array<ArrayBufferLike>, sizes: SegmentSizes) {
    this.path = path;
    this.bytes = bytes;
    this.sizes = sizes;
    this.cells = new Int32Array(bytes.buffer, bytes.byteOffset + pageBytes, sizes.cells);
  }

  /** Makes a new segment of zeros in `folder` and maps it. Removes segments whose supervisor is gone. */
  static create(sizes: SegmentSizes, folder: string = runtimeFolder()): Segment {
    assert(
      sizes.seats >= 1 && sizes.slots >= slotsReserved && sizes.cells >= 1,
      "a segment has seats, slots and cells",
    );
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    removeOrphans(folder);
    checkRoom(folder, segmentBytes(sizes));
    filesMade += 1;
    const path = join(folder, `segment-${process.pid}-${filesMade}`);
    const descriptor = openSync(path, "wx", 0o600);
    ftruncateSync(descriptor, segmentBytes(sizes));
    closeSync(descriptor);
    const bytes = Bun.mmap(path, { shared: true });
    const header = new Int32Array(bytes.buffer, bytes.byteOffset, pageBytes / 4);
    header[Header.version] = segmentVersion;
    header[Header.seats] = sizes.seats;
    header[Header.slots] = sizes.slots;
    header[Header.cells] = sizes.cells;
    header[Header.supervisorPid] = process.pid;
    Atomics.store(header, Header.magic, segmentMagic);
    return new Segment(path, bytes, sizes);
  }

  /** Maps a segment made by another process. Throws `WeirError` when it is not one of this layout. */
  static open(path: string): Segment {
    if (!existsSync(path)) throw damaged(path, messages.segmentAbsent);
    const size = statSync(path).size;
    if (size < pageBytes) throw damaged(path, messages.segmentShort);
    const bytes = Bun.mmap(path, { shared: true });
    const header = new Int32Array(bytes.buffer, bytes.byteOffset, pageBytes / 4);
    if (header[Header.magic] !== segmentMagic) throw damaged(path, messages.segmentForeign);
    const version = header[Header.version]!;
    if (version !== segmentVersion) throw damaged(path, messages.segmentVersion, version, segmentVersion);
    const sizes = { seats: header[Header.seats]!, slots: header[Header.slots]!, cells: header[Header.cells]! };
    const wanted = segmentBytes(sizes);
    if (size !== wanted) throw damaged(path, messages.segmentSize, size, wanted);
    return new Segment(path, bytes, sizes);
  }

  /** The memory of one seat, as drawn in segment-layout.ts. */
  seat(index: number): Float64Array {
    assert(index >= 0 && index < this.sizes.seats, "a seat lies in its segment");
    const bytes = seatBytes(this.sizes.slots);
    const offset = this.bytes.byteOffset + seatsOffset(this.sizes.cells) + index * bytes;
    return new Float64Array(this.bytes.buffer as ArrayBuffer, offset, bytes / 8);
  }

  /** Removes the file; processes that have it mapped keep it. */
  remove(): void {
    if (existsSync(this.path)) unlinkSync(this.path);
  }
}

/** Where segments lie: the first of these that exists, in memory where the machine has a place for that. */
export function runtimeFolder(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const user = process.getuid?.() ?? 0;
  const wanted = environment["WEIR_RUNTIME_DIR"];
  if (wanted !== undefined && wanted !== "") return wanted;
  const candidates = [environment["RUNTIME_DIRECTORY"], environment["XDG_RUNTIME_DIR"], "/run/weir", "/dev/shm"];
  for (const candidate of candidates) {
    if (candidate === undefined || candidate === "" || !isWritableMemory(candidate)) continue;
    return candidate === "/run/weir" ? candidate : join(candidate, `weir-${user}`);
  }
  return join(tmpdir(), `weir-${user}`);
}

function isWritableMemory(folder: string): boolean {
  try {
    return statfsSync(folder).type === memoryFileSystem && statSync(folder).isDirectory();
  } catch {
    // A place that cannot be looked at cannot be used either: the next candidate follows.
    return false;
  }
}

/**
 * Sizes for so many workers: seats for two generations and two spares, and as many slots up to `slotsWanted` as half the
 * free room of the folder holds, because a container's memory file system may be as small as 64 MiB.
 */
export function planSegment(workersCount: number, slotsWanted = 4096, folder: string = runtimeFolder()): SegmentSizes {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const system = statfsSync(folder);
  const sizes = { seats: 2 * workersCount + 2, slots: slotsReserved, cells: segmentCellsCount };
  const slotBytes = segmentBytes({ ...sizes, slots: slotsReserved + 1 }) - segmentBytes(sizes);
  const affordable = Math.floor((system.bavail * system.bsize) / 2 / slotBytes);
  return { ...sizes, slots: Math.max(64, Math.min(slotsWanted + slotsReserved, affordable)) };
}

/** The file is sparse: without this check a full memory file system would kill workers by SIGBUS, far from the cause. */
function checkRoom(folder: string, bytes: number): void {
  const system = statfsSync(folder);
  const free = system.bavail * system.bsize;
  if (free >= bytes) return;
  throw new WeirError("observe.no-room", say(messages.noRoom, { folder, free, bytes }), {
    hint: say(messages.noRoomHint),
  });
}

function removeOrphans(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = Number(filePattern.exec(name)?.[1] ?? 0);
    if (pid > 0 && pid !== process.pid && !existsSync(`/proc/${pid}`)) unlinkSync(join(folder, name));
  }
}

function damaged(path: string, message: Message, found = 0, wanted = 0): WeirError {
  return new WeirError("observe.segment-damaged", say(message, { path, found, wanted }), {
    hint: say(messages.segmentHint),
  });
}
