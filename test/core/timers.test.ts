import { expect } from 'chai';
import * as fc from 'fast-check';
import { micros, NEVER } from '../../src/core/time.ts';
import type { Micros } from '../../src/core/time.ts';
import { TimerHeap } from '../../src/core/timers.ts';
import type { TimerOwner } from '../../src/core/timers.ts';

interface Named extends TimerOwner {
  readonly id: number;
}

const owner = (id: number, onDeadline: (now: Micros) => void = () => undefined): Named => ({
  id,
  deadline: NEVER,
  heapIndex: -1,
  onDeadline,
});

const OWNERS = 20;

/** The heap beside a plain table of deadlines. */
interface Real {
  readonly heap: TimerHeap;
  readonly owners: readonly Named[];
  readonly called: number[];
}
type Model = Map<number, number>;
type Command = fc.Command<Model, Real>;

function check(model: Model, { heap, owners }: Real): void {
  expect(heap.size).to.equal(model.size);
  expect(heap.next()).to.equal(Math.min(Infinity, ...model.values()));
  const wrong = owners.find(
    ({ id, deadline, heapIndex }) => deadline !== (model.get(id) ?? NEVER) || heapIndex >= 0 !== model.has(id),
  );
  expect(wrong).to.equal(undefined);
}

class Schedule implements Command {
  readonly id: number;
  readonly deadline: number;
  constructor(id: number, deadline: number) {
    this.id = id;
    this.deadline = deadline;
  }
  check = (): boolean => true;
  run(model: Model, real: Real): void {
    real.heap.schedule(real.owners[this.id]!, this.deadline as Micros);
    if (this.deadline === Infinity) model.delete(this.id);
    else model.set(this.id, this.deadline);
    check(model, real);
  }
  toString = (): string => `schedule(${this.id}, ${this.deadline})`;
}

class Cancel implements Command {
  readonly id: number;
  constructor(id: number) {
    this.id = id;
  }
  check = (): boolean => true;
  run(model: Model, real: Real): void {
    real.heap.cancel(real.owners[this.id]!);
    model.delete(this.id);
    check(model, real);
  }
  toString = (): string => `cancel(${this.id})`;
}

class Expire implements Command {
  readonly now: number;
  constructor(now: number) {
    this.now = now;
  }
  check = (): boolean => true;
  run(model: Model, real: Real): void {
    real.called.length = 0;
    const due = [...model].filter(([, deadline]) => deadline <= this.now);
    expect(real.heap.expire(micros(this.now))).to.equal(due.length);
    const times = real.called.map((id) => model.get(id)!);
    expect(times).to.deep.equal(times.toSorted((a, b) => a - b));
    expect(real.called.toSorted()).to.deep.equal(due.map(([id]) => id).toSorted());
    for (const [id] of due) model.delete(id);
    check(model, real);
  }
  toString = (): string => `expire(${this.now})`;
}

describe('core/timers', () => {
  it('any commands: behaves as a sorted table of deadlines', () => {
    const id = fc.nat(OWNERS - 1);
    const commands = fc.commands<Model, Real>(
      [
        fc
          .tuple(id, fc.oneof({ weight: 9, arbitrary: fc.nat(60) }, fc.constant(Infinity)))
          .map(([i, t]) => new Schedule(i, t)),
        id.map((i) => new Cancel(i)),
        fc.nat(60).map((t) => new Expire(t)),
      ],
      { maxCommands: 80, size: 'max' },
    );
    fc.assert(
      fc.property(commands, (steps) => {
        const called: number[] = [];
        const owners = Array.from({ length: OWNERS }, (_, i) => owner(i, () => called.push(i)));
        fc.modelRun(
          () => ({ model: new Map<number, number>(), real: { heap: new TimerHeap(), owners, called } }),
          steps,
        );
      }),
      { numRuns: 100 },
    );
  });

  it('an owner is out of the heap when it is called, and may schedule itself or another', () => {
    const heap = new TimerHeap();
    const story: string[] = [];
    const other = owner(2, (now) => story.push(`other ${now}`));
    const self: Named = owner(1, (now) => {
      story.push(`self ${now} ${self.heapIndex} ${self.deadline}`);
      heap.schedule(self, micros(now + 5));
      heap.schedule(other, now);
    });
    heap.schedule(self, micros(10));
    expect(heap.expire(micros(9))).to.equal(0);
    expect(heap.expire(micros(12))).to.equal(2);
    expect(story).to.deep.equal(['self 12 -1 Infinity', 'other 12']);
    expect(heap.next()).to.equal(17);
  });

  it('an owner may cancel another that is due too', () => {
    const heap = new TimerHeap();
    const victim = owner(2, () => expect.fail('cancelled'));
    heap.schedule(victim, micros(6));
    heap.schedule(
      owner(1, () => heap.cancel(victim)),
      micros(5),
    );
    expect(heap.expire(micros(10))).to.equal(1);
    expect(heap.next()).to.equal(NEVER);
  });
});
