/**
 * A datagram in the making: where it goes, what it is sent with, and what MSG_MORE or UDP_CORK have put together of it so far. udp(7).
 *
 * The first of several sends decides about all of that; those after it bring octets only.
 */
import { copyBytes } from '../../core/bytes.ts';
import type { Path } from '../../ip/service.ts';
import { makeSettings } from './control.ts';
import type { SendSettings } from './control.ts';

const NOTHING = new Uint8Array(0);

export class Draft {
  path: Path | undefined = undefined;
  /** Destination port; 0 where there are none. */
  port = 0;
  readonly settings: SendSettings = makeSettings();
  /** MSG_CONFIRM. */
  confirm = false;
  /** Whether a send has begun it and none has ended it yet. */
  pending = false;
  /** Octets so far. At most what fits into one datagram: the socket checks before it appends. */
  length = 0;
  bytes: Uint8Array = NOTHING;

  append(from: Uint8Array, at: number, length: number): void {
    const end = this.length + length;
    if (end > this.bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.bytes.length));
      copyBytes(this.bytes, 0, grown, 0, this.length);
      this.bytes = grown;
    }
    copyBytes(from, at, this.bytes, this.length, length);
    this.length = end;
    this.pending = true;
  }

  /** Sent, or given up. */
  clear(): void {
    this.pending = false;
    this.length = 0;
    this.bytes = NOTHING;
    this.path = undefined;
  }
}
