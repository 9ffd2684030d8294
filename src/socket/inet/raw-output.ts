/**
 * Datagrams of raw sockets on their way out: built in a call, sent at the next poll, like everything else that is sent.
 * Bounded by each socket's SO_SNDBUF.
 */
import type { Frame } from '../../core/frame.ts';
import type { Micros } from '../../core/time.ts';
import type { IpService, OutputOptions, Path } from '../../ip/service.ts';

/** The socket that sent a datagram. */
export interface RawSender {
  /** `octets` have left the queue. What IP refuses by then is a counted drop, as for any datagram. */
  onSent(octets: number): void;
}

interface Pending {
  readonly sender: RawSender;
  readonly path: Path;
  readonly frame: Frame;
  readonly octets: number;
  readonly options: OutputOptions;
  /** The frame brings its own IP header. */
  readonly headerIncluded: boolean;
  /** MSG_CONFIRM. */
  readonly confirm: boolean;
}

export class RawOutput {
  readonly #ip: IpService;
  #queue: Pending[] = [];

  constructor(ip: IpService) {
    this.#ip = ip;
  }

  get pending(): boolean {
    return this.#queue.length > 0;
  }

  /** Takes over the frame's reference. */
  push(
    sender: RawSender,
    path: Path,
    frame: Frame,
    options: OutputOptions,
    confirm: boolean,
    headerIncluded = false,
  ): void {
    this.#queue.push({ sender, path, frame, octets: frame.length, options, confirm, headerIncluded });
  }

  poll(now: Micros): void {
    if (this.#queue.length === 0) return;
    const batch = this.#queue;
    this.#queue = [];
    for (const { sender, path, frame, octets, options, confirm, headerIncluded } of batch) {
      if (confirm) this.#ip.confirm(path, now);
      if (headerIncluded) this.#ip.outputRaw(path, frame, now, options.loop);
      else this.#ip.output(path, frame, options, now);
      sender.onSent(octets);
    }
  }
}
