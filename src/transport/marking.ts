/** Marks on packets: DSCP for the network, SO_PRIORITY for this machine's own queues. 0 leaves either as it is. */
import { SocketOption, setSocketOption } from "./libc.ts";

export interface Marks {
  readonly dscp: number;
  readonly priority: number;
}

type Address = { readonly kind: "ip"; readonly host: string } | { readonly kind: "unix" };

/** The marks that are asked for, or null. */
export function marksOf({ dscp, priority }: Marks): Marks | null {
  return dscp + priority === 0 ? null : { dscp, priority };
}

/** Marks a listening socket: what it accepts inherits the code point, not the priority. */
export function markListening(fd: number, { dscp }: Marks, address: Address): void {
  if (dscp === 0 || address.kind === "unix") return;
  // The code point is the upper six bits of the byte. A socket for both families needs both.
  if (address.host.includes(":")) setSocketOption(fd, SocketOption.ipv6TrafficClass, dscp << 2);
  setSocketOption(fd, SocketOption.ipTypeOfService, dscp << 2);
}

/** Marks a connected socket; the priority last, because the kernel derives one of its own from the code point. */
export function markConnected(socket: unknown, marks: Marks, address: Address): void {
  // The runtime's types do not tell of the descriptor that its sockets have.
  const { fd } = socket as { fd: number };
  markListening(fd, marks, address);
  if (marks.priority > 0) setSocketOption(fd, SocketOption.priority, marks.priority);
}
