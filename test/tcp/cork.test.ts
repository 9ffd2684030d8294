/**
 * TCP_CORK, MSG_MORE and TCP_NOTSENT_LOWAT, as tcp(7) and send(2) have them.
 */
import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { MS } from '../../src/core/time.ts';
import { Readiness, Wake } from '../../src/tcp/service.ts';
import type { TcpOptions } from '../../src/tcp/service.ts';
import { inState } from '../support/tcp-scene.ts';
import type { Scene } from '../support/tcp-scene.ts';

const lengths = (s: Scene): number[] => s.take().map(({ data }) => data.length);
const opened = (changes: Partial<TcpOptions> = {}): Scene => inState('ESTABLISHED', {}, changes);
const more = (s: Scene, length: number): number => s.conn.send(new Uint8Array(length), 0, length, true);

describe('TCP_CORK', () => {
  it('MAY-16: holds a small segment, sends whole ones', () => {
    const s = opened({ cork: true });
    s.write(100);
    expect(lengths(s.poll())).to.deep.equal([]);
    s.write(3000);
    expect(lengths(s.poll())).to.deep.equal([1460, 1460]);
  });

  it('pulled, lets everything out at once', () => {
    const s = opened({ cork: true });
    s.write(100);
    s.poll();
    s.write(100);
    s.conn.setOptions({ cork: false });
    expect(lengths(s.poll())).to.deep.equal([200]);
  });

  it('holds for 200 ms at most', () => {
    const s = opened({ cork: true });
    s.write(100);
    s.poll().advance(150 * MS);
    s.write(100);
    expect(lengths(s.poll().advance(50 * MS - 1))).to.deep.equal([]);
    expect(lengths(s.advance(1))).to.deep.equal([200]);
    s.deliver('<SEQ=301><ACK=301><CTL=ACK>');
    s.write(100);
    expect(lengths(s.poll().advance(199 * MS)), 'the next one anew').to.deep.equal([]);
    expect(lengths(s.advance(1 * MS))).to.deep.equal([100]);
  });

  it('counts the time from when all before it is acknowledged', () => {
    const s = opened({ cork: true });
    s.write(1560);
    expect(lengths(s.poll())).to.deep.equal([1460]);
    s.advance(150 * MS).deliver('<SEQ=301><ACK=1561><CTL=ACK>');
    expect(lengths(s.advance(199 * MS))).to.deep.equal([]);
    expect(lengths(s.advance(1 * MS))).to.deep.equal([100]);
  });

  it('is stronger than TCP_NODELAY, but setting that sends what is queued', () => {
    const s = opened({ cork: true, noDelay: true });
    s.write(100);
    expect(lengths(s.poll())).to.deep.equal([]);
    s.conn.setOptions({ noDelay: true });
    expect(lengths(s.poll()), 'what was queued').to.deep.equal([100]);
    s.write(100);
    expect(lengths(s.poll()), 'what comes later').to.deep.equal([]);
  });

  it('does not hold a FIN, urgent data, or what is sent again', () => {
    const s = opened({ cork: true });
    s.write(100);
    expect(lengths(s.close())).to.deep.equal([100]);
    const t = opened({ cork: true });
    t.conn.sendUrgent(new Uint8Array(3), 0, 3);
    expect(lengths(t.poll())).to.deep.equal([3]);
    expect(lengths(t.advance(1500 * MS)).every((length) => length === 3)).to.equal(true);
  });
});

describe('MSG_MORE', () => {
  it('holds a small segment until a send without it', () => {
    const s = opened();
    more(s, 100);
    expect(lengths(s.poll())).to.deep.equal([]);
    more(s, 50);
    expect(lengths(s.poll())).to.deep.equal([]);
    s.write(10);
    expect(lengths(s.poll())).to.deep.equal([160]);
  });

  it('holds for 200 ms at most, and no whole segments', () => {
    const s = opened();
    more(s, 1500);
    expect(lengths(s.poll())).to.deep.equal([1460]);
    s.deliver('<SEQ=301><ACK=1561><CTL=ACK>');
    expect(lengths(s.advance(199 * MS))).to.deep.equal([]);
    expect(lengths(s.advance(1 * MS))).to.deep.equal([40]);
  });

  it('does not outlive close', () => {
    const s = opened();
    more(s, 100);
    s.poll();
    s.conn.close();
    expect(
      s
        .poll()
        .take()
        .map(({ text }) => text),
    ).to.deep.equal(['<SEQ=101><ACK=301><CTL=FIN,ACK><DATA=100>']);
  });
});

describe('TCP_NOTSENT_LOWAT', () => {
  const isWritable = (s: Scene): boolean => (s.conn.readiness() & Readiness.Writable) !== 0;

  it('takes octets while less than it waits unsent, and is writable below half of it', () => {
    const s = opened({ notsentLowat: 10_000 });
    s.deliver('<SEQ=301><ACK=101><CTL=ACK><WND=1460>');
    expect(isWritable(s)).to.equal(true);
    expect(s.write(50_000), 'to the end of the segment that crosses it').to.equal(7 * 1460);
    expect([s.write(1), isWritable(s)]).to.deep.equal([-Errno.EAGAIN, false]);
    expect(lengths(s.poll())).to.deep.equal([1460]);
    expect([isWritable(s), s.write(50_000)], 'unsent: 8760').to.deep.equal([false, 1460]);
    s.deliver('<SEQ=301><ACK=1561><CTL=ACK><WND=7300>');
    expect(isWritable(s), 'unsent: 2920').to.equal(true);
  });

  it('tells who waits when what was queued has been sent, not when it is acknowledged', () => {
    const s = opened({ notsentLowat: 4000 });
    let told = 0;
    s.conn.owner = { onReadiness: () => told++ };
    s.write(4000);
    expect([isWritable(s), told]).to.deep.equal([false, 0]);
    s.poll();
    expect([isWritable(s), told > 0]).to.deep.equal([true, true]);
  });

  it('tells of room once it is there, for those who write, and not again with every segment', () => {
    const s = opened({ notsentLowat: 4000 });
    const wakes: (number | undefined)[] = [];
    s.conn.owner = { onReadiness: (wake) => wakes.push(wake) };
    s.write(4000);
    s.poll();
    s.deliver('<SEQ=301><ACK=4101><CTL=ACK><WND=7300>');
    s.poll();
    s.deliver('<SEQ=301><ACK=4101><CTL=ACK><WND=7300><DATA=10>');
    s.poll();
    expect(wakes).to.deep.equal([Wake.Write, Wake.Read]);
  });

  it('0 is no bound, and a negative one no value', () => {
    const s = opened({ notsentLowat: 0 });
    expect(s.write(100_000)).to.equal(100_000);
    expect(s.conn.setOptions({ notsentLowat: -1 })).to.equal(-Errno.EINVAL);
  });
});
