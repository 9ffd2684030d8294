import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Frame } from '../../src/core/frame.ts';
import { FramePool } from '../../src/core/frame.ts';
import { micros, NEVER, VirtualClock } from '../../src/core/time.ts';
import type { Clock, Micros } from '../../src/core/time.ts';
import type { FrameSink, Link } from '../../src/link/link.ts';
import { Driver, MonotonicClock } from '../../src/stack/driver.ts';
import type { DriverOptions } from '../../src/stack/driver.ts';
import type { StackSurface } from '../../src/stack/surface.ts';

/** A link whose frames the test puts in. */
class TestLink implements Link {
  readonly name = 'test';
  readonly mtu = 1500;
  readonly maxSegment = 1500;
  readonly checksumOffload = false;
  readonly arrived: Frame[] = [];
  deadline: Micros = NEVER;
  closed = 0;
  wake: () => void = () => undefined;

  start(wake: () => void): void {
    this.wake = wake;
  }

  receive(sink: FrameSink, now: Micros, budget: number): number {
    if (this.closed > 0) return 0;
    const batch = this.arrived.splice(0, budget);
    for (const frame of batch) sink(frame, now);
    return batch.length;
  }

  send(frame: Frame): void {
    frame.release();
  }

  nextDeadline(): Micros {
    return this.deadline;
  }

  close(): void {
    this.closed++;
  }
}

/** A stack that only writes down what the driver does. */
class TestStack implements StackSurface {
  log: string[] = [];
  polls = 0;
  polledAt: Micros = micros(0);
  deadline: Micros = NEVER;
  pending = false;

  receive(port: number, frame: Frame): void {
    this.log.push(`frame ${port}`);
    frame.release();
  }

  poll(now: Micros): void {
    this.log.push('poll');
    this.polls++;
    this.polledAt = now;
    this.pending = false;
    if (this.deadline <= now) this.deadline = NEVER;
  }

  nextDeadline(): Micros {
    return this.deadline;
  }
}

describe('stack/driver', () => {
  const clock = new MonotonicClock();
  let pool: FramePool;
  let stack: TestStack;
  let links: TestLink[];
  let driver: Driver;
  /** Of a second host. */
  let other: Driver | undefined;

  beforeEach(() => {
    pool = new FramePool();
    stack = new TestStack();
    links = [new TestLink(), new TestLink()];
  });

  afterEach(() => {
    driver.close();
    other?.close();
    other = undefined;
  });

  /** A started driver that has had its first turn. */
  const started = async (options: DriverOptions = {}, time: Clock = clock): Promise<void> => {
    const deliver = options.deliver ?? (() => 0);
    let live = false;
    driver = new Driver(stack, links, time, { lookFor: 0, ...options, deliver: () => (live ? deliver() : 0) });
    driver.start();
    await turns(2);
    // A wake is answered by a turn of the event loop again, not at once. A timer of 1 ms may end after a tenth of it.
    await sleep(2);
    live = true;
    stack.log = [];
    stack.polls = 0;
  };
  const arrive = (port: number, count: number): void => {
    for (let i = 0; i < count; i++) links[port]!.arrived.push(pool.from(new Uint8Array(60)));
    links[port]!.wake();
  };

  it('does nothing before start, and starts once', async () => {
    driver = new Driver(stack, links, clock);
    driver.kick();
    await turns(2);
    expect(stack.polls).to.equal(0);
    driver.start();
    expect(() => driver.start()).to.throw(/running already/);
  });

  it('MUST-58, MUST-59: takes all frames of a batch, then tells programs, then polls once', async () => {
    await started({ deliver: () => stack.log.push('deliver') });
    arrive(0, 2);
    arrive(1, 1);
    await turns(1);
    expect(stack.log).to.deep.equal(['frame 0', 'frame 0', 'frame 1', 'deliver', 'poll', 'deliver']);
    expect(pool.inUse).to.equal(0);
  });

  it('polls once programs have answered, however many promises that takes them', async () => {
    const answer = async (): Promise<void> => {
      for (let i = 0; i < 10; i++) await Promise.resolve();
      stack.log.push('answer');
      driver.kick();
    };
    await started({
      deliver: () => {
        if (stack.polls > 0) return 0;
        void answer();
        return 1;
      },
    });
    arrive(0, 1);
    await turns(2);
    expect(stack.log).to.deep.equal(['frame 0', 'answer', 'poll']);
  });

  it('takes a bounded batch of each link, and the event loop comes round in between', async () => {
    await started({ budget: 2 });
    arrive(0, 5);
    arrive(1, 1);
    let rounds = 0;
    const count = (): void => {
      stack.log.push('loop');
      if (++rounds < 4) setImmediate(count);
    };
    setImmediate(count);
    await turns(5);
    expect(stack.log.filter((entry) => entry !== 'poll')).to.deep.equal([
      'frame 0',
      'frame 0',
      'frame 1',
      'loop',
      'frame 0',
      'frame 0',
      'loop',
      'frame 0',
      'loop',
      'loop',
    ]);
  });

  it('a batch of large frames is bounded by their octets', async () => {
    await started();
    for (let i = 0; i < 20; i++) links[0]!.arrived.push(pool.from(new Uint8Array(65_000)));
    links[0]!.wake();
    await turns(3);
    const frames = (log: string[]): number => log.filter((entry) => entry === 'frame 0').length;
    const first = stack.log.indexOf('poll');
    expect(frames(stack.log.slice(0, first))).to.be.within(8, 16);
    expect(frames(stack.log)).to.equal(20);
  });

  it('polls once for all kicks of a program, before the event loop comes round', async () => {
    await started();
    setImmediate(() => stack.log.push('loop'));
    driver.kick();
    driver.kick();
    expect(stack.polls).to.equal(0);
    await turns(2);
    expect(stack.log).to.deep.equal(['poll', 'loop']);
  });

  it('programs that kick from microtasks for ever do not stop the event loop', async () => {
    let going = true;
    await started({
      deliver: () => {
        if (going) queueMicrotask(() => driver.kick());
        return 0;
      },
    });
    driver.kick();
    await turns(3);
    await sleep(1);
    going = false;
    expect(stack.polls).to.be.greaterThan(3);
  });

  it('what programs do when they are told goes out in the same turn, within bounds', async () => {
    let answers = 1;
    const deliver = (): number => {
      stack.log.push('deliver');
      if (answers-- > 0) stack.pending = true;
      return 0;
    };
    await started({ deliver }, new VirtualClock());
    arrive(0, 1);
    await turns(1);
    expect(stack.log).to.deep.equal(['frame 0', 'deliver', 'poll', 'deliver']);
    let polls = 0;
    setImmediate(() => {
      polls = stack.polls;
      answers = 0;
    });
    answers = Infinity;
    driver.kick();
    await turns(2);
    expect(polls).to.equal(1 + 4);
  });

  it('output that takes long is followed by a look at what has come in, not by more output', async () => {
    const time = new VirtualClock();
    await started({}, time);
    const poll = stack.poll.bind(stack);
    stack.poll = (now) => {
      poll(now);
      time.advanceTo(micros(now + 300));
      links[0]!.arrived.push(pool.from(new Uint8Array(60)));
      stack.pending = stack.polls < 4;
    };
    driver.kick();
    await turns(5);
    expect(stack.log.slice(0, 7).join()).to.equal('poll,frame 0,poll,frame 0,poll,frame 0,poll');
  });

  it('before a timer that is due runs, what has come in is looked at', async () => {
    const time = new VirtualClock();
    let rounds = 0;
    const deliver = (): number => {
      if (stack.polls === 0 || ++rounds > 2) return 0;
      stack.pending = true;
      stack.deadline = time.now();
      links[0]!.arrived.push(pool.from(new Uint8Array(60)));
      return 0;
    };
    await started({ deliver }, time);
    driver.kick();
    await turns(3);
    expect(stack.log.slice(0, 3)).to.deep.equal(['poll', 'frame 0', 'poll']);
  });

  it('while frames wait in a link, output is polled once for each batch of input', async () => {
    await started({
      budget: 1,
      deliver: () => {
        stack.pending = true;
        return 0;
      },
    });
    arrive(0, 3);
    await turns(2);
    expect(stack.log).to.deep.equal(['frame 0', 'poll', 'frame 0', 'poll']);
  });

  it('hosts on a cable answer each other before the event loop comes round, but not for ever', async () => {
    const time = new VirtualClock(micros(1_000_000));
    const pass = (span: number): void => time.advanceTo(micros(time.now() + span));
    other = new Driver(stack, [links[1]!], time, { lookFor: 0 });
    driver = new Driver(stack, [links[0]!], time, { lookFor: 0 });
    for (const one of [driver, other]) one.start();
    await turns(2);
    let left = 0;
    const send = (to: number): void => {
      if (left-- > 0) arrive(to, 1);
    };
    for (const [at, link] of links.entries()) {
      const receive = link.receive.bind(link);
      link.receive = (sink, now, budget) => {
        const count = receive(sink, now, budget);
        if (count > 0) queueMicrotask(() => send(1 - at));
        return count;
      };
    }
    /** What they have done when the event loop has come round once. */
    const frames = async (): Promise<number> => {
      stack.log = [];
      left = 50;
      send(0);
      await turns(1);
      const { length } = stack.log.filter((entry) => entry.startsWith('frame'));
      await turns(60);
      return length;
    };
    expect(await frames()).to.equal(50);
    pass(1_000);
    const receive = stack.receive.bind(stack);
    stack.receive = (port, frame) => {
      pass(100);
      receive(port, frame);
    };
    expect(await frames()).to.be.within(1, 10);
  });

  it('answers that are there already are taken in the same turn, while it looks for frames', async () => {
    await started({ lookFor: 100_000 }, new VirtualClock(micros(1_000_000)));
    const poll = stack.poll.bind(stack);
    let answers = 2;
    stack.poll = (now) => {
      poll(now);
      if (answers-- > 0) links[0]!.arrived.push(pool.from(new Uint8Array(60)));
    };
    arrive(0, 1);
    await turns(1);
    expect(stack.log.slice(0, 6)).to.deep.equal(['frame 0', 'poll', 'frame 0', 'poll', 'frame 0', 'poll']);
  });

  it('corks the links while the stack takes a batch and while it sends, never while programs run', async () => {
    const link = links[0] as Link;
    link.cork = (corked) => stack.log.push(corked ? 'cork' : 'uncork');
    await started({ lookFor: 0, deliver: () => stack.log.push('programs') * 0 });
    stack.log = [];
    arrive(0, 2);
    await turns(2);
    const batch = ['cork', 'frame 0', 'frame 0', 'uncork', 'programs'];
    expect(stack.log).to.deep.equal([...batch, 'cork', 'poll', 'uncork', 'programs']);
  });

  it('lets the far end have the processor before it looks for answers, as long as that brings some', async () => {
    let given = 0;
    (links[0] as Link).giveWay = () => {
      given++;
      links[0]!.arrived.push(pool.from(new Uint8Array(60)));
    };
    const rounds = 200;
    await started({ lookFor: 1_000_000 }, new VirtualClock(micros(1_000_000)));
    for (let i = 0; i < rounds; i++) {
      arrive(0, 1);
      await turns(1);
    }
    expect(given).to.be.above(rounds / 2);
    expect(pool.inUse).to.equal(0);
  });

  it('links need not wake it while it looks by itself, unless nothing else keeps the event loop going', async () => {
    const wanted: boolean[] = [];
    (links[0] as Link).wantWakes = (wakes) => wanted.push(wakes);
    const time = new VirtualClock(micros(1_000_000));
    await started({ lookFor: 3_000 }, time);
    arrive(0, 1);
    await turns(3);
    expect(wanted).to.deep.equal([false]);
    driver.unref();
    expect(wanted).to.deep.equal([false, true]);
    await turns(3);
    driver.ref();
    arrive(0, 1);
    await turns(3);
    expect(wanted).to.deep.equal([false, true, false]);
    time.advanceTo(micros(time.now() + 5_000));
    await turns(2);
    expect(wanted).to.deep.equal([false, true, false, true]);
  });

  it('a wake amid a turn is not lost', async () => {
    await started({
      deliver: () => {
        if (stack.polls === 1) arrive(1, 1);
        return 0;
      },
    });
    arrive(0, 1);
    await turns(2);
    expect(stack.log).to.deep.equal(['frame 0', 'poll', 'frame 1', 'poll']);
  });

  for (const [name, span] of [
    ['300 us', 300],
    ['3.5 ms', 3_500],
    ['15 ms', 15_000],
  ] as const) {
    it(`polls when a deadline in ${name} has come, not before`, async () => {
      await started();
      const due = micros(clock.now() + span);
      stack.deadline = due;
      driver.kick();
      while (stack.deadline !== NEVER) await sleep(1);
      expect(stack.polledAt).to.be.at.least(due);
    });
  }

  it('a nearer deadline replaces a farther one', async () => {
    await started();
    stack.deadline = micros(clock.now() + 60_000_000);
    driver.kick();
    await turns(2);
    stack.deadline = micros(clock.now() + 2_000);
    driver.kick();
    while (stack.deadline !== NEVER) await sleep(1);
  });

  it("a link's deadline counts as the stack's own does", async () => {
    await started();
    links[1]!.deadline = micros(clock.now() + 2_000);
    links[1]!.arrived.push(pool.from(new Uint8Array(60)));
    driver.kick();
    while (links[1]!.arrived.length > 0) await sleep(1);
    links[1]!.deadline = NEVER;
  });

  it('an idle stack is left alone', async () => {
    await started();
    await turns(20);
    await sleep(5);
    expect(stack.polls).to.equal(0);
  });

  it('looks again for a while after a frame, then sleeps', async () => {
    await started({ lookFor: 3_000 });
    arrive(0, 1);
    await turns(3);
    expect(stack.polls).to.be.at.least(3);
    await sleep(20);
    await turns(2);
    const { polls } = stack;
    await turns(10);
    expect(stack.polls).to.equal(polls);
  });

  it("lookFor 'spin' never sleeps", async () => {
    await started({ lookFor: 'spin' });
    await turns(10);
    expect(stack.polls).to.be.at.least(9);
  });

  it('a link that is closed does not stop the others', async () => {
    await started();
    links[0]!.close();
    arrive(0, 1);
    arrive(1, 1);
    await turns(1);
    expect(stack.log).to.deep.equal(['frame 1', 'poll']);
    for (const frame of links[0]!.arrived) frame.release();
  });

  it('takes a link that is added while it runs as the next port', async () => {
    await started();
    links.push(new TestLink());
    driver.addLink(links[2]!);
    arrive(2, 1);
    await turns(1);
    expect(stack.log).to.deep.equal(['frame 2', 'poll']);
  });

  for (const [when, polls] of [
    ['after input', 0],
    ['after output', 1],
  ] as const) {
    it(`a program's exception ${when} reaches its handler, and the host lives on`, async () => {
      let thrown = false;
      await started({
        deliver: () => {
          if (thrown || stack.polls !== polls) return 0;
          thrown = true;
          throw new Error('of the program');
        },
      });
      const caught = await uncaught(() => arrive(0, 1));
      expect(caught.message).to.equal('of the program');
      arrive(0, 1);
      await turns(1);
      expect(stack.log).to.deep.equal(['frame 0', 'poll', 'frame 0', 'poll']);
    });
  }

  it('close closes the links and ends all turns; twice is allowed', async () => {
    await started({ lookFor: 'spin' });
    driver.kick();
    driver.close();
    driver.close();
    driver.kick();
    arrive(0, 1);
    await turns(3);
    expect(stack.polls).to.equal(0);
    expect(links.map((link) => link.closed)).to.deep.equal([1, 1]);
  });

  it('close may be called by a program amid a turn', async () => {
    await started({
      deliver: () => {
        stack.pending = true;
        driver.close();
        return 1;
      },
    });
    arrive(0, 1);
    await turns(3);
    expect(stack.polls).to.equal(0);
  });

  for (const [what, call] of [
    ['close', 'driver.close()'],
    ['unref', 'driver.unref()'],
    ['unref before start', ''],
  ] as const) {
    it(`nothing keeps the process alive after ${what}, though a deadline is far away`, async () => {
      const script = `
        import { Driver, MonotonicClock } from './src/stack/driver.ts';
        const clock = new MonotonicClock();
        const stack = { receive() {}, poll() {}, nextDeadline: () => clock.now() + 3_600_000_000, pending: false };
        const driver = new Driver(stack, [], clock);
        ${call === '' ? 'driver.unref();' : ''}
        driver.start();
        const wait = setTimeout(() => { ${call}; process.stdout.write('ended'); }, 10);`;
      const args = ['--import', 'tsx', '--input-type=module', '-e', script];
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 10_000 });
      expect(stdout).to.equal('ended');
    });
  }

  it('the clock is in whole microseconds and never goes back', () => {
    let before = clock.now();
    for (let i = 0; i < 1000; i++) {
      const now = clock.now();
      expect(Number.isInteger(now) && now >= before).to.equal(true);
      before = now;
    }
  });
});

/** Lets the event loop come round `count` times. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

/** Runs `cause` and waits for the exception that nobody catches. The test runner's own handlers stand aside. */
async function uncaught(cause: () => void): Promise<Error> {
  const handlers = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const caught = new Promise<Error>((resolve) => process.once('uncaughtException', resolve));
  try {
    cause();
    return await caught;
  } finally {
    for (const handler of handlers) process.on('uncaughtException', handler);
  }
}
