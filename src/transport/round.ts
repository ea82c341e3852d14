/**
 * The end of an event-loop round: who has gathered output in a buffer of its own is asked to write it then, in one system call
 * for everything the round's callbacks yielded. @hot
 */

export interface RoundWriter {
  /** Writes what was gathered. */
  writeRound(): void;
}

const writers: RoundWriter[] = [];
let isScheduled = false;

/** Calls `writeRound` once at the end of this round. The caller asks once a round only. */
export function atRoundEnd(writer: RoundWriter): void {
  writers.push(writer);
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(writeAll);
}

function writeAll(): void {
  isScheduled = false;
  // What these make others write belongs to the next round.
  const count = writers.length;
  for (let index = 0; index < count; index++) writers[index]!.writeRound();
  writers.copyWithin(0, count);
  writers.length -= count;
  if (writers.length === 0 || isScheduled) return;
  isScheduled = true;
  setImmediate(writeAll);
}
