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
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { assert, type Message, say, WeirError } from "../base/mod.ts";
import { messages } from "./messages.ts";
import {
  chunkShift,
  chunkSlots,
  Header,
  pageBytes,
  type SegmentSizes,
  seatBytes,
  seatSlotsAt,
  seatsOffset,
  segmentBytes,
  segmentMagic,
  segmentVersion,
  slotLength,
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

/** 4 MiB of a sparse file, beside what large tables are configured for; what nobody uses is never touched. */
const segmentCellsCount = 1_048_576;

const memoryFileSystem = 0x01021994;
const filePattern = /^segment-(\d+)-\d+$/;
let filesMade = 0;

export class Segment {
  readonly path: string;
  readonly sizes: SegmentSizes;
  readonly cells: Cells;
  private readonly seats: (Float64Array | undefined)[] = [];
  private readonly chunks: (Float64Array | undefined)[] = [];

  /** @param head the mapped header and cells */
  private constructor(path: string, head: Uint8Array, sizes: SegmentSizes) {
    this.path = path;
    this.sizes = sizes;
    this.cells = new Int32Array(head.buffer, head.byteOffset + pageBytes, sizes.cells);
  }

  /** Makes a new segment of zeros in `folder` and maps it. Removes segments whose supervisor is gone. */
  static create(sizes: SegmentSizes, folder: string = runtimeFolder()): Segment {
    assert(
      sizes.seats >= 1 && sizes.slots >= slotsReserved && sizes.cells >= 1,
      "a segment has seats, slots and cells",
    );
    makeFolder(folder);
    removeOrphans(folder);
    checkRoom(folder, segmentBytes(sizes));
    filesMade += 1;
    const path = join(folder, `segment-${process.pid}-${filesMade}`);
    const descriptor = openSync(path, "wx", 0o600);
    ftruncateSync(descriptor, segmentBytes(sizes));
    closeSync(descriptor);
    const head = map(path, 0, seatsOffset(sizes.cells));
    const header = new Int32Array(head.buffer, head.byteOffset, pageBytes / 4);
    header[Header.version] = segmentVersion;
    header[Header.seats] = sizes.seats;
    header[Header.slots] = sizes.slots;
    header[Header.cells] = sizes.cells;
    header[Header.supervisorPid] = process.pid;
    Atomics.store(header, Header.magic, segmentMagic);
    return new Segment(path, head, sizes);
  }

  /** Maps a segment made by another process. Throws `WeirError` when it is not one of this layout. */
  static open(path: string): Segment {
    if (!existsSync(path)) throw damaged(path, messages.segmentAbsent);
    const size = statSync(path).size;
    if (size < pageBytes) throw damaged(path, messages.segmentShort);
    const first = map(path, 0, pageBytes);
    const header = new Int32Array(first.buffer, first.byteOffset, pageBytes / 4);
    if (header[Header.magic] !== segmentMagic) throw damaged(path, messages.segmentForeign);
    const version = header[Header.version]!;
    if (version !== segmentVersion) throw damaged(path, messages.segmentVersion, version, segmentVersion);
    const sizes = { seats: header[Header.seats]!, slots: header[Header.slots]!, cells: header[Header.cells]! };
    const wanted = segmentBytes(sizes);
    if (size !== wanted) throw damaged(path, messages.segmentSize, size, wanted);
    return new Segment(path, map(path, 0, seatsOffset(sizes.cells)), sizes);
  }

  /** The memory of one seat up to its slots, as drawn in segment-layout.ts. */
  seat(index: number): Float64Array {
    assert(index >= 0 && index < this.sizes.seats, "a seat lies in its segment");
    this.seats[index] ??= mapFloats(this.path, this.seatOffset(index), seatSlotsAt(this.sizes.slots));
    return this.seats[index];
  }

  /** The slots of a seat from `chunk * chunkSlots` on. */
  chunk(seat: number, chunk: number): Float64Array {
    const { slots, seats } = this.sizes;
    const first = chunk << chunkShift;
    assert(seat >= 0 && seat < seats && first >= 0 && first < slots, "a chunk of slots lies in its segment");
    const at = seat * chunksCount(slots) + chunk;
    if (this.chunks[at] === undefined) {
      const offset = this.seatOffset(seat) + (seatSlotsAt(slots) + first * slotLength) * 8;
      this.chunks[at] = mapFloats(this.path, offset, Math.min(chunkSlots, slots - first) * slotLength);
    }
    return this.chunks[at];
  }

  /** One slot of a seat. */
  slot(seat: number, slot: number): Float64Array {
    const from = (slot & (chunkSlots - 1)) * slotLength;
    return this.chunk(seat, slot >>> chunkShift).subarray(from, from + slotLength);
  }

  /** Removes the file; processes keep what they have mapped of it and cannot map more. */
  remove(): void {
    if (existsSync(this.path)) unlinkSync(this.path);
  }

  private seatOffset(index: number): number {
    return seatsOffset(this.sizes.cells) + index * seatBytes(this.sizes.slots);
  }
}

/** How many chunks hold so many slots. */
export function chunksCount(slots: number): number {
  return Math.ceil(slots / chunkSlots);
}

function map(path: string, offset: number, bytes: number): Uint8Array {
  const mapped = Bun.mmap(path, { shared: true, offset, size: bytes });
  assert(mapped.length === bytes, "a part of the segment is mapped whole");
  return mapped;
}

function mapFloats(path: string, offset: number, length: number): Float64Array {
  const bytes = map(path, offset, length * 8);
  return new Float64Array(bytes.buffer, bytes.byteOffset, length);
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
 * Sizes for so many workers, or as many as there are processors, because a reload may ask for more than there were at
 * first: seats for two generations and two spares, and as many slots up to `slotsWanted` as half the
 * free room of the folder holds, because a container's memory file system may be as small as 64 MiB.
 * @param tableCells cells of the tables that the configuration asks for
 */
export function planSegment(
  workersCount: number,
  slotsWanted = 4096,
  folder: string = runtimeFolder(),
  tableCells = 0,
): SegmentSizes {
  makeFolder(folder);
  const system = statfsSync(folder);
  const sizes = {
    seats: 2 * Math.max(workersCount, availableParallelism()) + 2,
    slots: slotsReserved,
    // Half of the cells are for policies (cell-directory.ts).
    cells: segmentCellsCount + 2 * tableCells,
  };
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

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new WeirError("observe.no-folder", `The folder ${folder} for shared memory cannot be made: ${reason}.`, {
      hint: "Set WEIR_RUNTIME_DIR to a folder that this user may write, best in a memory file system.",
      cause: error,
    });
  }
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
