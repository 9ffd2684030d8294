/**
 * Trace events: what the stack decided and why, as plain data, for whoever listens. Costs one comparison when nobody does.
 *
 * Frames on the wire are seen by a tee on the link (link/tee.ts); this is for what no frame shows: state changes, timers,
 * congestion events, neighbour states.
 */
import type { Micros } from './time.ts';

export interface TraceEvent {
  readonly time: Micros;
  /** Which layer speaks, e.g. 'tcp', 'arp'. */
  readonly layer: string;
  /** What happened, e.g. 'state', 'retransmission-timeout'. */
  readonly name: string;
  /** Facts by name, in the field's own terms (srtt, cwnd ...). */
  readonly facts: Readonly<Record<string, string | number | boolean>>;
}

export type TraceListener = (event: TraceEvent) => void;

export class Trace {
  #listener: TraceListener | undefined = undefined;
  /** Ask this before building an event's facts. */
  enabled = false;

  /** Sets the one listener, or removes it. */
  listen(listener: TraceListener | undefined): void {
    this.#listener = listener;
    this.enabled = listener !== undefined;
  }

  emit(time: Micros, layer: string, name: string, facts: TraceEvent['facts']): void {
    if (this.#listener !== undefined) this.#listener({ time, layer, name, facts });
  }
}
