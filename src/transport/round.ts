/**
 * The end of an event-loop round: who has gathered output is asked to write it then, in one system call for everything the
 * round's callbacks yielded. The poller ends its rounds itself; where it does not run, the runtime's own round is taken. @hot
 */

export interface RoundWriter {
  /** Writes what was gathered. */
  writeRound(): void;
}

const writers: RoundWriter[] = [];
let isScheduled = false;
let isDriven = false;

/** Calls `writeRound` once at the end of this round. The caller asks once a round only. */
export function atRoundEnd(writer: RoundWriter): void {
  writers.push(writer);
  if (!isDriven) schedule();
}

/** Whether somebody calls `endRound` from now on. */
export function driveRounds(isDrivenNow: boolean): void {
  isDriven = isDrivenNow;
  if (!isDriven && writers.length > 0) schedule();
}

/** Whether somebody waits for the end of a round. */
export function isRoundPending(): boolean {
  return writers.length > 0;
}

/** Lets everybody write who asked for it. What they make others write belongs to the next round. */
export function endRound(): void {
  const count = writers.length;
  if (count === 0) return;
  for (let index = 0; index < count; index++) writers[index]!.writeRound();
  writers.copyWithin(0, count);
  writers.length -= count;
}

function schedule(): void {
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(writeAll);
}

function writeAll(): void {
  isScheduled = false;
  endRound();
  if (writers.length > 0 && !isDriven) schedule();
}
