import { expect } from 'chai';
import { MINUTE, MS, SECOND } from '../../src/core/time.ts';
import { twoHosts } from '../../src/lab/topology.ts';
import type { TwoHosts, TwoHostsOptions } from '../../src/lab/topology.ts';
import { patternBytes, transfer } from '../../src/lab/transfer.ts';
import type { Transfer } from '../../src/lab/transfer.ts';
import type { ImpairSettings } from '../../src/link/impairment.ts';

const MEBIBYTE = 1024 * 1024;
const DATA = patternBytes(MEBIBYTE);
const bad: ImpairSettings = { loss: 0.05, duplication: 0.02, reordering: 0.05, reorderDelay: 3 * MS };

function run(options: Partial<TwoHostsOptions> = {}, bytes = DATA): { lab: TwoHosts; result: Transfer } {
  const lab = twoHosts({ seed: 1, delay: 5 * MS, bandwidth: 100_000_000, ...options });
  return { lab, result: transfer(lab.simulation, lab.a, lab.b, bytes) };
}

/** Compared whole, since chai would print a mebibyte. */
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** The story so far, for a test that fails. */
const story = (lab: TwoHosts): string => `\n${lab.recorder.ladder().split('\n').slice(0, 60).join('\n')}\n`;

describe('lab/transfer', () => {
  const rows: readonly (readonly [name: string, options: Partial<TwoHostsOptions>, limit: number])[] = [
    ['a good line', {}, 2 * SECOND],
    ['no delay, no bandwidth', { delay: 0, bandwidth: 0 }, SECOND],
    ['5 % loss, reordering and duplication there', { impair: { outgoing: bad } }, 2 * MINUTE],
    ['5 % loss, reordering and duplication both ways', { impair: { outgoing: bad, incoming: bad } }, 2 * MINUTE],
    ['corrupted octets', { impair: { outgoing: { corruption: 0.02 } } }, 2 * MINUTE],
    ['a queue of ten frames', { bandwidth: 10_000_000, queue: { frames: 10 } }, 2 * MINUTE],
    ['an MTU of 576', { mtu: 576 }, 10 * SECOND],
  ];
  for (const [name, options, limit] of rows) {
    it(`1 MiB arrives intact: ${name}`, () => {
      const { lab, result } = run(options);
      expect(result.error, story(lab)).to.equal('');
      expect(result.end, story(lab)).to.equal('reached');
      expect(result.received.length).to.equal(DATA.length);
      expect(same(result.received, DATA)).to.equal(true);
      expect(result.finished).to.be.below(limit);
      lab.simulation.runFor(MINUTE);
      expect(lab.framesInUse()).to.equal(0);
    });
  }

  it('an empty stream', () => {
    const { result } = run({}, new Uint8Array());
    expect(result).to.deep.include({ end: 'reached', error: '' });
    expect(result.received.length).to.equal(0);
  });

  it('two transfers one after the other, in both directions', () => {
    const { lab, result } = run({}, DATA.subarray(0, 5000));
    expect(result.end).to.equal('reached');
    const back = transfer(lab.simulation, lab.b, lab.a, DATA.subarray(0, 7000), { port: 5002 });
    expect(back.error).to.equal('');
    expect(same(back.received, DATA.subarray(0, 7000))).to.equal(true);
  });

  it('reports a refused connection', () => {
    const lab = twoHosts({ seed: 1 });
    const other = twoHosts({ seed: 1 });
    // The receiver listens in another network: nobody is there.
    const result = transfer(lab.simulation, lab.a, { ...other.b, address: '10.0.0.2' }, new Uint8Array(1));
    expect(result).to.deep.include({ end: 'reached', error: 'connect: ECONNREFUSED' });
    expect(result.connected).to.be.NaN;
  });

  it('is bounded when nothing arrives', () => {
    const lab = twoHosts({ seed: 1, impair: { outgoing: { loss: 1 } } });
    const result = transfer(lab.simulation, lab.a, lab.b, new Uint8Array(1), { limit: SECOND });
    expect(result.end).to.equal('limit');
    expect(lab.simulation.now).to.equal(SECOND);
  });

  it('takes about as long as the line needs', () => {
    const { result } = run({ bandwidth: 10_000_000, delay: MS });
    // 1 MiB with headers at 10 Mbit/s takes 0.88 s.
    expect(result.finished - result.started).to.be.within(0.87 * SECOND, 1.1 * SECOND);
    expect(result.goodput).to.be.within(950_000, 1_250_000);
  });
});

describe('lab/topology', () => {
  const lossy: Partial<TwoHostsOptions> = { impair: { outgoing: bad, incoming: bad } };
  const small = DATA.subarray(0, 100_000);
  const capture = (seed: number): Uint8Array => run({ ...lossy, seed }, small).lab.recorder.pcapng();

  it('the same seed gives the same capture, octet by octet; another seed another', () => {
    const first = capture(7);
    expect(first.length).to.be.above(100_000);
    expect(same(first, capture(7))).to.equal(true);
    expect(same(first, capture(8))).to.equal(false);
  });

  it('records why frames were dropped, and draws the story', () => {
    const { lab } = run({ impair: { outgoing: { drop: [3] } } }, small);
    const dropped = lab.recorder.frames().filter((frame) => frame.dropped !== undefined);
    expect(dropped.length).to.be.at.least(1);
    const text = lab.recorder.ladder();
    expect(text).to.match(/\|--- SYN seq 0 win \d+ mss 1460/);
    expect(text).to.match(/DROPPED impair/);
    expect(lab.recorder.lines()[0]).to.contain('  0.000000 out ARP announcement: 10.0.0.1 is at 02:00:00:00:00:01');
  });

  it('notes a drop on the frame that was dropped, not on what was sent meanwhile', () => {
    const lines = run({}, small)
      .lab.recorder.lines()
      .filter((line) => line.includes('DROPPED'));
    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(/in {2}ARP announcement: 10\.0\.0\.2 is at .* DROPPED arp-not-for-us/);
  });

  it('keeps a bounded number of frames for the story', () => {
    const { lab } = run({ record: { frames: 20 } }, small);
    expect(lab.recorder.frames()).to.have.length(20);
    // It still knows where the numbers began, and the scale of the windows.
    expect(lab.recorder.lines().at(-2)).to.match(/FIN,ACK seq 1 ack 100002 win \d{5,}/);
  });
});
