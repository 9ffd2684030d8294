import { expect } from 'chai';
import { FramePool } from '../../src/core/frame.ts';
import type { Frame } from '../../src/core/frame.ts';
import { MS, NEVER, SECOND, after, micros } from '../../src/core/time.ts';
import type { Micros } from '../../src/core/time.ts';
import type { FrameSink, Link } from '../../src/link/link.ts';
import { Simulation } from '../../src/lab/simulator.ts';
import type { StackSurface } from '../../src/stack/surface.ts';

/** One end of a wire without a protocol: what is sent arrives at the other end `delay` later, at once after a wake. */
class Wire implements Link {
  readonly name: string;
  readonly mtu = 1500;
  readonly maxSegment = 1500;
  readonly checksumOffload = false;
  peer: Wire | undefined;
  readonly #delay: number;
  readonly #wakes: boolean;
  readonly #arriving: { frame: Frame; time: Micros }[] = [];
  #wake: () => void = () => undefined;

  constructor(name: string, delay: number, wakes = false) {
    this.name = name;
    this.#delay = delay;
    this.#wakes = wakes;
  }

  start(wake: () => void): void {
    this.#wake = wake;
  }

  receive(sink: FrameSink, now: Micros, budget: number): number {
    let count = 0;
    while (count < budget && this.#arriving.length > 0 && this.#arriving[0]!.time <= now) {
      sink(this.#arriving.shift()!.frame, now);
      count++;
    }
    return count;
  }

  send(frame: Frame, now: Micros): void {
    this.peer!.#arriving.push({ frame, time: after(now, this.#delay) });
    if (this.#wakes) this.peer!.#wake();
  }

  nextDeadline(): Micros {
    return this.#wakes ? NEVER : (this.#arriving[0]?.time ?? NEVER);
  }

  close(): void {
    for (const { frame } of this.#arriving.splice(0)) frame.release();
  }
}

/** A stack that answers each frame with one that counts down, and logs its calls. */
class Bouncer implements StackSurface {
  readonly log: string[] = [];
  readonly #waiting: Frame[] = [];
  readonly #link: Link;
  deadline: Micros = NEVER;

  constructor(link: Link) {
    this.#link = link;
  }

  get pending(): boolean {
    return this.#waiting.length > 0;
  }

  receive(port: number, frame: Frame, now: Micros): void {
    this.log.push(`${now} in ${port}: ${frame.bytes[frame.start]!}`);
    this.#waiting.push(frame);
  }

  poll(now: Micros): void {
    this.log.push(`${now} poll`);
    if (this.deadline <= now) this.deadline = NEVER;
    for (const frame of this.#waiting.splice(0)) {
      const left = frame.bytes[frame.start]! - 1;
      frame.bytes[frame.start] = left;
      if (left > 0) this.#link.send(frame, now);
      else frame.release();
    }
  }

  nextDeadline(): Micros {
    return this.deadline;
  }
}

function pair(
  delay: number,
  wakes = false,
): { simulation: Simulation; a: Bouncer; b: Bouncer; kick: (n: number) => void; frames: FramePool } {
  const left = new Wire('left', delay, wakes);
  const right = new Wire('right', delay, wakes);
  left.peer = right;
  right.peer = left;
  const a = new Bouncer(left);
  const b = new Bouncer(right);
  const simulation = new Simulation({ seed: 1, maxRounds: 100 });
  simulation.add('a', a, [left]);
  simulation.add('b', b, [right], [7]);
  const frames = new FramePool();
  const kick = (n: number): void => left.send(frames.from(Uint8Array.of(n)), simulation.now);
  return { simulation, a, b, kick, frames };
}

describe('lab/simulator', () => {
  it('carries a frame to and fro on virtual time, all input before the poll', () => {
    const { simulation, a, b, kick, frames } = pair(10 * MS);
    kick(3);
    expect(simulation.run(() => false)).to.equal('idle');
    expect(b.log).to.deep.equal(['10000 in 7: 3', '10000 poll', '30000 in 7: 1', '30000 poll']);
    expect(a.log).to.deep.equal(['20000 in 0: 2', '20000 poll']);
    expect(simulation.now).to.equal(30_000);
    expect(frames.inUse).to.equal(0);
  });

  it('drains a whole batch before the poll', () => {
    const { simulation, b, kick } = pair(5);
    for (let i = 0; i < 3; i++) kick(1);
    simulation.run(() => false);
    expect(b.log).to.deep.equal(['5 in 7: 1', '5 in 7: 1', '5 in 7: 1', '5 poll']);
  });

  it('takes more frames than one batch at one instant', () => {
    const { simulation, b, kick, frames } = pair(0, true);
    for (let i = 0; i < 200; i++) kick(1);
    expect(simulation.run(() => false)).to.equal('idle');
    expect(b.log.filter((line) => line.includes('in'))).to.have.length(200);
    expect(frames.inUse).to.equal(0);
  });

  it('needs no deadline from a link that wakes', () => {
    const { simulation, b, kick } = pair(0, true);
    simulation.run(micros(100));
    simulation.at(micros(500), () => kick(1));
    expect(simulation.run(() => b.log.length > 0)).to.equal('reached');
    expect(b.log[0]).to.equal('500 in 7: 1');
  });

  it('polls a stack at its deadline and not in between', () => {
    const { simulation, a, b } = pair(1);
    a.deadline = micros(2 * SECOND);
    expect(simulation.nextDeadline()).to.equal(0); // the first drain of each link
    simulation.run(micros(SECOND));
    expect(a.log).to.deep.equal([]);
    expect(simulation.nextDeadline()).to.equal(2 * SECOND);
    simulation.run(() => false);
    expect(a.log).to.deep.equal(['2000000 poll']);
    expect(b.log).to.deep.equal([]);
  });

  it('treats a deadline in the past as due now', () => {
    const { simulation, a } = pair(1);
    simulation.run(micros(1000));
    a.deadline = micros(10);
    simulation.runFor(1);
    expect(a.log).to.deep.equal(['1000 poll']);
  });

  it('stands at the given point afterwards, even when nothing happens', () => {
    const { simulation } = pair(1);
    expect(simulation.run(micros(1234))).to.equal('reached');
    expect(simulation.now).to.equal(1234);
    expect(simulation.runFor(6)).to.equal('reached');
    expect(simulation.now).to.equal(1240);
  });

  it('bounds a run with a condition', () => {
    const { simulation, a } = pair(1);
    a.deadline = micros(10 * SECOND);
    expect(simulation.run(() => false, SECOND)).to.equal('limit');
    expect(simulation.now).to.equal(SECOND);
  });

  it('keeps appointments in order of time, then of making', () => {
    const { simulation } = pair(1);
    const seen: string[] = [];
    simulation.at(micros(20), (now) => seen.push(`b ${now}`));
    simulation.at(micros(10), (now) => seen.push(`a ${now}`));
    simulation.at(micros(20), (now) => seen.push(`c ${now}`));
    simulation.run(micros(100));
    simulation.at(micros(50), (now) => seen.push(`late ${now}`));
    simulation.runFor(0);
    expect(seen).to.deep.equal(['a 10', 'b 20', 'c 20', 'late 100']);
  });

  it('an appointment that a program makes for what is past is kept at the same instant, once the hosts are done', () => {
    const { simulation, kick, b } = pair(0);
    const log: string[] = [];
    let made = false;
    simulation.program('b', (now) => {
      if (made) return;
      made = true;
      simulation.at(micros(now - 3), (then) => log.push(`${then} after ${b.log.length} steps`));
    });
    kick(3);
    simulation.runFor(10);
    expect(log).to.deep.equal([`0 after ${b.log.length} steps`]);
    expect(b.log.at(-1)).to.equal('0 poll');
  });

  it('runs programs after the poll of their host', () => {
    const { simulation, b, kick } = pair(5);
    simulation.program('b', (now) => b.log.push(`${now} program`));
    kick(1);
    simulation.run(micros(5));
    expect(b.log).to.deep.equal(['0 program', '5 in 7: 1', '5 poll', '5 program']);
    expect(() => simulation.program('c', () => undefined)).to.throw('no host named c');
  });

  it('names who is busy when an instant does not end', () => {
    const { simulation, b } = pair(0);
    simulation.program('b', () => (b.deadline = simulation.now));
    expect(() => simulation.run(micros(1))).to.throw('after 100 rounds; busy: b (a timer of its stack is due)');
  });

  it('refuses to be run from a hook', () => {
    const { simulation } = pair(0);
    simulation.program('a', () => simulation.runFor(1));
    expect(() => simulation.runFor(1)).to.throw('must not run the simulation');
  });
});
