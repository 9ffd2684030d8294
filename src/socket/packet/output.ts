/**
 * Frames of packet sockets on their way out: built in a call, sent at the next poll, like everything else that is sent.
 * Bounded by each socket's SO_SNDBUF.
 */
import type { Drops } from '../../core/drop.ts';
import type { Frame } from '../../core/frame.ts';
import type { Micros } from '../../core/time.ts';
import type { Device } from '../../ethernet/device.ts';

/** The socket that sent a frame. */
export interface FrameSender {
  /** `octets` have left the queue. */
  onSent(octets: number): void;
}

interface Pending {
  readonly sender: FrameSender;
  readonly device: Device;
  readonly frame: Frame;
  readonly octets: number;
  readonly protocol: number;
}

export class PacketOutput {
  /** Whose frame is being sent right now: it is not shown to that socket. */
  sender: FrameSender | undefined = undefined;
  readonly #drops: Drops;
  #queue: Pending[] = [];

  constructor(drops: Drops) {
    this.#drops = drops;
  }

  get pending(): boolean {
    return this.#queue.length > 0;
  }

  /** Takes over the frame's reference. */
  push(sender: FrameSender, device: Device, frame: Frame, octets: number, protocol: number): void {
    this.#queue.push({ sender, device, frame, octets, protocol });
  }

  poll(now: Micros): void {
    const batch = this.#queue;
    this.#queue = [];
    for (const { sender, device, frame, octets, protocol } of batch) {
      this.sender = sender;
      if (device.up) {
        device.transmit(frame, protocol, now);
      } else {
        this.#drops.drop('link-down', frame);
        frame.release();
      }
      sender.onSent(octets);
    }
    this.sender = undefined;
  }
}
