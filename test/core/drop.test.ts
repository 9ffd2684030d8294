import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { DROP_REASONS, Drops } from '../../src/core/drop.ts';
import { FramePool } from '../../src/core/frame.ts';
import { ROOT } from '../support/sources.ts';

const TESTS = join(ROOT, 'test');

describe('core/drop', () => {
  it('counts by reason and tells the listener, who is lent the frame', () => {
    const drops = new Drops();
    const frame = new FramePool().acquire(1);
    const heard: unknown[] = [];
    expect(drops.count('link-down')).to.equal(0);
    drops.drop('link-down');
    drops.listener = (reason, about) => heard.push([reason, about]);
    drops.drop('link-down', frame);
    drops.drop('link-too-long');
    expect(drops.count('link-down')).to.equal(2);
    expect(drops.snapshot()).to.deep.equal({ 'link-down': 2, 'link-too-long': 1 });
    expect(heard).to.deep.equal([
      ['link-down', frame],
      ['link-too-long', undefined],
    ]);
    frame.release();
  });

  it('every reason is named by its layer and explained in a sentence', () => {
    for (const [reason, sentence] of Object.entries(DROP_REASONS)) {
      expect(reason, reason).to.match(/^[a-z0-9]+(-[a-z0-9]+)+$/);
      expect(sentence.length, reason).to.be.above(15);
      expect(sentence, reason).not.to.match(/\.$/);
    }
  });

  it('every reason occurs in a test', () => {
    const files = readdirSync(TESTS, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const tests = files.map((name) => readFileSync(join(TESTS, name), 'utf8')).join('\n');
    const missing = Object.keys(DROP_REASONS).filter((reason) => !tests.includes(`'${reason}'`));
    expect(missing).to.deep.equal([]);
  });
});
