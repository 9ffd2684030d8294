/** A frame as it was seen: a copy of its octets with the facts that its Frame had, for printing later. */
import { Checksum } from '../core/frame.ts';
import type { Frame } from '../core/frame.ts';
import type { DropReason } from '../core/drop.ts';
import type { Micros } from '../core/time.ts';

export interface Captured {
  readonly time: Micros;
  /** As the host sees it that the capture belongs to; '' when it belongs to none. */
  readonly direction: 'in' | 'out' | '';
  /** The frame from its Ethernet header on. */
  readonly bytes: Uint8Array;
  /** Why it was sent, in a few words; '' when nobody said. */
  readonly reason: string;
  /** Payload octets per segment of a super-segment, else 0. */
  readonly gsoSize: number;
  /** Whether the transport checksum is not complete in these octets. */
  readonly partialChecksum: boolean;
  /** Why it was dropped, else undefined. */
  readonly dropped: DropReason | undefined;
}

/** A captured frame from plain octets; `facts` fill in the rest. */
export const captured = (time: Micros, bytes: Uint8Array, facts: Partial<Captured> = {}): Captured => ({
  time,
  direction: '',
  bytes,
  reason: '',
  gsoSize: 0,
  partialChecksum: false,
  dropped: undefined,
  ...facts,
});

/** Copies a frame that starts with its Ethernet header. */
export const captureFrame = (
  frame: Frame,
  time: Micros,
  direction: 'in' | 'out' | '',
  dropped?: DropReason,
): Captured => ({
  time,
  direction,
  bytes: frame.view().slice(),
  reason: frame.reason,
  gsoSize: frame.gsoSize,
  partialChecksum: frame.checksum === Checksum.Partial,
  dropped,
});
