import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { Errno, errnoName, errnoText } from '../../src/core/errno.ts';

describe('core/errno', () => {
  const known: [keyof typeof Errno, number, string][] = [
    ['EAGAIN', 11, 'Resource temporarily unavailable'],
    ['EADDRINUSE', 98, 'Address already in use'],
    ['ECONNRESET', 104, 'Connection reset by peer'],
    ['ETIMEDOUT', 110, 'Connection timed out'],
    ['ECONNREFUSED', 111, 'Connection refused'],
    ['EINPROGRESS', 115, 'Operation now in progress'],
  ];
  for (const [name, value, text] of known) {
    it(`${name} is ${value}, whatever its sign`, () => {
      expect(Errno[name]).to.equal(value);
      expect(errnoName(-value)).to.equal(name);
      expect(errnoName(value)).to.equal(name);
      expect(errnoText(-value)).to.equal(text);
    });
  }

  it('no two names share a number', () => {
    expect(new Set(Object.values(Errno)).size).to.equal(Object.keys(Errno).length);
  });

  it('an unknown number says so', () => {
    expect(errnoName(9999)).to.equal('UNKNOWN');
    expect(errnoText(-9999)).to.equal('Unknown error 9999');
  });

  it("all numbers and texts are the machine's, where it is a Linux with Python", function () {
    const script =
      'import errno, os, json; print(json.dumps({n: [c, os.strerror(c)] for c, n in errno.errorcode.items()}))';
    const { status, stdout } = spawnSync('python3', ['-c', script], { encoding: 'utf8' });
    if (process.platform !== 'linux' || status !== 0) this.skip();
    const table = JSON.parse(stdout) as Record<string, [number, string]>;
    for (const [name, value] of Object.entries(Errno)) {
      if (name in table) expect([value, errnoText(value)], name).to.deep.equal(table[name]);
    }
  });
});
