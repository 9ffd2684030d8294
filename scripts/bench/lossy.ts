/**
 * A link that loses large frames on the way in, super-segments whole, as the kernel's packet filter does on the other side of a wire.
 * link/impair.ts, which cuts them first, would make every frame small.
 */
import { SeededRandom, randomUnit } from '../../src/core/random.ts';
import type { FrameSink, Link } from '../../src/link/link.ts';

/** Frames with fewer octets are acknowledgements and the like, and pass. */
export const LARGE = 1000;

export function lossy(link: Link, share: number): Link {
  const random = new SeededRandom(1);
  let deliver: FrameSink;
  const sift: FrameSink = (frame, now) => {
    if (frame.length > LARGE && randomUnit(random) < share) frame.release();
    else deliver(frame, now);
  };
  return {
    name: link.name,
    mtu: link.mtu,
    maxSegment: link.maxSegment,
    checksumOffload: link.checksumOffload,
    start: (wake) => link.start(wake),
    wantWakes: (wanted) => link.wantWakes?.(wanted),
    cork: (corked) => link.cork?.(corked),
    giveWay: () => link.giveWay?.(),
    receive: (sink, now, budget) => {
      deliver = sink;
      return link.receive(sift, now, budget);
    },
    send: (frame, now) => link.send(frame, now),
    nextDeadline: () => link.nextDeadline(),
    close: () => link.close(),
  };
}
