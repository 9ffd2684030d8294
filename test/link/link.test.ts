import { expect } from 'chai';
import { makeContext } from '../../src/core/context.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { impair } from '../../src/link/impair.ts';
import type { Link } from '../../src/link/link.ts';
import { segmented } from '../../src/link/segmentation.ts';
import { tee } from '../../src/link/tee.ts';
import { FakeLink } from '../support/fake-link.ts';

const WRAPPERS: Readonly<Record<string, (link: Link) => Link>> = {
  tee: (link) => tee(link, () => undefined),
  impair: (link) => impair(link),
  segmented: (link) => segmented(link, makeContext(new SeededRandom(1))),
};

describe('link/link', () => {
  for (const [name, wrap] of Object.entries(WRAPPERS)) {
    it(`${name}: the link within hears what its owner says of wakes, of sending and of looking`, () => {
      const within = new FakeLink();
      const link = wrap(within);
      expect(link).not.to.equal(within);
      link.wantWakes!(false);
      link.cork!(true);
      expect(within).to.include({ wantsWakes: false, corked: true });
      link.giveWay!();
      expect(within.given).to.equal(1);
      link.wantWakes!(true);
      link.cork!(false);
      expect(within).to.include({ wantsWakes: true, corked: false });
    });
  }
});
