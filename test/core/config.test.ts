import { expect } from 'chai';
import { DEFAULT_CONFIG, makeConfig } from '../../src/core/config.ts';
import { makeContext } from '../../src/core/context.ts';
import { SeededRandom } from '../../src/core/random.ts';

describe('core/config', () => {
  it('gives the defaults, in a copy of its own', () => {
    const config = makeConfig();
    expect(config).to.deep.equal(DEFAULT_CONFIG);
    config.tcp.msl = 1;
    config.ip.defaultTtl = 1;
    expect(DEFAULT_CONFIG.tcp.msl).to.equal(30_000_000);
    expect(makeConfig().ip.defaultTtl).to.equal(64);
  });

  it('changes what it is told to, and nothing else', () => {
    const config = makeConfig({ tcp: { msl: 5, timestamps: false } });
    expect(config).to.deep.equal({ ...DEFAULT_CONFIG, tcp: { ...DEFAULT_CONFIG.tcp, msl: 5, timestamps: false } });
  });

  it('every tunable is a number of at least 0 or a truth value', () => {
    for (const section of Object.values(DEFAULT_CONFIG) as object[]) {
      for (const [name, value] of Object.entries(section) as [string, unknown][]) {
        if (typeof value === 'boolean' || typeof value === 'string') continue;
        expect(value, name).to.be.a('number').that.is.at.least(0);
      }
    }
  });

  for (const value of [-1, NaN]) {
    it(`refuses ${value} and names the tunable`, () => {
      expect(() => makeConfig({ tcp: { rtoMin: value } })).to.throw(RangeError, 'config.tcp.rtoMin');
    });
  }

  const wrongType: [name: string, overrides: object][] = [
    ['config.tcp.timestamps must be a boolean, not 1', { tcp: { timestamps: 1 } }],
    ['config.tcp.msl must be a number, not undefined', { tcp: { msl: undefined } }],
    ['config.arp.nonsense is not known', { arp: { nonsense: 3 } }],
  ];
  for (const [message, overrides] of wrongType) {
    it(`refuses from those without types: ${message}`, () => {
      expect(() => makeConfig(overrides)).to.throw(RangeError, message);
    });
  }

  it('a context has it, and nothing in use', () => {
    const context = makeContext(new SeededRandom(1), { ip: { defaultTtl: 9 } });
    expect(context.config.ip.defaultTtl).to.equal(9);
    expect(context.frames.inUse).to.equal(0);
    expect(context.timers.size).to.equal(0);
    expect(() => makeContext(new SeededRandom(1), { ip: { defaultTtl: -9 } })).to.throw('config.ip.defaultTtl');
  });
});
