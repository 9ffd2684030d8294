import { expect } from 'chai';
import { micros } from '../../src/core/time.ts';
import { Turns } from '../../src/tcp/turns.ts';

interface Item {
  readonly name: string;
  marked: boolean;
}

const item = (name: string): Item => ({ name, marked: false });

describe('tcp/turns', () => {
  let turns: Turns<Item>;
  let a: Item;
  let b: Item;
  let c: Item;

  beforeEach(() => {
    turns = new Turns();
    [a, b, c] = [item('a'), item('b'), item('c')];
  });

  /** Takes up to `count`; names and since when each has waited. */
  function poll(now: number, count = Infinity): string {
    turns.begin(micros(now));
    const taken: string[] = [];
    while (taken.length < count) {
      const next = turns.take();
      if (next === undefined) break;
      expect(next.marked).to.equal(false);
      taken.push(`${next.name}@${turns.since}`);
    }
    return taken.join(' ');
  }

  it('gives each one turn, in their order, however often it is added', () => {
    for (const next of [b, a, b, c, a]) turns.add(next);
    expect(turns.isEmpty).to.equal(false);
    expect(poll(5)).to.equal('b@5 a@5 c@5');
    expect(turns.isEmpty).to.equal(true);
    expect(poll(6)).to.equal('');
  });

  it('who waits through several polls has waited since the first of them', () => {
    for (const next of [a, b, c]) turns.add(next);
    expect(poll(10, 1)).to.equal('a@10');
    expect(poll(20, 1)).to.equal('b@10');
    turns.add(a);
    expect(poll(30)).to.equal('c@10');
    expect(poll(40)).to.equal('a@30');
  });

  it('who comes again has a turn in the next round, after all of this one', () => {
    for (const next of [a, b]) turns.add(next);
    expect(poll(1, 1)).to.equal('a@1');
    turns.add(a);
    turns.add(c);
    expect(poll(2, 1)).to.equal('b@1');
    expect(turns.isEmpty).to.equal(false);
    expect(poll(3)).to.equal('a@2 c@2');
    expect(turns.isEmpty).to.equal(true);
  });

  it('a round that ends with the last of a poll does not hold the next one up', () => {
    turns.add(a);
    expect(poll(1, 1)).to.equal('a@1');
    expect(turns.isEmpty).to.equal(true);
    turns.add(b);
    expect(poll(2, 1)).to.equal('b@2');
  });
});
