/**
 * A connection between two hosts in virtual time, for tests of the whole stack: made, watched, spoilt and waited for.
 */
import { expect } from 'chai';
import { getU16, getU32 } from '../../src/core/bytes.ts';
import type { Frame } from '../../src/core/frame.ts';
import { MINUTE, MS, SECOND } from '../../src/core/time.ts';
import { twoHosts } from '../../src/lab/topology.ts';
import type { TwoHosts, TwoHostsOptions } from '../../src/lab/topology.ts';
import { connectTo, serve } from './programs.ts';
import type { StreamEnd, StreamEndOptions } from './programs.ts';

/** Where servers listen. */
export const PORT = 4000;
/** Compared whole, since chai would print every octet. */
export const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** What a TCP segment in a frame on the wire says; undefined for other frames. */
export interface Seen {
  readonly syn: boolean;
  readonly fin: boolean;
  readonly rst: boolean;
  readonly seq: number;
  readonly window: number;
  readonly length: number;
}

export function segmentIn({ bytes, start }: Frame): Seen | undefined {
  if (getU16(bytes, start + 12) !== 0x0800 || bytes[start + 23] !== 6) return undefined;
  const transport = start + 14 + (bytes[start + 14]! & 15) * 4;
  const flags = bytes[transport + 13]!;
  return {
    syn: (flags & 2) !== 0,
    fin: (flags & 1) !== 0,
    rst: (flags & 4) !== 0,
    seq: getU32(bytes, transport + 4),
    window: getU16(bytes, transport + 14),
    length: start + 14 + getU16(bytes, start + 16) - transport - (bytes[transport + 12]! >> 4) * 4,
  };
}

/** Says yes to the first `count` segments that `is` says yes to. */
export function first(is: (seen: Seen) => boolean, count = 1): (frame: Frame) => boolean {
  let left = count;
  return (frame) => {
    const seen = segmentIn(frame);
    if (left === 0 || seen === undefined || !is(seen)) return false;
    left--;
    return true;
  };
}

/** Two hosts with one connection. */
export interface Session {
  readonly lab: TwoHosts;
  readonly client: StreamEnd;
  /** The accepted end. */
  readonly server: StreamEnd;
}

/** Options of both ends. */
export interface Ends {
  readonly client?: StreamEndOptions;
  readonly server?: StreamEndOptions;
}

/** Two hosts on a good line of 5 ms, unless told otherwise. */
export const makeLab = (options: Partial<TwoHostsOptions> = {}): TwoHosts =>
  twoHosts({ seed: 1, delay: 5 * MS, bandwidth: 100_000_000, record: { frames: 200, octets: 0 }, ...options });

/** The last frames, for a test that fails. */
export const story = (lab: TwoHosts): string => `\n${lab.recorder.ladder()}\n`;

/** Runs until `holds`, within `limit` us of virtual time; fails with the story so far. Returns how long it took. */
export function within(lab: TwoHosts, limit: number, what: string, holds: () => boolean): number {
  const { simulation } = lab;
  const start = simulation.now;
  const end = simulation.run(holds, limit);
  expect(end, `${what}, within ${limit / SECOND} s${end === 'reached' ? '' : story(lab)}`).to.equal('reached');
  return simulation.now - start;
}

/** An established connection from a to b. */
export function session(options: Partial<TwoHostsOptions> = {}, ends: Ends = {}): Session {
  const lab = makeLab(options);
  let server: StreamEnd | undefined = undefined;
  serve(lab.b, PORT, (end) => (server = end), ends.server);
  const client = connectTo(lab.a, lab.b.address, PORT, ends.client);
  within(lab, 10 * SECOND, 'connected', () => client.connected && server !== undefined);
  return { lab, client, server: server! };
}

/** Nothing is left of any connection, and no frame is held. */
export function expectAllGone(lab: TwoHosts): void {
  const gone = (): boolean => [...lab.a.stack.tcp.connections(), ...lab.b.stack.tcp.connections()].length === 0;
  within(lab, 3 * MINUTE, 'connections are gone', gone);
  lab.simulation.runFor(SECOND);
  expect(lab.framesInUse(), 'frames in use').to.equal(0);
}
