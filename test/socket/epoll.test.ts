/** Edge-triggered epoll where the sizes of buffers, or a bit that Linux has not, keep the kernel out: the rest is in differential/epoll-edge-cases.ts. */
import { expect } from 'chai';
import * as c from '../../src/socket/constants.ts';
import { askTapstack } from '../support/differential.ts';
import { add, waits } from './differential/epoll-steps.ts';
import { connected, epoll } from './differential/scenes.ts';
import { one } from './differential/steps.ts';
import type { Json, Step } from './differential/steps.ts';

/** What each wait of the steps has told. */
function told(...steps: Step[]): Json[] {
  const results = askTapstack(one('edge-triggered', epoll('e'), ...connected, ...steps));
  return results.slice(-steps.length).filter((_, i) => steps[i] === waits);
}

const NOTHING = [0];

describe('edge-triggered epoll', () => {
  it('tells once that a buffer which was full has room again', () => {
    const reads = Array.from({ length: 40 }, (): Step => ['recv', 'c', 100_000, c.MSG_TRUNC]);
    expect(
      told(
        add('a', c.EPOLLIN | c.EPOLLOUT | c.EPOLLET),
        waits,
        ['ioctl', 'a', c.FIONBIO, 1],
        ['send', 'a', { size: 20_000_000 }],
        waits,
        ...reads,
        waits,
        waits,
      ),
    ).to.deep.equal([[1, [1, c.EPOLLOUT]], NOTHING, [1, [1, c.EPOLLOUT]], NOTHING]);
  });

  it('tells of urgent data that lies ahead those only who ask for that', () => {
    expect(
      told(
        add('a', c.EPOLLOUT | c.EPOLLET, 1),
        ['dup', 'a', 'b'],
        add('b', c.POLLMSG | c.EPOLLET, 2),
        waits,
        ['send', 'c', 'ahead', c.MSG_OOB],
        waits,
        waits,
      ),
    ).to.deep.equal([[1, [1, c.EPOLLOUT]], [1, [2, c.POLLMSG]], NOTHING]);
  });
});
