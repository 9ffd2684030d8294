/**
 * Captures a link: each frame, in both directions, as a pcapng record that Wireshark reads, with a comment that says why
 * it was sent or dropped. Frames of a simulation give the same octets at every run with the same seed.
 *
 * A frame that comes in is written when its receiver has returned, so that a drop reason can be noted on it. Partial
 * checksums are completed in the copy that is written. To see frames as they are on the wire put it behind segmentation:
 * `segmented(pcap(link, writer), context)`; in front of it, super-segments are written whole. Files: link/pcap-file.ts.
 */
import { DROP_REASONS } from '../core/drop.ts';
import type { DropReason } from '../core/drop.ts';
import { Checksum } from '../core/frame.ts';
import type { Frame } from '../core/frame.ts';
import { micros } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import { completeChecksumAt, findIpv4 } from '../ip/offload-wire.ts';
import type { Link } from './link.ts';
import { enhancedPacket, interfaceDescription, sectionHeader } from './pcapng.ts';
import { tee } from './tee.ts';
import type { Direction } from './tee.ts';

/** Takes the next octets of a capture file. They are its own to keep. */
export type ByteSink = (bytes: Uint8Array) => void;

export interface PcapOptions {
  /** Wall time of `now` 0 in microseconds since 1970; 0 (the default) keeps simulations deterministic. */
  readonly epoch?: number;
  /** Octets written at most; what comes later is counted in `skipped`. Default: no bound. */
  readonly maxOctets?: number;
}

/** A packet that has been seen but not written yet. */
interface OpenRecord {
  readonly interfaceId: number;
  readonly direction: Direction;
  readonly time: Micros;
  readonly bytes: Uint8Array;
  readonly comments: string[];
  done: boolean;
}

/** Writes one capture file, for any number of links. */
export class PcapWriter {
  readonly #sink: ByteSink;
  readonly #epoch: number;
  readonly #maxOctets: number;
  /** Packets under way, in the order in which they were seen; more than one when a receiver sends at once. */
  readonly #open: OpenRecord[] = [];
  #interfaces = 0;
  #octets = 0;
  /** Packets left out since the file was full. */
  skipped = 0;

  constructor(sink: ByteSink, options: PcapOptions = {}) {
    this.#sink = sink;
    this.#epoch = options.epoch ?? 0;
    this.#maxOctets = options.maxOctets ?? Infinity;
    this.#emit(sectionHeader('tapstack'));
  }

  /** Announces an interface and returns its number. */
  addInterface(name: string): number {
    this.#emit(interfaceDescription(name));
    return this.#interfaces++;
  }

  /** Notes a frame, which is lent; it is written when `finish` is called for it. */
  begin(interfaceId: number, direction: Direction, frame: Frame, now: Micros): void {
    const bytes = frame.view().slice();
    if (frame.checksum === Checksum.Partial) {
      const network = findIpv4(bytes, 0, bytes.length);
      if (network >= 0) completeChecksumAt(bytes, network, bytes.length);
    }
    const comments = frame.reason === '' ? [] : [frame.reason];
    this.#open.push({ interfaceId, direction, time: micros(this.#epoch + now), bytes, comments, done: false });
  }

  /** The frame that was begun last, and not finished, has been dealt with. */
  finish(): void {
    const record = this.#current();
    if (record !== undefined) record.done = true;
    if (!this.#open.every((other) => other.done)) return;
    for (const { interfaceId, direction, time, bytes, comments } of this.#open) {
      this.#emitPacket(enhancedPacket({ interfaceId, direction, time, bytes, originalLength: bytes.length, comments }));
    }
    this.#open.length = 0;
  }

  /**
   * Notes on the packet that is being delivered or sent right now that it was dropped, and why; does nothing between
   * packets. Made to be called by `Drops.listener`.
   */
  annotate(reason: DropReason): void {
    this.#current()?.comments.push(`dropped: ${reason}: ${DROP_REASONS[reason]}`);
  }

  #current(): OpenRecord | undefined {
    return this.#open.findLast((record) => !record.done);
  }

  #emitPacket(bytes: Uint8Array): void {
    // Once full it stays full, so that what is there has no gap.
    if (this.skipped > 0 || this.#octets + bytes.length > this.#maxOctets) this.skipped++;
    else this.#emit(bytes);
  }

  #emit(bytes: Uint8Array): void {
    this.#octets += bytes.length;
    this.#sink(bytes);
  }
}

/** The link with all its frames written to a capture as one more interface. */
export function pcap(link: Link, writer: PcapWriter): Link {
  const interfaceId = writer.addInterface(link.name);
  return tee(
    link,
    (direction, frame, now) => writer.begin(interfaceId, direction, frame, now),
    () => writer.finish(),
  );
}

/** Collects a capture in memory. */
export class CaptureBuffer {
  readonly #parts: Uint8Array[] = [];
  readonly sink: ByteSink = (bytes) => void this.#parts.push(bytes);

  /** The file so far. */
  bytes(): Uint8Array {
    const whole = new Uint8Array(this.#parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}
