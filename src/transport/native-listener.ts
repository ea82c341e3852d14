/**
 * Accepts from an inherited listening socket past the runtime. A round accepts a bounded number, so that a rush of new
 * connections does not keep those that are open waiting; the kernel tells again of what is left. Out of descriptors, it
 * looks again a while later, because the kernel would tell of the same connection without end.
 */
import type { Accept, Listening } from "./carrying.ts";
import { NativeSocket, readInterest } from "./native-socket.ts";
import { type Polled, poller } from "./poller.ts";
import { accept, closeSocket, NO_DESCRIPTOR, peerHost, Ready } from "./socket-calls.ts";

const ACCEPTED_A_ROUND_MAX = 64;
/** Until then descriptors may have been given back. */
const PAUSE_MS = 50;

export class NativeListener implements Listening, Polled {
  private readonly fd: number;
  private readonly onAccepted: Accept;
  private pause: ReturnType<typeof setTimeout> | null = null;
  private isStopped = false;

  constructor(fd: number, onAccepted: Accept) {
    this.fd = fd;
    this.onAccepted = onAccepted;
    poller.add(fd, Ready.read, this);
  }

  onReady(): void {
    for (let count = 0; count < ACCEPTED_A_ROUND_MAX && !this.isStopped; count++) {
      const descriptor = accept(this.fd);
      if (descriptor === NO_DESCRIPTOR) {
        this.standBack();
        return;
      }
      if (descriptor < 0) return;
      const socket = new NativeSocket(descriptor, readInterest, peerHost());
      poller.add(descriptor, readInterest, socket);
      this.onAccepted(socket);
    }
  }

  stop(): void {
    if (this.isStopped) return;
    this.isStopped = true;
    if (this.pause === null) poller.remove(this.fd);
    else clearTimeout(this.pause);
    closeSocket(this.fd);
  }

  private standBack(): void {
    poller.remove(this.fd);
    this.pause = setTimeout(() => {
      this.pause = null;
      poller.add(this.fd, Ready.read, this);
    }, PAUSE_MS);
  }
}
