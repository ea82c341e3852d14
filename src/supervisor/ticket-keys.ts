/**
 * The keys of TLS session tickets. The supervisor makes them, gives them to every worker of every generation, and renews
 * them, so a session begun in one worker resumes in any, also after a restart. They live in memory only: when the supervisor
 * itself ends, clients do one full handshake.
 *
 * A key seals tickets for half a day and opens them for two more halves: a stolen key opens a day and a half at most.
 */

/** Length of one key; see transport/tls. */
const KEY_BYTES = 80;
/** The current key and those before it. */
const KEYS_KEPT = 3;
export const ticketKeyRotationMs = 12 * 3600 * 1000;

export class TicketKeyring {
  private keys: Uint8Array[] = [];

  constructor() {
    this.rotate();
  }

  /** A new key seals from now on; the oldest is forgotten. */
  rotate(): void {
    this.keys = [crypto.getRandomValues(new Uint8Array(KEY_BYTES)), ...this.keys].slice(0, KEYS_KEPT);
  }

  /** As the pipe to the workers carries them, current first. */
  get encoded(): string[] {
    return this.keys.map((key) => Buffer.from(key).toString("base64"));
  }
}
