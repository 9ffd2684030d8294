/**
 * Whole stacks against frames that nobody should send: nothing throws, every frame that is not processed is a counted drop, no
 * frame leaks, and whoever behaves is served meanwhile and afterwards. More runs with TAPSTACK_DEEP=1.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { DROP_REASONS } from '../../src/core/drop.ts';
import type { DropReason } from '../../src/core/drop.ts';
import type { Frame } from '../../src/core/frame.ts';
import { MINUTE, MS, SECOND } from '../../src/core/time.ts';
import { twoHosts } from '../../src/lab/topology.ts';
import type { TwoHosts } from '../../src/lab/topology.ts';
import { patternBytes } from '../../src/lab/transfer.ts';
import { takeSnapshot } from '../../src/stack/snapshot.ts';
import { mutate, mutation } from '../support/mutations.ts';
import { connectTo, datagramEnd, ping, serveEcho } from '../support/programs.ts';
import type { StreamEnd } from '../support/programs.ts';
import { same } from '../support/session.ts';
import { runs, timeFor } from '../support/runs.ts';

const RUNS = 200;
const ECHO = 7;

/** Counts what reaches one layer of a stack. */
interface Arrived {
  frames: number;
  tcp: number;
}

interface Siege {
  readonly lab: TwoHosts;
  /** Frames that each host got so far, but for those of the guarded connection. */
  readonly seen: { readonly a: Uint8Array[]; readonly b: Uint8Array[] };
  readonly guarded: StreamEnd;
  readonly arrived: Arrived;
  /** Octets that the guarded connection has sent. */
  sent: number;
}

/** a speaks with b in every way that it knows; b's services are echoes. */
function besiege(seed: number): Siege {
  const seen: Siege['seen'] = { a: [], b: [] };
  let guardedPort = -1;
  const watch =
    (into: Uint8Array[], clientPortAt: number) =>
    (frame: Frame): boolean => {
      const bytes = frame.view();
      const isGuarded = bytes[23] === 6 && ((bytes[clientPortAt]! << 8) | bytes[clientPortAt + 1]!) === guardedPort;
      if (!isGuarded && into.length < 200) into.push(bytes.slice());
      return false;
    };
  const lab = twoHosts({
    seed,
    delay: MS,
    impair: { outgoing: { dropIf: watch(seen.b, 34) }, incoming: { dropIf: watch(seen.a, 36) } },
    record: { frames: 1, octets: 0 },
  });
  const { a, b, simulation } = lab;
  const arrived = countArrivals(lab);
  serveEcho(b, ECHO);
  datagramEnd(b, ECHO, '0.0.0.0', true);
  const guarded = connectTo(a, b.address, ECHO);
  guardedPort = a.calls.getsockname(guarded.fd, LOCAL) === 0 ? LOCAL.port : -1;
  simulation.run(() => guarded.connected, SECOND);
  return { lab, seen, guarded, arrived, sent: 0 };
}

const LOCAL = { address: '', port: 0 };

function countArrivals({ b }: TwoHosts): Arrived {
  const arrived = { frames: 0, tcp: 0 };
  const { stack } = b;
  const { tcp } = stack;
  const receive = stack.receive.bind(stack);
  const receiveTcp = tcp.receive.bind(tcp);
  stack.receive = (port, frame, now) => {
    arrived.frames++;
    receive(port, frame, now);
  };
  tcp.receive = (frame, packet, now) => {
    arrived.tcp++;
    return receiveTcp(frame, packet, now);
  };
  return arrived;
}

/** A whole conversation of every kind, whose frames are there to be spoilt. */
function converse({ lab, seen }: Siege): StreamEnd[] {
  const { a, b, simulation } = lab;
  ping(a, b.address);
  const udp = datagramEnd(a, 2000);
  udp.send(patternBytes(100), b.address, ECHO);
  udp.send(patternBytes(10), b.address, 9); // nobody there: Port Unreachable
  datagramEnd(b, 2001).send(patternBytes(10), a.address, 99); // and the other way round
  const whole = connectTo(a, b.address, ECHO).write(patternBytes(3000)).finish();
  const refused = connectTo(a, b.address, 81);
  const open = connectTo(a, b.address, ECHO).write(patternBytes(500));
  simulation.run(() => whole.ended, 5 * SECOND);
  expect(Math.min(seen.a.length, seen.b.length)).to.be.above(10);
  return [whole, refused, open];
}

type Name = 'a' | 'b';

/** Hands octets to a host as if its link had. */
function inject({ lab }: Siege, bytes: Uint8Array, to: Name = 'b'): void {
  if (claims(bytes, to)) return;
  const { stack } = lab[to];
  stack.receive(0, stack.context.frames.from(bytes), lab.simulation.now);
}

/**
 * An ARP packet from a station that has the host's own address: the host gives the address up after two of them, as it
 * should (RFC 5227 §2.4), and serves nobody any more.
 */
function claims(bytes: Uint8Array, whose: Name): boolean {
  const at = bytes[12] === 0x81 && bytes[13] === 0 ? 18 : 14;
  return Buffer.from(bytes.subarray(at + 14, at + 18)).equals(Buffer.from([10, 0, 0, whose === 'a' ? 1 : 2]));
}

const sumOf = (lab: TwoHosts, test: (reason: DropReason) => boolean): number => {
  let sum = 0;
  for (const reason of Object.keys(DROP_REASONS) as DropReason[]) {
    if (test(reason)) sum += lab.b.stack.context.drops.count(reason);
  }
  return sum;
};

/** Drops of IP's that happen before delivery; the rest happen on output. */
const IP_INPUT = (reason: DropReason): boolean =>
  reason.startsWith('ip-') && !reason.startsWith('ip-output') && reason !== 'ip-loopback-full';
const UDP_INPUT = (reason: DropReason): boolean => reason.startsWith('udp-') && reason !== 'udp-error-no-port';

/** Every frame that came is accounted for, layer by layer. */
function expectCountersToAddUp({ lab, arrived }: Siege): void {
  const snapshot = takeSnapshot(lab.b.stack, lab.simulation.now);
  const link = snapshot.interfaces.find((one) => one.name !== 'lo')!;
  expect(link.framesIn + sumOf(lab, (reason) => reason.startsWith('ether-')), 'frames').to.equal(arrived.frames);
  const arp = sumOf(lab, (reason) => reason.startsWith('arp-'));
  expect(link.framesIn - snapshot.ip.received, 'ARP packets').to.be.at.least(arp);
  const { delivered, fragmentsHeld, fragmentsMerged, received } = snapshot.ip;
  expect(delivered + fragmentsHeld + fragmentsMerged + sumOf(lab, IP_INPUT), 'datagrams').to.equal(received);
  const taken = snapshot.icmp.received + snapshot.igmp.received + snapshot.udp.received + arrived.tcp;
  expect(taken, 'delivered').to.equal(snapshot.ip.delivered);
  expect(snapshot.udp.delivered + sumOf(lab, UDP_INPUT), 'UDP').to.equal(snapshot.udp.received);
}

/** The guarded connection still carries octets both ways. */
function expectGuardedWorks(siege: Siege): void {
  const { lab, guarded } = siege;
  guarded.write(patternBytes(5000, siege.sent));
  siege.sent += 5000;
  // A forged ARP packet may lead astray until the neighbour is asked for anew: 5 s of trust and three questions.
  lab.simulation.run(() => guarded.receivedLength === siege.sent || guarded.error !== '', 2 * MINUTE);
  expect(guarded.error).to.equal('');
  expect(guarded.receivedLength).to.equal(siege.sent);
  const last = guarded.received.subarray(siege.sent - 5000);
  expect(same(last, patternBytes(5000, siege.sent - 5000))).to.equal(true);
}

function expectServiceAfterwards(siege: Siege): void {
  const { lab, arrived } = siege;
  const { a, b, simulation } = lab;
  expectGuardedWorks(siege);
  const client = connectTo(a, b.address, ECHO).write(patternBytes(2000)).finish();
  simulation.run(() => client.ended, MINUTE);
  expect(same(client.received, patternBytes(2000)), 'a new client is served').to.equal(true);
  const replies = ping(a, b.address, new Uint8Array(8), 99);
  simulation.run(() => replies.length > 0, 10 * SECOND);
  expect(replies).to.deep.equal([b.address]);
  a.calls.closeAll();
  b.calls.closeAll();
  simulation.runFor(20 * MINUTE);
  expect(lab.framesInUse(), 'frames in use').to.equal(0);
  expect([...b.stack.tcp.connections()].map((conn) => conn.state)).to.deep.equal([]);
  expectCountersToAddUp(siege);
  expect(arrived.frames).to.be.above(0);
}

const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('mutant' as const),
      to: fc.constantFrom('a' as const, 'b' as const, 'b' as const),
      mutation,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pause' as const), span: fc.nat(2 * SECOND) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('talk' as const), length: fc.integer({ min: 1, max: 4000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('finish' as const), length: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('connect' as const), length: fc.nat(2000) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function take(siege: Siege, victims: StreamEnd[], one: Step): void {
  const { simulation } = siege.lab;
  switch (one.kind) {
    case 'mutant':
      inject(siege, mutate(siege.seen[one.to], one.mutation), one.to);
      break;
    case 'pause':
      simulation.runFor(one.span);
      break;
    case 'talk':
      for (const end of victims) if (end.error === '' && end.connected) end.write(patternBytes(one.length));
      simulation.runFor(MS);
      break;
    case 'connect':
      // A handshake whose answer has not come yet.
      victims.push(connectTo(siege.lab.a, siege.lab.b.address, ECHO).write(patternBytes(one.length)));
      simulation.runFor(one.length);
      break;
    case 'finish':
      victims.at(-1)!.finish();
      simulation.runFor(2 * MS);
      break;
  }
}

const VICTIM_MAC = [2, 0, 0, 0, 0, 2];
const STRANGER_MAC = [2, 0, 0, 0, 0, 9];

/** A datagram to the victim in a frame, its header right, and its checksum too where the protocol has one. */
function datagram(protocol: number, rest: Uint8Array): Uint8Array {
  const length = 20 + rest.length;
  const header = [0x45, 0, length >> 8, length & 255, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 77, 10, 0, 0, 2];
  const bytes = Uint8Array.of(...VICTIM_MAC, ...STRANGER_MAC, 8, 0, ...header, ...rest);
  return mutate([bytes], { base: 0, changes: [], repair: 'all' });
}

/** Frames made up from nothing, addressed so that they get as deep as the kind says. */
const made = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => ({ kind: 'octets', bytes })),
  fc
    .tuple(fc.constantFrom(0x0800, 0x0806, 0x86dd, 46, 1500), fc.uint8Array({ maxLength: 120 }))
    .map(([type, rest]) => ({
      kind: 'ethernet',
      bytes: Uint8Array.of(...VICTIM_MAC, ...STRANGER_MAC, type >> 8, type & 255, ...rest),
    })),
  fc
    .tuple(fc.constantFrom(1, 6, 17, 2, 255), fc.uint8Array({ minLength: 1, maxLength: 120 }))
    .map(([protocol, rest]) => ({ kind: 'ip', bytes: datagram(protocol, rest) })),
);

describe('stack: hostile frames', () => {
  it('spoilt frames of real conversations harm nobody else', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), fc.array(step, { minLength: 10, maxLength: 60 }), (seed, steps) => {
        const siege = besiege(seed);
        const victims = converse(siege).slice(2);
        for (const one of steps) take(siege, victims, one);
        expectServiceAfterwards(siege);
      }),
      runs(RUNS),
    );
  }).timeout(timeFor(RUNS, 500));

  it('frames made up from nothing harm nobody', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), fc.array(made, { minLength: 20, maxLength: 100 }), (seed, frames) => {
        const siege = besiege(seed);
        for (const { bytes } of frames) inject(siege, bytes);
        expectServiceAfterwards(siege);
      }),
      runs(RUNS / 2),
    );
  }).timeout(timeFor(RUNS, 500));

  for (const length of [0, 1, 13, 14, 15, 33, 34, 1514, 1515, 9018, 65_535, 65_536, 70_000]) {
    it(`frames of ${length} octets, of every type and of zeros and ones`, () => {
      const siege = besiege(1);
      for (const fill of [0, 1, 0x45, 0xff]) {
        for (const type of [0x0800, 0x0806, 0x8100, 0x86dd, 46, 1500]) {
          const bytes = new Uint8Array(Math.max(length, 14)).fill(fill);
          bytes.set([...VICTIM_MAC, ...STRANGER_MAC, type >> 8, type & 255]);
          inject(siege, bytes.subarray(0, length));
        }
      }
      expectServiceAfterwards(siege);
    });
  }

  it('a whole conversation cut at every octet', () => {
    const siege = besiege(2);
    converse(siege);
    for (const bytes of siege.seen.b.slice(0, 40)) {
      for (let length = 0; length < Math.min(bytes.length, 80); length++) inject(siege, bytes.slice(0, length));
    }
    expectServiceAfterwards(siege);
  });

  it('a whole conversation with every bit of its headers inverted, checksums made right', () => {
    const siege = besiege(3);
    converse(siege);
    for (const original of siege.seen.b.slice(0, 30)) {
      for (let bit = 0; bit < Math.min(original.length, 66) * 8; bit++) {
        const at = (Math.floor(bit / 8) + 0.5) / original.length;
        const bytes = mutate([original], { base: 0, changes: [{ kind: 'flip', at, bit: bit % 8 }], repair: 'all' });
        inject(siege, bytes);
      }
      siege.lab.simulation.runFor(MS);
    }
    expectServiceAfterwards(siege);
  });

  it('a conversation repeated from end to start, and again', () => {
    const siege = besiege(4);
    converse(siege);
    const frames = [...siege.seen.b];
    for (let round = 0; round < 20; round++) {
      for (const bytes of frames.reverse()) inject(siege, bytes);
      siege.lab.simulation.runFor(100 * MS);
    }
    expectServiceAfterwards(siege);
  });
});
