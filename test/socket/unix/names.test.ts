import { expect } from 'chai';
import fc from 'fast-check';
import { Errno } from '../../../src/core/errno.ts';
import type { Name, NameOut } from '../../../src/socket/address.ts';
import { AF_UNIX, SOCK_DGRAM, SOCK_STREAM } from '../../../src/socket/constants.ts';
import { readName, writeName } from '../../../src/socket/unix/names.ts';
import type { UnixName } from '../../../src/socket/unix/names.ts';
import { runs } from '../../support/runs.ts';
import { UnixScene, at } from './scene.ts';

const sockaddr = (...path: number[]): Uint8Array => Uint8Array.from([AF_UNIX, 0, ...path]);

describe('Unix names', () => {
  const rows: readonly (readonly [string, Name, string | number])[] = [
    ['a path', at('/tmp/x'), '/tmp/x'],
    ['a path of 108 octets', at('x'.repeat(108)), 'x'.repeat(108)],
    ['a path of 109 octets', at('x'.repeat(109)), -Errno.EINVAL],
    ['octets count, not characters', at('\u00e9'.repeat(55)), -Errno.EINVAL],
    ['a path with something behind its NUL', at('a\0b'), 'a'],
    ['an abstract name', at('\0a\0b'), '\0a\0b'],
    ['no name', at(''), ''],
    ['UTF-8', at('\u00e9\u{1f600}'), '\xc3\xa9\xf0\x9f\x98\x80'],
    ['an octet that is not UTF-8', at('a\udcff'), 'a\xff'],
    ['octets', sockaddr(0x61, 0x62), 'ab'],
    ['octets with a NUL', sockaddr(0x61, 0, 0x62), 'a'],
    ['octets of an abstract name', sockaddr(0, 0x61, 0), '\0a\0'],
    ['the family alone', sockaddr(), ''],
    ['half a family', Uint8Array.of(AF_UNIX), -Errno.EINVAL],
    ['octets of another family', Uint8Array.of(2, 0, 0, 80), -Errno.EINVAL],
    ['an Internet address', { address: '127.0.0.1', port: 80 }, -Errno.EINVAL],
    ['no address at all', null, -Errno.EFAULT],
  ];
  for (const [what, name, expected] of rows) {
    it(`reads ${what}`, () => {
      expect(readName(name)).to.equal(expected);
    });
  }

  it('are shown as records that are read as the same octets, whatever these are', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 108 }), (path) => {
        const name = readName(sockaddr(...path)) as UnixName;
        const shown: NameOut = {};
        writeName(name, shown);
        expect(shown.family).to.equal(AF_UNIX);
        expect(readName(at(shown.path!))).to.equal(name);
      }),
      runs(300),
    );
  });

  it('are unnamed without a name', () => {
    const shown: NameOut = {};
    writeName(undefined, shown);
    expect(shown).to.deep.equal({ family: AF_UNIX, path: '' });
  });
});

describe('Unix namespace', () => {
  it('holds config.socket.maxUnixPaths path names, those of closed sockets included: ENOSPC', () => {
    const scene = new UnixScene({ maxUnixPaths: 2 });
    scene.calls.close(scene.bound(SOCK_STREAM, 'a'));
    scene.bound(SOCK_STREAM, 'b');
    const third = scene.socket(SOCK_STREAM);
    expect(scene.calls.bind(third, at('c'))).to.equal(-Errno.ENOSPC);
    expect(scene.name(third).path).to.equal('');
    expect(scene.calls.unlink('a')).to.equal(0);
    expect(scene.calls.bind(third, at('c'))).to.equal(0);
  });

  it('gives every socket that autobinds a name of its own', () => {
    const scene = new UnixScene();
    const names = Array.from({ length: 500 }, () => scene.name(scene.bound(SOCK_DGRAM, '')).path!);
    expect(new Set(names).size).to.equal(500);
    for (const name of names) expect(name).to.match(/^\0[0-9a-f]{5}$/);
  });

  it('frees an abstract name with its socket, not with a connection that was accepted under it', () => {
    const scene = new UnixScene();
    const listener = scene.listening(SOCK_STREAM, '\0name');
    const client = scene.socket(SOCK_STREAM);
    expect(scene.calls.connect(client, at('\0name'))).to.equal(0);
    const accepted = scene.calls.accept(listener);
    expect(scene.name(accepted).path).to.equal('\0name');
    scene.calls.close(accepted);
    expect(scene.calls.connect(scene.socket(SOCK_STREAM), at('\0name'))).to.equal(0);
    scene.calls.close(listener);
    expect(scene.calls.connect(scene.socket(SOCK_STREAM), at('\0name'))).to.equal(-Errno.ECONNREFUSED);
  });
});
