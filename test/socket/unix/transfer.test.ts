import { expect } from 'chai';
import fc from 'fast-check';
import { Errno } from '../../../src/core/errno.ts';
import * as c from '../../../src/socket/constants.ts';
import { runs, timeFor } from '../../support/runs.ts';
import { UnixScene } from './scene.ts';

const { SOCK_STREAM, SOCK_SEQPACKET, SHUT_RD, SHUT_WR, MSG_PEEK } = c;

type Step =
  | { readonly kind: 'send'; readonly size: number }
  | { readonly kind: 'receive'; readonly size: number; readonly peek: boolean }
  | { readonly kind: 'buffer'; readonly size: number }
  | { readonly kind: 'shut'; readonly reader: boolean }
  | { readonly kind: 'close' };

const size = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 80_000 }));
const rarely = 1;
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: fc.record({ kind: fc.constant('send' as const), size }) },
    { weight: 20, arbitrary: fc.record({ kind: fc.constant('receive' as const), size, peek: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('buffer' as const), size }) },
    { weight: rarely, arbitrary: fc.record({ kind: fc.constant('shut' as const), reader: fc.boolean() }) },
    { weight: rarely, arbitrary: fc.record({ kind: fc.constant('close' as const) }) },
  ),
  { maxLength: 80 },
);

/** Octets that differ from one place of the stream to the next. */
const pattern = (from: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => ((from + i) * 2_654_435_761) >>> 24);

/** A writer and a reader, and what the kernel's rules let through. */
class Run {
  readonly scene = new UnixScene();
  readonly writer: number;
  readonly reader: number;
  /** Octets, or messages by their octets, that were taken and not yet received. */
  taken: Uint8Array[] = [];
  sent = 0;
  writerOpen = true;
  writerShut = false;
  readerShut = false;

  constructor(type: number) {
    [this.writer, this.reader] = this.scene.pair(type);
  }

  /** Sends, and checks why if nothing is taken. Returns how many octets were, or undefined. */
  send(length: number): number | undefined {
    const { calls } = this.scene;
    const bytes = pattern(this.sent, length);
    const result = calls.send(this.writer, bytes, c.MSG_NOSIGNAL);
    if (!this.writerOpen) expect(result).to.equal(-Errno.EBADF);
    else if (this.writerShut || this.readerShut) expect(result).to.be.oneOf([-Errno.EPIPE, -Errno.EMSGSIZE]);
    else if (result < 0) expect(result).to.be.oneOf([-Errno.EAGAIN, -Errno.EMSGSIZE]);
    if (result < 0) return undefined;
    this.taken.push(bytes.slice(0, result));
    this.sent += result;
    return result;
  }

  /** What a receive gives when there is nothing: the end, or EAGAIN. */
  get nothing(): number {
    return !this.writerOpen || this.writerShut || this.readerShut ? 0 : -Errno.EAGAIN;
  }

  other(step: Exclude<Step, { readonly kind: 'send' | 'receive' }>): void {
    const { calls } = this.scene;
    if (step.kind === 'buffer') calls.setsockopt(this.writer, c.SOL_SOCKET, c.SO_SNDBUF, step.size);
    if (step.kind === 'shut') {
      calls.shutdown(step.reader ? this.reader : this.writer, step.reader ? SHUT_RD : SHUT_WR);
      if (step.reader) this.readerShut = true;
      else if (this.writerOpen) this.writerShut = true;
    }
    if (step.kind === 'close') {
      calls.close(this.writer);
      this.writerOpen = false;
    }
  }
}

describe('Unix transfer', () => {
  it('a stream pair delivers octets in order, with any mix of sends, receives, sizes and shutdowns', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const run = new Run(SOCK_STREAM);
        let received = 0;
        for (const step of list) {
          if (step.kind === 'send') {
            run.send(step.size);
          } else if (step.kind === 'receive') {
            const waiting = run.sent - received;
            const into = new Uint8Array(step.size);
            const count = run.scene.calls.recv(run.reader, into, step.peek ? MSG_PEEK : 0);
            expect(count).to.equal(waiting === 0 ? run.nothing : Math.min(step.size, waiting));
            if (count > 0) expect(into.subarray(0, count)).to.deep.equal(pattern(received, count));
            if (count > 0 && !step.peek) received += count;
            expect(run.scene.calls.ioctl(run.reader, c.SIOCINQ)).to.equal(run.sent - received);
          } else {
            run.other(step);
          }
        }
        // Whatever was taken comes, though its sender may be gone.
        const rest = new Uint8Array(run.sent - received + 1);
        const count = run.scene.calls.recv(run.reader, rest);
        expect(Math.max(0, count)).to.equal(run.sent - received);
        expect(rest.subarray(0, Math.max(0, count))).to.deep.equal(pattern(received, run.sent - received));
        expect(run.scene.calls.recv(run.reader, rest)).to.equal(run.nothing);
      }),
      runs(100),
    );
  }).timeout(timeFor(100, 50));

  it('a seqpacket pair delivers messages whole, with any mix of sends, receives, sizes and shutdowns', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const run = new Run(SOCK_SEQPACKET);
        for (const step of list) {
          if (step.kind === 'send') {
            const taken = run.send(step.size);
            if (taken !== undefined) expect(taken).to.equal(step.size);
          } else if (step.kind === 'receive') {
            expectMessage(run, step.size, step.peek);
          } else {
            run.other(step);
          }
        }
        while (run.taken.length > 0) expectMessage(run, 100_000, false);
        expectMessage(run, 1, false);
      }),
      runs(100),
    );
  }).timeout(timeFor(100, 50));

  /** Receives the first message that was taken: all of it, or what there is room for and MSG_TRUNC. */
  function expectMessage(run: Run, room: number, peek: boolean): void {
    const message = { iov: [new Uint8Array(room)], flags: 0 };
    const count = run.scene.calls.recvmsg(run.reader, message, peek ? MSG_PEEK : 0);
    const [first] = run.taken;
    if (first === undefined) {
      expect(count).to.equal(run.nothing);
      return;
    }
    expect(count).to.equal(Math.min(room, first.length));
    expect(message.iov[0]!.subarray(0, count)).to.deep.equal(first.subarray(0, count));
    expect(message.flags).to.equal(first.length > room ? c.MSG_TRUNC : 0);
    if (!peek) run.taken.shift();
  }

  it('what is queued is a copy', () => {
    const scene = new UnixScene();
    const [a, b] = scene.pair(SOCK_STREAM);
    const bytes = Uint8Array.of(97, 98);
    scene.calls.send(a, bytes);
    bytes.fill(0);
    expect(scene.recv(b)).to.equal('ab');
  });

  it('EPIPE calls the hook in the place of SIGPIPE for streams only, and not with MSG_NOSIGNAL', () => {
    const scene = new UnixScene();
    const heard: number[] = [];
    scene.calls.onBrokenPipe = (fd) => heard.push(fd);
    const [stream, other] = scene.pair(SOCK_STREAM);
    const [packets, peer] = scene.pair(SOCK_SEQPACKET);
    scene.calls.close(other);
    scene.calls.close(peer);
    expect(scene.send(stream, 'x', c.MSG_NOSIGNAL)).to.equal(-Errno.EPIPE);
    expect(scene.send(packets, 'x')).to.equal(-Errno.EPIPE);
    expect(heard).to.deep.equal([]);
    expect(scene.send(stream, 'x')).to.equal(-Errno.EPIPE);
    expect(heard).to.deep.equal([stream]);
  });
});
