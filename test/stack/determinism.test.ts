/**
 * One seed, one run: everything that a host can do at once over a bad line, twice, gives the same capture octet by octet; and
 * tshark, which has its own idea of the protocols, finds nothing wrong in it.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { MINUTE, MS, SECOND } from '../../src/core/time.ts';
import { twoHosts } from '../../src/lab/topology.ts';
import type { TwoHosts } from '../../src/lab/topology.ts';
import { patternBytes } from '../../src/lab/transfer.ts';
import type { ImpairSettings } from '../../src/link/impairment.ts';
import { connectTo, datagramEnd, ping, serve, serveEcho } from '../support/programs.ts';
import type { StreamEnd } from '../support/programs.ts';
import { same } from '../support/session.ts';
import { examine } from '../support/tshark.ts';

const BAD: ImpairSettings = {
  loss: 0.02,
  burstLoss: { enter: 0.002, leave: 0.3 },
  duplication: 0.02,
  reordering: 0.02,
  reorderDelay: 3 * MS,
  jitter: 2 * MS,
};

/** Streams both ways, echoes, pings, datagrams, a refused and a reset connection, closed windows, and every kind of close. */
function scenario(seed: number, bad: ImpairSettings): TwoHosts {
  const lab = twoHosts({
    seed,
    delay: 10 * MS,
    bandwidth: 50_000_000,
    impair: { outgoing: bad, incoming: bad },
    record: { frames: 10 },
  });
  const { a, b, simulation } = lab;
  serveEcho(b, 7);
  serveEcho(a, 7);
  datagramEnd(b, 7, '0.0.0.0', true);
  const slow: StreamEnd[] = [];
  serve(b, 9, (end) => slow.push(end), { reading: false, receiveBuffer: 5000 });
  serve(b, 10, (end) => simulation.at(simulation.now, () => end.close()), { reading: false });
  const ends = [
    ...Array.from({ length: 5 }, (_, i) =>
      connectTo(a, b.address, 7)
        .write(patternBytes(20_000 * i, i))
        .finish(),
    ),
    ...Array.from({ length: 3 }, (_, i) =>
      connectTo(b, a.address, 7)
        .write(patternBytes(10_000 * i, i))
        .finish(),
    ),
  ];
  connectTo(a, b.address, 81);
  connectTo(a, b.address, 10).write(patternBytes(5000));
  const held = connectTo(a, b.address, 9).write(patternBytes(30_000)).finish();
  const udp = datagramEnd(a, 2000);
  for (let i = 0; i < 40; i++) {
    simulation.at((i * 20 * MS) as never, () => {
      udp.send(patternBytes(36 * i, i), b.address, i % 10 === 0 ? 8 : 7);
      ping(i % 2 === 0 ? a : b, i % 2 === 0 ? b.address : a.address, patternBytes(36 * i), i);
    });
  }
  simulation.runFor(20 * SECOND);
  for (const end of slow) end.reading = true;
  simulation.run(
    () => ends.every((end) => end.ended || end.error !== '') && slow.every((end) => end.ended),
    10 * MINUTE,
  );
  for (const end of [...ends, held, ...slow]) end.close();
  simulation.runFor(5 * MINUTE);
  a.calls.closeAll();
  b.calls.closeAll();
  simulation.runFor(5 * MINUTE);
  expect(ends.map((end) => end.error).join(''), 'no stream failed').to.equal('');
  expect(lab.framesInUse()).to.equal(0);
  return lab;
}

describe('stack: determinism', () => {
  it('the same seed gives the same capture, octet by octet; another seed another', () => {
    const first = scenario(11, BAD).recorder.pcapng();
    expect(first.length).to.be.above(300_000);
    expect(same(first, scenario(11, BAD).recorder.pcapng())).to.equal(true);
    expect(same(first, scenario(12, BAD).recorder.pcapng())).to.equal(false);
  });

  for (const [name, bad] of [
    ['a bad line', BAD],
    ['a good line', {}],
  ] as const) {
    it(`tshark finds nothing malformed and no bad checksum: ${name}`, async function () {
      if (spawnSync('tshark', ['-v']).status !== 0) this.skip();
      const folder = mkdtempSync(join(tmpdir(), 'tapstack-'));
      try {
        const file = join(folder, 'capture.pcapng');
        writeFileSync(file, scenario(13, bad).recorder.pcapng());
        const { packets, verified, complaints } = await examine(file);
        expect(packets).to.be.above(400);
        expect(verified.tcp + verified.udp + verified.icmp).to.be.above(300);
        expect(complaints.filter(({ text }) => text.startsWith('Error'))).to.deep.equal([]);
      } finally {
        rmSync(folder, { recursive: true });
      }
    }).timeout(60_000);
  }
});
