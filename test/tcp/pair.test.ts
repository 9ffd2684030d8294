import { expect } from 'chai';
import { HOUR, MS, SECOND } from '../../src/core/time.ts';
import { ANY_ADDRESS } from '../../src/ip/address.ts';
import { SeededRandom } from '../../src/core/random.ts';
import type { TcpConnection, TcpListener } from '../../src/tcp/service.ts';
import { Pair } from '../support/tcp-pair.ts';
import type { Impairment } from '../support/tcp-pair.ts';

const EAGAIN = -11;

/** Writes `data` as the ring takes it, then closes the sending direction. */
class Writer {
  readonly #data: Uint8Array;
  #at = 0;
  done = false;
  constructor(data: Uint8Array) {
    this.#data = data;
  }
  step(conn: TcpConnection): number {
    while (this.#at < this.#data.length) {
      const taken = conn.send(this.#data, this.#at, this.#data.length - this.#at);
      if (taken === EAGAIN) return 0;
      if (taken < 0) return taken;
      this.#at += taken;
    }
    if (!this.done) {
      this.done = true;
      conn.shutdownSend();
    }
    return 0;
  }
}

class Reader {
  readonly chunks: Uint8Array[] = [];
  ended = false;
  error = 0;
  step(conn: TcpConnection): void {
    for (;;) {
      if (this.ended || this.error !== 0) return;
      const into = new Uint8Array(10000);
      const got = conn.receive(into, 0, into.length);
      if (got === EAGAIN) return;
      if (got < 0) this.error = got;
      else if (got === 0) this.ended = true;
      else this.chunks.push(into.subarray(0, got));
    }
  }
  get data(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

function randomData(length: number, seed: number): Uint8Array {
  const random = new SeededRandom(seed);
  return Uint8Array.from({ length }, () => random.u32() & 0xff);
}

interface Outcome {
  a: Reader;
  b: Reader;
  sent: [Uint8Array, Uint8Array];
  pair: Pair;
}

/** Both ends send and close; runs until all is quiet. */
function exchange(seed: number, impairment: Impairment, lengths: [number, number], maxSegment = 1500): Outcome {
  const pair = new Pair(seed, impairment, { tcp: { sendBuffer: 65536, receiveBuffer: 65536 } });
  pair.a.ip.maxSegment = maxSegment;
  pair.b.ip.maxSegment = maxSegment;
  pair.a.ip.checksumOffload = pair.b.ip.checksumOffload = maxSegment > 1500;
  const sent: [Uint8Array, Uint8Array] = [randomData(lengths[0], seed), randomData(lengths[1], seed + 1)];
  const listener = pair.b.tcp.listen(ANY_ADDRESS, 80, 5, pair.b.tcp.defaultOptions()) as TcpListener;
  const client = pair.a.tcp.connect(
    ANY_ADDRESS,
    4000,
    pair.b.address,
    80,
    pair.a.tcp.defaultOptions(),
  ) as TcpConnection;
  const [writerA, writerB] = [new Writer(sent[0]), new Writer(sent[1])];
  const [readerA, readerB] = [new Reader(), new Reader()];
  let server: TcpConnection | undefined = undefined;
  pair.run(2 * HOUR, () => {
    server ??= listener.accept();
    if (client.state !== 'SYN-SENT') {
      readerA.step(client);
      writerA.step(client);
    }
    if (server !== undefined) {
      readerB.step(server);
      writerB.step(server);
    }
    return false;
  });
  return { a: readerA, b: readerB, sent, pair };
}

describe('two TCPs over a pipe', () => {
  it('carry data both ways and close', () => {
    const { a, b, sent, pair } = exchange(1, { loss: 0, duplicate: 0, delay: MS, jitter: 0 }, [200_000, 50_000]);
    expect(b.data.equals(Buffer.from(sent[0]))).to.equal(true);
    expect(a.data.equals(Buffer.from(sent[1]))).to.equal(true);
    expect([a.ended, b.ended]).to.deep.equal([true, true]);
    expect([...pair.a.tcp.connections()].length + [...pair.b.tcp.connections()].length).to.equal(0);
    expect([pair.a.context.frames.inUse, pair.b.context.frames.inUse]).to.deep.equal([0, 0]);
  });

  const impairments: [string, Impairment][] = [
    ['loss of 5 %', { loss: 0.05, duplicate: 0, delay: 10 * MS, jitter: 0 }],
    ['loss of 30 %', { loss: 0.3, duplicate: 0, delay: 10 * MS, jitter: 0 }],
    ['reordering', { loss: 0, duplicate: 0, delay: 5 * MS, jitter: 20 * MS }],
    ['duplication', { loss: 0, duplicate: 0.3, delay: 5 * MS, jitter: 0 }],
    ['all of it', { loss: 0.1, duplicate: 0.1, delay: 5 * MS, jitter: 30 * MS }],
  ];
  for (const [name, impairment] of impairments) {
    for (const maxSegment of [1500, 65535]) {
      it(`deliver exactly the octets under ${name}, segments of up to ${maxSegment} octets`, () => {
        for (let seed = 1; seed <= 15; seed++) {
          const { a, b, sent, pair } = exchange(seed, impairment, [30_000, 20_000], maxSegment);
          const story = `seed ${seed} at ${pair.now / SECOND} s`;
          // Everything, or a prefix and an error; never a hang (run returned) and never a wrong octet.
          expect(b.data.equals(Buffer.from(sent[0].subarray(0, b.data.length))), story).to.equal(true);
          expect(a.data.equals(Buffer.from(sent[1].subarray(0, a.data.length))), story).to.equal(true);
          if (a.error === 0 && b.error === 0) {
            expect([b.data.length, a.data.length], story).to.deep.equal([30_000, 20_000]);
            expect([a.ended, b.ended], story).to.deep.equal([true, true]);
          }
          expect(pair.a.context.frames.inUse + pair.b.context.frames.inUse, story).to.equal(0);
          expect([...pair.a.tcp.connections(), ...pair.b.tcp.connections()].length, story).to.equal(0);
        }
      });
    }
  }
});
