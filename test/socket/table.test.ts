import { expect } from 'chai';
import fc from 'fast-check';
import { Errno } from '../../src/core/errno.ts';
import { OpenFiles } from '../../src/socket/file.ts';
import type { OpenFile } from '../../src/socket/file.ts';
import { ReadinessQueue, Watch } from '../../src/socket/readiness.ts';
import { DescriptorTable, FIRST_DESCRIPTOR } from '../../src/socket/table.ts';

const queue = new ReadinessQueue(1, () => undefined);

class Entry implements OpenFile {
  readonly id: number;
  nonBlocking = false;
  references = 0;
  readonly watch = new Watch(queue, { readiness: () => 0 });
  closed = false;
  constructor(id: number) {
    this.id = id;
  }
  readiness(): number {
    return 0;
  }
  close(): void {
    this.closed = true;
  }
}

/** What is open according to the plainest possible description: the lowest number not in the set comes next. */
interface Model {
  readonly open: Map<number, Entry>;
  nextId: number;
}

const LIMIT = 70;

class Open implements fc.Command<Model, DescriptorTable<Entry>> {
  check(): boolean {
    return true;
  }
  run(model: Model, table: DescriptorTable<Entry>): void {
    const entry = new Entry(model.nextId++);
    let expected = FIRST_DESCRIPTOR;
    while (model.open.has(expected)) expected++;
    if (model.open.size >= LIMIT) expected = -Errno.EMFILE;
    expect(table.open(entry)).to.equal(expected);
    if (expected >= 0) model.open.set(expected, entry);
  }
  toString(): string {
    return 'open';
  }
}

class Close implements fc.Command<Model, DescriptorTable<Entry>> {
  readonly fd: number;
  constructor(fd: number) {
    this.fd = fd;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, table: DescriptorTable<Entry>): void {
    expect(table.close(this.fd)).to.equal(model.open.get(this.fd));
    model.open.delete(this.fd);
  }
  toString(): string {
    return `close(${this.fd})`;
  }
}

class Look implements fc.Command<Model, DescriptorTable<Entry>> {
  readonly fd: number;
  constructor(fd: number) {
    this.fd = fd;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, table: DescriptorTable<Entry>): void {
    expect(table.get(this.fd)).to.equal(model.open.get(this.fd));
    expect(table.size).to.equal(model.open.size);
    expect([...table.entries()]).to.deep.equal([...model.open].sort(([a], [b]) => a - b));
  }
  toString(): string {
    return `get(${this.fd})`;
  }
}

describe('descriptor table', () => {
  it('gives the lowest free number whatever was opened and closed before', () => {
    const fd = fc.integer({ min: -2, max: LIMIT + 6 });
    const commands = fc.commands(
      [fc.constant(new Open()), fc.constant(new Open()), fd.map((n) => new Close(n)), fd.map((n) => new Look(n))],
      { maxCommands: 300, size: '+2' },
    );
    fc.assert(
      fc.property(commands, (run) => {
        fc.modelRun(
          () => ({
            model: { open: new Map<number, Entry>(), nextId: 0 },
            real: new DescriptorTable<Entry>(LIMIT, new OpenFiles(1000)),
          }),
          run,
        );
      }),
      { numRuns: 200 },
    );
  });

  it('finds nothing for numbers that are no descriptors', () => {
    const table = new DescriptorTable<Entry>(4, new OpenFiles(4));
    table.open(new Entry(1));
    for (const fd of [0, 1, 2, 4, -1, 3.5, NaN, Infinity]) {
      expect(table.get(fd), String(fd)).to.equal(undefined);
      expect(table.close(fd), String(fd)).to.equal(undefined);
    }
    expect(table.size).to.equal(1);
  });

  it('is bounded: EMFILE by the table, ENFILE by all tables together', () => {
    const count = new OpenFiles(3);
    const one = new DescriptorTable<Entry>(2, count);
    const other = new DescriptorTable<Entry>(2, count);
    expect([one.open(new Entry(1)), one.open(new Entry(2)), one.open(new Entry(3))]).to.deep.equal([
      3,
      4,
      -Errno.EMFILE,
    ]);
    expect([other.open(new Entry(4)), other.open(new Entry(5))]).to.deep.equal([3, -Errno.ENFILE]);
    one.close(3);
    expect(other.open(new Entry(5))).to.equal(4);
  });
});
