/**
 * Initial sequence numbers: ISN = M + F(four-tuple, secret). RFC 9293 §3.4.1 (MUST-8, MUST-9, SHLD-1), RFC 6528 §3.
 *
 * The same construction with another key gives the timestamp offset of a connection (RFC 7323 §5.4).
 */
import type { RandomSource } from '../core/random.ts';
import { randomSipKey, sipHash3 } from '../core/siphash.ts';
import type { SipKey } from '../core/siphash.ts';
import type { Micros } from '../core/time.ts';
import { hashAddress } from '../ip/address.ts';
import { seqNum } from './seq.ts';
import type { SeqNum } from './seq.ts';
import type { Tcb } from './tcb.ts';

/** One tick of the clock M (us). MUST-8. */
export const ISN_TICK = 4;

/** What tells connections apart. */
export type FourTuple = Pick<Tcb, 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'>;

export class IsnGenerator {
  readonly #key: SipKey;
  readonly #timestampKey: SipKey;

  constructor(random: RandomSource) {
    this.#key = randomSipKey(random);
    this.#timestampKey = randomSipKey(random);
  }

  next(tcb: FourTuple, now: Micros): SeqNum {
    const clock = Math.floor(now / ISN_TICK) % 0x1_0000_0000;
    return seqNum(clock + hash(this.#key, tcb));
  }

  timestampOffset(tuple: FourTuple): number {
    return hash(this.#timestampKey, tuple) | 0;
  }
}

const hash = (key: SipKey, tcb: FourTuple): number =>
  sipHash3(key, hashAddress(tcb.localAddress), hashAddress(tcb.remoteAddress), (tcb.localPort << 16) | tcb.remotePort);
