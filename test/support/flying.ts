/**
 * A sender in mid-flight, for loss recovery: segments are numbered, ACKs and SACK blocks come in segments, and what is sent is told with
 * its reason. The peer permits SACK, acknowledges the SYN after `RTT`, and never sends text.
 */
import { expect } from 'chai';
import type { TcpConfig } from '../../src/core/config.ts';
import { MS } from '../../src/core/time.ts';
import type { TraceEvent } from '../../src/core/trace.ts';
import { timestampNow } from '../../src/tcp/timestamps.ts';
import { Scene } from './tcp-scene.ts';

export const MSS = 1460;
export const RTT = 100 * MS;
/** When a tail loss probe has gone out: two round trips, and what tlp.ts adds for the grain of clocks. */
export const PTO = 2 * RTT + 10 * MS;
/** Why a segment goes out that RACK has found lost. */
export const RACK = 'fast retransmit: RACK';
export const TLP = 'tail loss probe';

/** Blocks of a SACK option, in segments: [left, right). */
export type Blocks = readonly (readonly [number, number])[];

export class Flying extends Scene {
  /** What recovery has told the trace, as `name: cause`. */
  readonly events: string[] = [];
  /** Octets of a segment: `MSS`, less with timestamps. */
  readonly size: number;

  constructor(tcp: Partial<TcpConfig> = {}) {
    super({ sack: true, ...tcp });
    this.context.trace.listen((event: TraceEvent) => {
      if (event.name.startsWith('recovery-')) this.events.push(`${event.name}: ${String(event.facts['cause'])}`);
    });
    this.window = 65535;
    this.connect().advance(RTT);
    const ts = tcp.timestamps === true ? `<TS=1,${this.take()[0]!.timestamps![0]}>` : '';
    this.deliver(`<SEQ=300><ACK=101><CTL=SYN,ACK><MSS=1460><SACKOK=1>${ts}`).take();
    this.size = this.conn.sender.smss;
  }

  /** Sequence number of the n-th segment, counted from 0. */
  seg(n: number): number {
    return 101 + n * this.size;
  }

  /** The timestamp of a segment sent now. */
  get stamp(): number {
    return timestampNow(this.conn.tcb, this.now) >>> 0;
  }

  /** An ACK of everything before segment n, with SACK blocks in segments; `echo` is the timestamp that it echoes, if they are in use. */
  ack(n: number, blocks: Blocks = [], echo?: number): this {
    const sack = blocks.map(([left, right]) => `${this.seg(left)}-${this.seg(right)}`).join(',');
    const ts = echo === undefined || !this.conn.tcb.timestampsOk ? '' : `<TS=1,${echo}>`;
    return this.deliver(`<SEQ=301><ACK=${this.seg(n)}><CTL=ACK>${sack === '' ? '' : `<SACK=${sack}>`}${ts}`);
  }

  /** Sends segments and asserts that they went out. */
  fly(count: number): this {
    this.write(count * this.size);
    this.poll();
    const octets = this.take().reduce((sum, { data }) => sum + data.length, 0);
    expect(octets).to.equal(count * this.size);
    return this;
  }

  /** Segments that were sent since the last look, by number, with reasons. */
  sentNow(): [number, string][] {
    return this.take()
      .filter((p) => p.data.length > 0)
      .map((p) => [(p.seq - 101) / this.size, p.reason]);
  }

  /** The same without the reasons. */
  numbersNow(): number[] {
    return this.sentNow().map(([n]) => n);
  }
}

/** A connection whose round trip is known, with `count` segments out, numbered from 1. */
export function flying(count: number, tcp: Partial<TcpConfig> = {}): Flying {
  const s = new Flying(tcp);
  const { stamp } = s;
  s.fly(1).advance(RTT).ack(1, [], stamp);
  return s.fly(count);
}
