/**
 * How fast the network delivers what is sent: a rate sample for each ACK. draft-cheng-iccrg-delivery-rate-estimation-00; names are its
 * own. A connection has one only while its congestion control asks for samples (`onRate`).
 *
 * What the draft notes with each packet depends only on when it was sent, so there is one record for each time of sending, however
 * much left then. The ACK of something names that time (RACK keeps it with what is outstanding), or, where no such records are kept,
 * the record is found by the highest sequence number that had been sent.
 */
import { NEVER, SECOND, micros } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import type { RateSample } from './congestion/control.ts';
import { MinRtt } from './recovery/min-rtt.ts';
import { seqGt, seqLe } from './seq.ts';
import type { SeqNum } from './seq.ts';

/** Records kept at first, and at most: a round trip of 4 s in quanta of a millisecond. What is sent beyond it shares the last record. */
const FIRST_RECORDS = 16;
export const MAX_SEND_RECORDS = 4096;

/** The places in a record: P.sent_time, the end of what was sent, P.delivered, P.delivered_time, P.first_sent_time, P.is_app_limited. */
const SENT_AT = 0;
const END = 1;
const DELIVERED = 2;
const DELIVERED_AT = 3;
const FIRST_SENT_AT = 4;
const APP_LIMITED = 5;
const FIELDS = 6;

const NONE = new Float64Array(0);

export class DeliveryRate {
  // Reused for every ACK.
  readonly sample: RateSample = {
    delivered: 0,
    lost: 0,
    totalDelivered: 0,
    priorDelivered: -1,
    rate: 0,
    appLimited: false,
    rtt: micros(0),
    priorInFlight: 0,
    inFlight: 0,
    recovering: false,
  };
  /** C.delivered: octets delivered so far. */
  delivered = 0;
  /** The last rate that tells of the network rather than of the program (octets/s); 0 before that. Linux tcpi_delivery_rate. */
  last = 0;
  /** Octets lost that the algorithm has been told of; -1 for one that knows of none. */
  lostTold = -1;
  /** C.delivered_time. */
  #deliveredAt = 0;
  /** C.first_sent_time. */
  #firstSentAt = 0;
  /** C.app_limited: once more than this has been delivered, the last bubble has left the network; 0 for no bubble. */
  #appLimited = 0;
  readonly #minRtt = new MinRtt();
  /** Circular, ascending by time. A power of two of records. */
  #records: Float64Array = NONE;
  #capacity = 0;
  #head = 0;
  #size = 0;

  /** Octets up to `end` are sent, again or for the first time; `fresh`: nothing was outstanding before. §3.2, SendPacket. */
  onSent(end: SeqNum, fresh: boolean, now: Micros): void {
    if (fresh) {
      this.#firstSentAt = now;
      this.#deliveredAt = now;
      this.#size = 0;
    }
    if (this.#size > 0) {
      const last = this.#at(this.#size - 1);
      if (this.#records[last + SENT_AT] === now || this.#size === MAX_SEND_RECORDS) {
        if (seqGt(end, this.#records[last + END]! as SeqNum)) this.#records[last + END] = end;
        return;
      }
    }
    if (this.#size === this.#capacity) this.#grow();
    const at = this.#at(this.#size++);
    const records = this.#records;
    records[at + SENT_AT] = now;
    records[at + END] = end;
    records[at + DELIVERED] = this.delivered;
    records[at + DELIVERED_AT] = this.#deliveredAt;
    records[at + FIRST_SENT_AT] = this.#firstSentAt;
    records[at + APP_LIMITED] = this.#appLimited > 0 ? 1 : 0;
  }

  /** The program has nothing more to send though `inFlight` octets leave room in the window. §3.4. */
  onAppLimited(inFlight: number): void {
    this.#appLimited = Math.max(this.delivered + inFlight, 1);
  }

  /** A time-out: all is sent again from the beginning. */
  forget(): void {
    this.#size = 0;
  }

  /** Nothing is outstanding: an idle connection holds no records. */
  onIdle(): void {
    this.#size = 0;
    this.#records = NONE;
    this.#capacity = 0;
  }

  /**
   * An ACK has delivered `delivered` octets: fills in what `sample` tells of the rate; its `rtt` is there already. `sentAt` is when the
   * latest of them were sent, -1 when that cannot be told, NEVER when nobody keeps that: then `una` finds it. §3.3, GenerateRateSample.
   */
  onAck(delivered: number, sentAt: number, una: SeqNum, now: Micros): void {
    const { sample } = this;
    this.delivered += delivered;
    sample.delivered = delivered;
    sample.totalDelivered = this.delivered;
    sample.priorDelivered = -1;
    sample.rate = 0;
    sample.appLimited = false;
    if (delivered === 0) return;
    this.#deliveredAt = now;
    if (this.#appLimited > 0 && this.delivered > this.#appLimited) this.#appLimited = 0;
    const at = this.#find(sentAt, una);
    if (at < 0) return;
    const records = this.#records;
    const newestAt = records[at + SENT_AT]!;
    // Never shorter than it took to send them, nor than to deliver them: ACKs may be squeezed together, and sending may have been.
    const interval = Math.max(newestAt - records[at + FIRST_SENT_AT]!, now - records[at + DELIVERED_AT]!);
    sample.priorDelivered = records[at + DELIVERED]!;
    sample.appLimited = records[at + APP_LIMITED] === 1;
    this.#firstSentAt = newestAt;
    if (sample.rtt > 0) this.#minRtt.sample(sample.rtt, now);
    // Nothing is delivered in less than the least round trip: such an interval is an artefact.
    if (interval <= 0 || interval < this.#minRtt.value) return;
    sample.rate = ((this.delivered - sample.priorDelivered) * SECOND) / interval;
    if (!sample.appLimited || sample.rate > this.last) this.last = sample.rate;
  }

  /** The place of the record that the ACK tells of, the older ones forgotten; -1 for none. */
  #find(sentAt: number, una: SeqNum): number {
    const bySequence = sentAt === NEVER;
    let found = -1;
    while (this.#size > 0) {
      const at = this.#at(0);
      const told = bySequence ? seqLe(this.#records[at + END]! as SeqNum, una) : this.#records[at + SENT_AT]! <= sentAt;
      if (!told) break;
      found = at;
      this.#head = (this.#head + 1) & (this.#capacity - 1);
      this.#size--;
    }
    // More ACKs may tell of the same time of sending.
    if (found >= 0 && !bySequence) {
      this.#head = (this.#head - 1) & (this.#capacity - 1);
      this.#size++;
    }
    return found;
  }

  #at(index: number): number {
    return ((this.#head + index) & (this.#capacity - 1)) * FIELDS;
  }

  #grow(): void {
    const capacity = Math.max(FIRST_RECORDS, 2 * this.#capacity);
    const records = new Float64Array(capacity * FIELDS);
    for (let i = 0; i < this.#size; i++) {
      const from = this.#at(i);
      records.set(this.#records.subarray(from, from + FIELDS), i * FIELDS);
    }
    this.#records = records;
    this.#capacity = capacity;
    this.#head = 0;
  }
}
